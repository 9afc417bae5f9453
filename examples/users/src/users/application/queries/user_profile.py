from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from cleanarch_kit.domain import Email
from users.domain.entities.user import User
from users.domain.value_objects.role import Role
from users.domain.value_objects.user_id import UserId
from users.domain.value_objects.user_name import UserName

__all__ = ["UserProfile"]


class UserProfile(BaseModel):
    """What the outside may know of a user. Each field is named here: nothing gets out by being added to the entity."""

    model_config = ConfigDict(frozen=True)

    id: UserId
    email: Email
    name: UserName
    role: Role
    is_active: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """The profile of a user."""
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            role=user.role,
            is_active=user.is_active,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )
