from dataclasses import dataclass

from cleanarch_kit.application import Command, UnitOfWork, handles
from cleanarch_kit.domain import Clock
from users.application.interfaces.user_repository import UserRepository
from users.application.queries.get_profile import profile_tag
from users.domain.value_objects.user_id import UserId

__all__ = ["DeactivateUser", "deactivate_user"]


@dataclass(frozen=True, slots=True)
class DeactivateUser(Command):
    """Keep a user from using the service."""

    user_id: UserId


@handles(DeactivateUser)
async def deactivate_user(command: DeactivateUser, *, users: UserRepository, unit: UnitOfWork, clock: Clock) -> None:
    """The unit of work saves what changed; the cached profile goes after the commit, and only then."""
    user = await users.get(command.user_id)
    user.deactivate(at=clock.now())
    unit.invalidate(profile_tag(user.id))
