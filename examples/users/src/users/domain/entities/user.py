from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from cleanarch_kit.domain import AggregateRoot, Email
from users.domain.events.user_events import UserActivated, UserDeactivated, UserRegistered, UserRoleChanged
from users.domain.exceptions.user_errors import InactiveUserError
from users.domain.value_objects.role import Role
from users.domain.value_objects.user_id import UserId
from users.domain.value_objects.user_name import UserName

__all__ = ["User"]


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    """Somebody who may use the service.

    Its methods take the time as an argument: the use case asks a clock, the entity never does. Asking for the state
    that a user is in already changes nothing and is no event.
    """

    email: Email
    name: UserName
    password_hash: str = field(repr=False)
    role: Role
    is_active: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def register(cls, *, email: Email, name: UserName, password_hash: str, at: datetime) -> Self:
        """A new user, active and without special rights."""
        user = cls(
            id=UserId.new(),
            email=email,
            name=name,
            password_hash=password_hash,
            role=Role.USER,
            is_active=True,
            created_at=at,
            updated_at=at,
        )
        user.record_event(UserRegistered(user_id=user.id, email=email, name=name, occurred_at=at))
        return user

    def activate(self, *, at: datetime) -> None:
        """Let the user use the service again."""
        if not self.is_active:
            self.is_active, self.updated_at = True, at
            self.record_event(UserActivated(user_id=self.id, occurred_at=at))

    def deactivate(self, *, at: datetime) -> None:
        """Keep the user from using the service."""
        if self.is_active:
            self.is_active, self.updated_at = False, at
            self.record_event(UserDeactivated(user_id=self.id, occurred_at=at))

    def change_role(self, role: Role, *, at: datetime) -> None:
        """Give the user another role.

        Raises:
            InactiveUserError: the user is deactivated.
        """
        if not self.is_active:
            raise InactiveUserError
        if role is not self.role:
            previous, self.role, self.updated_at = self.role, role, at
            self.record_event(UserRoleChanged(user_id=self.id, previous=previous, current=role, occurred_at=at))
