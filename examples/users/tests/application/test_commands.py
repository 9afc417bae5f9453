from typing import Protocol

import pytest

from cleanarch_kit.application import MessageBus
from cleanarch_kit.domain import DomainEvent, Email
from cleanarch_kit.errors import NotFoundError
from users.application.commands.activate_user import ActivateUser
from users.application.commands.change_role import ChangeRole
from users.application.commands.deactivate_user import DeactivateUser
from users.application.commands.register_user import RegisterUser
from users.domain.entities.user import User
from users.domain.events.user_events import UserActivated, UserDeactivated, UserRegistered, UserRoleChanged
from users.domain.exceptions.user_errors import EmailTakenError, InactiveUserError
from users.domain.value_objects.password import Password
from users.domain.value_objects.role import Role
from users.domain.value_objects.user_id import UserId
from users.domain.value_objects.user_name import UserName


class World(Protocol):
    """What these tests use of the fixture in conftest.py."""

    events: list[DomainEvent]
    bus: MessageBus

    async def stored(self, user_id: UserId) -> User: ...


def registration(email: str = "ada@example.com") -> RegisterUser:
    return RegisterUser(Email(email), UserName("Ada"), Password("correct horse"))


async def test_every_message_can_be_handled(world: World) -> None:
    await world.bus.verify()


async def test_a_registration_stores_the_user_and_the_hash_of_the_password(world: World) -> None:
    user_id = await world.bus.execute(registration())
    user = await world.stored(user_id)
    assert (user.email, user.name, user.role) == (Email("ada@example.com"), UserName("Ada"), Role.USER)
    assert user.password_hash == "esroh tcerroc"
    assert user.created_at.minute == 1
    assert world.events == [UserRegistered(user_id=user_id, email=user.email, name=user.name)]


async def test_an_address_is_taken_once(world: World) -> None:
    await world.bus.execute(registration("ada@example.com"))
    world.events.clear()
    with pytest.raises(EmailTakenError):
        await world.bus.execute(registration("ADA@example.com"))
    assert world.events == []


async def test_a_command_does_not_show_the_password() -> None:
    assert "horse" not in repr(registration())


async def test_activating_deactivating_and_giving_a_role(world: World) -> None:
    user_id = await world.bus.execute(registration())
    await world.bus.execute(DeactivateUser(user_id))
    assert not (await world.stored(user_id)).is_active
    await world.bus.execute(ActivateUser(user_id))
    assert (await world.stored(user_id)).is_active
    await world.bus.execute(ChangeRole(user_id, Role.ADMIN))
    assert (await world.stored(user_id)).role is Role.ADMIN
    assert world.events[1:] == [
        UserDeactivated(user_id=user_id),
        UserActivated(user_id=user_id),
        UserRoleChanged(user_id=user_id, previous=Role.USER, current=Role.ADMIN),
    ]


async def test_what_a_rule_refuses_is_not_stored(world: World) -> None:
    user_id = await world.bus.execute(registration())
    await world.bus.execute(DeactivateUser(user_id))
    world.events.clear()
    with pytest.raises(InactiveUserError):
        await world.bus.execute(ChangeRole(user_id, Role.ADMIN))
    assert (await world.stored(user_id)).role is Role.USER
    assert world.events == []


async def test_nobody_cannot_be_changed(world: World) -> None:
    for command in (ActivateUser(UserId.new()), DeactivateUser(UserId.new()), ChangeRole(UserId.new(), Role.ADMIN)):
        with pytest.raises(NotFoundError):
            await world.bus.execute(command)
