from datetime import UTC, datetime, timedelta

import pytest

from cleanarch_kit.domain import DomainEvent, Email
from users.domain.entities.user import User
from users.domain.events.user_events import UserActivated, UserDeactivated, UserRegistered, UserRoleChanged
from users.domain.exceptions.user_errors import InactiveUserError
from users.domain.value_objects.role import Role
from users.domain.value_objects.user_name import UserName

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = THEN + timedelta(days=1)


@pytest.fixture
def user() -> User:
    user = User.register(email=Email("ada@example.com"), name=UserName("Ada"), password_hash="$2b$hash", at=THEN)
    user.pull_events()
    return user


def single_event(user: User) -> DomainEvent:
    (event,) = user.pull_events()
    return event


def test_who_registers_is_active_and_has_no_special_rights() -> None:
    user = User.register(email=Email("ada@example.com"), name=UserName("Ada"), password_hash="$2b$hash", at=THEN)
    assert (user.is_active, user.role) == (True, Role.USER)
    assert user.created_at == user.updated_at == THEN
    event = single_event(user)
    assert event == UserRegistered(user_id=user.id, email=user.email, name=user.name)
    assert event.occurred_at == THEN


def test_each_user_has_an_id_of_its_own(user: User) -> None:
    twin = User.register(email=user.email, name=user.name, password_hash=user.password_hash, at=THEN)
    assert twin != user


def test_deactivating_and_activating(user: User) -> None:
    user.deactivate(at=NOW)
    assert (user.is_active, user.updated_at) == (False, NOW)
    assert single_event(user) == UserDeactivated(user_id=user.id)
    user.activate(at=NOW + timedelta(days=1))
    assert (user.is_active, user.updated_at) == (True, NOW + timedelta(days=1))
    assert single_event(user) == UserActivated(user_id=user.id)


def test_what_is_so_already_is_no_event(user: User) -> None:
    user.activate(at=NOW)
    user.change_role(Role.USER, at=NOW)
    assert user.updated_at == THEN
    user.deactivate(at=NOW)
    user.pull_events()
    user.deactivate(at=NOW + timedelta(days=1))
    assert user.updated_at == NOW
    assert user.pull_events() == ()


def test_changing_the_role(user: User) -> None:
    user.change_role(Role.ADMIN, at=NOW)
    assert (user.role, user.updated_at) == (Role.ADMIN, NOW)
    assert single_event(user) == UserRoleChanged(user_id=user.id, previous=Role.USER, current=Role.ADMIN)


def test_a_deactivated_user_gets_no_role(user: User) -> None:
    user.deactivate(at=NOW)
    user.pull_events()
    with pytest.raises(InactiveUserError, match="this user is deactivated: activate the user first"):
        user.change_role(Role.ADMIN, at=NOW)
    assert user.role is Role.USER
    assert user.pull_events() == ()


def test_the_password_hash_shows_nowhere(user: User) -> None:
    assert "$2b$hash" not in repr(user)
