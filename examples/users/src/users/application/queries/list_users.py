from dataclasses import dataclass, field

from cleanarch_kit.application import Page, PageRequest, Query, handles
from cleanarch_kit.domain import Specification, contains, desc
from users.application.interfaces.user_repository import UserRepository
from users.application.queries.user_profile import UserProfile
from users.domain.entities.user import User
from users.domain.value_objects.role import Role

__all__ = ["ListUsers", "list_users"]


@dataclass(frozen=True, slots=True)
class ListUsers(Query[Page[UserProfile]]):
    """Users, a page at a time.

    Attributes:
        page: which page.
        search: part of a name or of an e-mail address, in any case; None for everybody.
        role: only users with this role.
        is_active: only users in this state.
        sort: names of sort fields, such as ``"-created,name"``; by default the newest come first.
    """

    page: PageRequest = field(default_factory=PageRequest)
    search: str | None = None
    role: Role | None = None
    is_active: bool | None = None
    sort: str | None = None


@handles(ListUsers)
async def list_users(query: ListUsers, *, users: UserRepository) -> Page[UserProfile]:
    """Criteria that are None are no criteria."""
    page = await users.paginate(
        query.page,
        _found_by(query.search) if query.search else None,
        (lambda user: user.role == query.role) if query.role else None,
        (lambda user: user.is_active == query.is_active) if query.is_active is not None else None,
        order_by=users.sorted_by(query.sort) or (lambda user: desc(user.created_at)),
    )
    return page.map(UserProfile.of)


def _found_by(text: str) -> Specification[User]:
    return Specification[User](lambda user: contains(user.name, text, ignore_case=True)) | Specification[User](
        lambda user: contains(user.email, text, ignore_case=True)
    )
