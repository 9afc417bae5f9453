from dataclasses import dataclass

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.adapters.memory.state import capture
from cleanarch_kit.adapters.memory.store import Row, unique_key
from cleanarch_kit.domain import AggregateRoot, EntityId
from cleanarch_kit.errors import DuplicateError


class UserId(EntityId): ...


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    email: str
    tenant: int | None = None


class Users(InMemoryRepository[User, UserId]):
    """Without unique keys."""


class UniqueUsers(InMemoryRepository[User, UserId]):
    unique: UniqueKeys[User] = {"uq_email": lambda u: u.email}


class UniqueWithinTenant(InMemoryRepository[User, UserId]):
    unique: UniqueKeys[User] = {"uq_tenant_email": lambda u: (u.tenant, u.email)}


def user(email: str, tenant: int | None = None) -> User:
    return User(id=UserId.new(), email=email, tenant=tenant)


async def test_units_of_work_share_what_is_committed_and_stores_share_nothing() -> None:
    store, other = InMemoryStore(), InMemoryStore()
    async with InMemoryUnitOfWork(store) as unit:
        await Users(unit).add(user("a"))
    async with InMemoryUnitOfWork(store) as unit:
        assert await Users(unit).count() == 1
    async with InMemoryUnitOfWork(other) as unit:
        assert await Users(unit).count() == 0


async def test_unique_keys_of_one_type_hold_for_all_its_repositories() -> None:
    store = InMemoryStore()
    async with InMemoryUnitOfWork(store) as unit:
        await Users(unit).add(user("a"))
    async with InMemoryUnitOfWork(store) as unit:
        UniqueUsers(unit)
        UniqueUsers(unit)
    assert set(store.unique_keys(User)) == {"uq_email"}
    with pytest.raises(DuplicateError) as caught:
        async with InMemoryUnitOfWork(store) as unit:
            await Users(unit).add(user("a"))
    assert caught.value.constraint == "uq_email"


async def test_a_key_that_is_broken_already_is_refused() -> None:
    store = InMemoryStore()
    async with InMemoryUnitOfWork(store) as unit:
        await Users(unit).add_all([user("a"), user("a")])
        await unit.flush()
    with pytest.raises(DuplicateError) as caught:
        UniqueUsers(InMemoryUnitOfWork(store))
    assert caught.value.constraint == "uq_email"
    assert set(store.unique_keys(User)) == set()


async def test_a_key_with_nothing_in_it_is_never_a_duplicate() -> None:
    store = InMemoryStore()
    async with InMemoryUnitOfWork(store) as unit:
        await UniqueWithinTenant(unit).add_all([user("a"), user("a"), user("a", 1), user("a", 2)])
    with pytest.raises(DuplicateError):
        async with InMemoryUnitOfWork(store) as unit:
            await UniqueWithinTenant(unit).add(user("a", 1))


def test_a_row_is_looked_at_and_not_handed_out() -> None:
    original = user("a")
    row = Row(capture(original))
    assert row.view is row.view
    assert row.view is not original
    assert unique_key(lambda u: u.email, row) == "a"
    assert unique_key(lambda u: u.tenant, row) is None
    assert unique_key(lambda u: (u.email, u.tenant), row) is None
