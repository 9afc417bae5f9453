from dataclasses import dataclass

from cleanarch_kit.application import Command, PasswordHasher, handles
from cleanarch_kit.domain import Clock, Email
from users.application.interfaces.user_repository import UserRepository
from users.domain.entities.user import User
from users.domain.value_objects.password import Password
from users.domain.value_objects.user_id import UserId
from users.domain.value_objects.user_name import UserName

__all__ = ["RegisterUser", "register_user"]


@dataclass(frozen=True, slots=True)
class RegisterUser(Command[UserId]):
    """Make somebody a user.

    Raises:
        EmailTakenError: another user has this e-mail address.
    """

    email: Email
    name: UserName
    password: Password


@handles(RegisterUser)
async def register_user(
    command: RegisterUser, *, users: UserRepository, passwords: PasswordHasher, clock: Clock
) -> UserId:
    """Hash first: it takes long, and nothing is locked yet. The unique key decides who gets an address."""
    password_hash = await passwords.hash(command.password)
    user = User.register(email=command.email, name=command.name, password_hash=password_hash, at=clock.now())
    await users.add(user)
    return user.id
