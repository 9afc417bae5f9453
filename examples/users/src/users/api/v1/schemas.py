from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict

from cleanarch_kit.application import Page
from cleanarch_kit.domain import Email
from users.application.queries.user_profile import UserProfile
from users.domain.value_objects.password import Password
from users.domain.value_objects.role import Role
from users.domain.value_objects.user_name import UserName

__all__ = ["NewUser", "RoleChange", "Search", "UserPage"]

Search = Annotated[str, Query(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Part of a name or an e-mail address, without control characters."""


class NewUser(BaseModel):
    """Whoever registers. The value objects check their fields, and name them when they refuse."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: UserName
    password: Password


class RoleChange(BaseModel):
    """The role that a user is to have."""

    model_config = ConfigDict(extra="forbid")

    role: Role


class UserPage(BaseModel):
    """Users of one page, and how many there are on all pages."""

    items: list[UserProfile]
    total: int
    page: int
    per_page: int
    pages: int

    @classmethod
    def of(cls, page: Page[UserProfile]) -> "UserPage":
        """A page as the client sees it."""
        return cls(items=list(page.items), total=page.total, page=page.page, per_page=page.per_page, pages=page.pages)
