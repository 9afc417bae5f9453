from typing import Protocol

import pytest

from cleanarch_kit.adapters.memory import InMemoryStore
from cleanarch_kit.application import MessageBus, PageRequest
from cleanarch_kit.domain import Email
from cleanarch_kit.errors import InvalidSortError, NotFoundError
from users.application.commands.deactivate_user import DeactivateUser
from users.application.commands.register_user import RegisterUser
from users.application.queries.get_profile import GetProfile, profile_tag
from users.application.queries.list_users import ListUsers
from users.application.services.user_service import UserService
from users.domain.value_objects.password import Password
from users.domain.value_objects.role import Role
from users.domain.value_objects.user_id import UserId
from users.domain.value_objects.user_name import UserName


class World(Protocol):
    """What these tests use of the fixture in conftest.py."""

    store: InMemoryStore
    bus: MessageBus
    service: UserService


async def register(world: World, name: str, email: str = "") -> UserId:
    address = Email(email or f"{name.lower()}@example.com")
    return await world.bus.execute(RegisterUser(address, UserName(name), Password("correct horse")))


async def names(world: World, query: ListUsers) -> list[str]:
    return [str(profile.name) for profile in (await world.bus.execute(query)).items]


async def test_a_profile_shows_what_may_be_known(world: World) -> None:
    profile = await world.bus.execute(GetProfile(await register(world, "Ada")))
    assert profile.model_dump(mode="json", exclude={"id"}) == {
        "email": "ada@example.com",
        "name": "Ada",
        "role": "user",
        "is_active": True,
        "created_at": "2026-01-01T00:01:00Z",
        "updated_at": "2026-01-01T00:01:00Z",
    }


async def test_nobody_has_no_profile(world: World) -> None:
    with pytest.raises(NotFoundError):
        await world.bus.execute(GetProfile(UserId.new()))


async def test_a_profile_is_cached_until_the_user_changes(world: World) -> None:
    user_id = await register(world, "Ada")
    profile = await world.bus.execute(GetProfile(user_id))
    assert await world.bus.execute(GetProfile(user_id)) == profile
    await world.bus.execute(DeactivateUser(user_id))
    assert not (await world.bus.execute(GetProfile(user_id))).is_active


async def test_the_newest_come_first_and_pages_follow_each_other(world: World) -> None:
    for name in ("Ada", "Grace", "Alan"):
        await register(world, name)
    first = await world.bus.execute(ListUsers(PageRequest(1, 2)))
    assert ([str(one.name) for one in first.items], first.total, first.pages) == (["Alan", "Grace"], 3, 2)
    assert await names(world, ListUsers(PageRequest(2, 2))) == ["Ada"]
    assert await names(world, ListUsers(PageRequest(3, 2))) == []


@pytest.mark.parametrize(
    ("search", "found"),
    [("ada", ["Ada"]), ("ELL", ["Maxwell"]), ("@example.org", ["Maxwell"]), ("%", []), ("_", []), ("nobody", [])],
)
async def test_a_search_looks_into_names_and_addresses(world: World, search: str, found: list[str]) -> None:
    await register(world, "Ada")
    await register(world, "Maxwell", "james@example.org")
    assert await names(world, ListUsers(search=search)) == found


async def test_filters_are_joined(world: World) -> None:
    ada, alan = await register(world, "Ada"), await register(world, "Alan")
    await world.service.change_role(ada, Role.ADMIN)
    await world.service.deactivate(alan)
    assert await names(world, ListUsers(role=Role.ADMIN)) == ["Ada"]
    assert await names(world, ListUsers(is_active=False)) == ["Alan"]
    assert await names(world, ListUsers(is_active=True, search="a")) == ["Ada"]
    assert await names(world, ListUsers(role=Role.ADMIN, is_active=False)) == []


async def test_the_order_is_chosen_by_name(world: World) -> None:
    for name in ("Grace", "Ada", "Alan"):
        await register(world, name)
    assert await names(world, ListUsers(sort="name")) == ["Ada", "Alan", "Grace"]
    assert await names(world, ListUsers(sort="-email")) == ["Grace", "Alan", "Ada"]
    with pytest.raises(InvalidSortError):
        await world.bus.execute(ListUsers(sort="password_hash"))


def test_a_tag_names_one_user() -> None:
    user_id = UserId.new()
    assert profile_tag(user_id) == f"user:{user_id}"
