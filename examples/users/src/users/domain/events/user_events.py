from dataclasses import dataclass

from cleanarch_kit.domain import DomainEvent, Email
from users.domain.value_objects.role import Role
from users.domain.value_objects.user_id import UserId
from users.domain.value_objects.user_name import UserName

__all__ = ["UserActivated", "UserDeactivated", "UserRegistered", "UserRoleChanged"]


@dataclass(frozen=True, kw_only=True)
class UserRegistered(DomainEvent, name="users.user.registered"):
    """Somebody became a user. Holds what a welcome needs, so that nobody has to ask back."""

    user_id: UserId
    email: Email
    name: UserName


@dataclass(frozen=True, kw_only=True)
class UserActivated(DomainEvent, name="users.user.activated"):
    """A deactivated user may use the service again."""

    user_id: UserId


@dataclass(frozen=True, kw_only=True)
class UserDeactivated(DomainEvent, name="users.user.deactivated"):
    """A user may no longer use the service."""

    user_id: UserId


@dataclass(frozen=True, kw_only=True)
class UserRoleChanged(DomainEvent, name="users.user.role-changed"):
    """A user may do other things than before."""

    user_id: UserId
    previous: Role
    current: Role
