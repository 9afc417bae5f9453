from dataclasses import dataclass

from cleanarch_kit.application import Command, UnitOfWork, handles
from cleanarch_kit.domain import Clock
from users.application.interfaces.user_repository import UserRepository
from users.application.queries.get_profile import profile_tag
from users.domain.value_objects.user_id import UserId

__all__ = ["ActivateUser", "activate_user"]


@dataclass(frozen=True, slots=True)
class ActivateUser(Command):
    """Let a user use the service again."""

    user_id: UserId


@handles(ActivateUser)
async def activate_user(command: ActivateUser, *, users: UserRepository, unit: UnitOfWork, clock: Clock) -> None:
    """The unit of work saves what changed; the cached profile goes after the commit, and only then."""
    user = await users.get(command.user_id)
    user.activate(at=clock.now())
    unit.invalidate(profile_tag(user.id))
