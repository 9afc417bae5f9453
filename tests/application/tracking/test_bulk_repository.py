"""The shared half of bulk work, over the in-memory store; what stores differ in is proved by the contract."""

from copy import deepcopy
from dataclasses import dataclass, replace

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.domain import AggregateRoot, Entity, EntityId, change, everything
from cleanarch_kit.errors import DuplicateError, NotFoundError, OutOfScopeError, UnitOfWorkStateError


class ThingId(EntityId): ...


@dataclass(kw_only=True)
class Thing(AggregateRoot[ThingId]):
    name: str
    owner: str = "Ada"


class Things(InMemoryRepository[Thing, ThingId]):
    """Nothing to add."""


@dataclass(kw_only=True)
class Counter(Entity[ThingId]):
    """Without a version."""

    name: str
    count: int = 0


class Counters(InMemoryRepository[Counter, ThingId]):
    """Nothing to add."""


@pytest.fixture
async def store() -> InMemoryStore:
    store = InMemoryStore()
    async with InMemoryUnitOfWork(store) as unit:
        await Things(unit).add_all(Thing(id=ThingId.new(), name=name, owner=owner) for name, owner in ("aA", "bB"))
    return store


async def test_everything_is_everything_within_the_scope(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store, scopes={Thing: lambda t: t.owner == "A"}) as unit:
        things = Things(unit)
        assert await things.update_where(everything, set=lambda t: change(t.name).to("c")) == 1
        with pytest.raises(TypeError, match="owner cannot be changed by update_where: the row scope"):
            await things.update_where(everything, set=lambda t: change(t.owner).to("B"))
        assert await things.delete_where(everything) == 1
    async with InMemoryUnitOfWork(store) as unit:
        assert [thing.name for thing in await Things(unit).list()] == ["b"]


async def test_what_lies_outside_of_the_scope_is_not_upserted(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        foreign = await Things(unit).first(lambda t: t.owner == "B")
    assert foreign is not None
    async with InMemoryUnitOfWork(store, scopes={Thing: lambda t: t.owner == "A"}) as unit:
        things = Things(unit)
        with pytest.raises(OutOfScopeError):
            await things.upsert([Thing(id=ThingId.new(), name="x", owner="B")])
        with pytest.raises(DuplicateError):
            async with unit.savepoint():
                await things.upsert([replace(foreign, owner="A")])


async def test_one_object_given_twice_counts_once(store: InMemoryStore) -> None:
    thing = Thing(id=ThingId.new(), name="new")
    async with InMemoryUnitOfWork(store) as unit:
        assert await Things(unit).upsert([thing, thing]) == (1, 0)


async def test_what_was_deleted_by_a_criterion_can_be_added_by_another_object(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        held = await things.list()
        assert await things.delete_where(everything) == 2
        await things.add_all(replace(thing, name="again") for thing in held)
        assert await things.delete(held[0].id)
        assert await things.count() == 1


async def test_what_was_read_anew_inside_a_savepoint_is_taken_back_with_it(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        held = await things.list()
        with pytest.raises(KeyError):
            async with unit.savepoint():
                await things.update_where(everything, set=lambda t: change(t.name).to("inside"))
                assert [thing.name for thing in await things.list()] == ["inside"] * 2
                raise KeyError
        assert [(thing.name, thing.version) for thing in held] == [("a", 1), ("b", 1)]
        held[0].name = "afterwards"
    async with InMemoryUnitOfWork(store) as unit:
        assert {thing.name for thing in await Things(unit).list()} == {"afterwards", "b"}


async def test_without_a_version_an_entity_is_read_anew_although_it_was_written_meanwhile(store: InMemoryStore) -> None:
    counter = Counter(id=ThingId.new(), name="a")
    async with InMemoryUnitOfWork(store) as unit:
        await Counters(unit).add(counter)
    async with InMemoryUnitOfWork(store) as unit:
        counters = Counters(unit)
        held = await counters.get(counter.id)
        await counters.update_where(everything, set=lambda c: change(c.count).to(5))
        held.name = "b"
        await unit.flush()
        assert (await counters.get(counter.id)).count == 5
        held.count = 0
    async with InMemoryUnitOfWork(store) as unit:
        found = await Counters(unit).get(counter.id)
        assert (found.name, found.count) == ("b", 0)


async def test_what_is_refused_is_refused_before_anything_is_tracked(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        first, second = await things.list()
        detached = deepcopy(first)
        await things.update_where(everything, set=lambda t: change(t.name).to("c"))
        await things.delete(second.id)
        for refused, error in ((detached, UnitOfWorkStateError), (second, NotFoundError)):
            with pytest.raises(error):
                await things.upsert([Thing(id=ThingId.new(), name="new"), refused])
        assert [thing.name for thing in await things.list()] == ["c"]
