from dataclasses import dataclass

from cleanarch_kit.application import Command, UnitOfWork, handles
from cleanarch_kit.domain import Clock
from users.application.interfaces.user_repository import UserRepository
from users.application.queries.get_profile import profile_tag
from users.domain.value_objects.role import Role
from users.domain.value_objects.user_id import UserId

__all__ = ["ChangeRole", "change_role"]


@dataclass(frozen=True, slots=True)
class ChangeRole(Command):
    """Give a user another role.

    Raises:
        InactiveUserError: the user is deactivated.
    """

    user_id: UserId
    role: Role


@handles(ChangeRole)
async def change_role(command: ChangeRole, *, users: UserRepository, unit: UnitOfWork, clock: Clock) -> None:
    """The entity decides whether it may be."""
    user = await users.get(command.user_id)
    user.change_role(command.role, at=clock.now())
    unit.invalidate(profile_tag(user.id))
