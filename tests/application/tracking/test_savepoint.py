import asyncio
from dataclasses import dataclass

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.adapters.memory.state import capture
from cleanarch_kit.adapters.memory.store import Row
from cleanarch_kit.application.tracking.usage_guard import Phase
from cleanarch_kit.domain import AggregateRoot, EntityId
from cleanarch_kit.errors import UnitOfWorkStateError


class ThingId(EntityId): ...


@dataclass(kw_only=True)
class Thing(AggregateRoot[ThingId]):
    name: str


class Things(InMemoryRepository[Thing, ThingId]):
    """Nothing to add."""


def thing(name: str) -> Thing:
    return Thing(id=ThingId.new(), name=name)


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


async def names(store: InMemoryStore) -> list[str]:
    async with InMemoryUnitOfWork(store) as unit:
        return sorted([each.name for each in await Things(unit).list()])


async def test_a_rollback_inside_ends_the_unit_of_work(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        await Things(unit).add(thing("lost"))
        async with unit.savepoint():
            await unit.rollback()
        with pytest.raises(UnitOfWorkStateError, match="has ended"):
            await Things(unit).count()
    async with InMemoryUnitOfWork(store) as unit:
        with pytest.raises(ValueError, match="its own"):
            async with unit.savepoint():
                await unit.rollback()
                raise ValueError("its own")
    assert await names(store) == []


async def test_it_is_open_for_as_long_as_the_block(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        async with unit.savepoint():
            async with unit.savepoint():
                assert unit.guard.savepoints == 2
            assert unit.guard.savepoints == 1
        assert unit.guard.savepoints == 0
        await unit.commit()


async def test_a_timeout_inside_is_survived(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        await Things(unit).add(thing("before"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001), unit.savepoint():
                await Things(unit).add(thing("inside"))
                await unit.flush()
                await asyncio.Event().wait()
        await Things(unit).add(thing("after"))
    assert await names(store) == ["after", "before"]


async def test_what_fails_at_its_end_is_taken_back_too(store: InMemoryStore) -> None:
    stored = thing("stored")
    async with InMemoryUnitOfWork(store) as unit:
        await Things(unit).add(stored)
    async with InMemoryUnitOfWork(store) as unit:
        await Things(unit).add(thing("before"))
        twin = thing("twin")
        twin.id = stored.id
        with pytest.raises(Exception, match="primary_key"):
            async with unit.savepoint():
                await Things(unit).add(twin)  # is written when the block is left
        assert unit.guard.phase is Phase.OPEN
    assert await names(store) == ["before", "stored"]


async def test_a_before_commit_callback_may_use_one(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:

        async def add(*_: object) -> None:
            with pytest.raises(ValueError, match="inside"):
                async with unit.savepoint():
                    await Things(unit).add(thing("inside"))
                    raise ValueError("inside")
            await Things(unit).add(thing("kept"))

        unit.before_commit(add)
    assert await names(store) == ["kept"]


async def test_what_was_first_seen_inside_is_still_tracked_afterwards(store: InMemoryStore) -> None:
    stored = thing("old")
    async with InMemoryUnitOfWork(store) as unit:
        await Things(unit).add(stored)
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        seen: list[Thing] = []
        with pytest.raises(ValueError, match="inside"):
            async with unit.savepoint():
                seen.append(await things.get(stored.id))
                seen[0].name = "inside"
                await unit.flush()
                raise ValueError("inside")
        (loaded,) = seen
        assert (loaded.name, loaded.version) == ("old", 1)
        assert await things.get(stored.id) is loaded
        loaded.name = "new"
    assert await names(store) == ["new"]


async def test_a_deletion_and_an_addition_inside_are_both_undone(store: InMemoryStore) -> None:
    stored = thing("stored")
    async with InMemoryUnitOfWork(store) as unit:
        await Things(unit).add(stored)
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        loaded, never = await things.get(stored.id), thing("never")
        with pytest.raises(ValueError, match="inside"):
            async with unit.savepoint():
                await things.delete(stored.id)
                again = thing("again")
                again.id = stored.id
                await things.add(again)
                await things.add(never)
                await things.delete(never.id)
                detached = thing("detached")
                await things.update(detached)
                raise ValueError("inside")
        assert await things.get(stored.id) is loaded
        assert await things.get_by_id(never.id) is None
        loaded.name = "changed"
    assert await names(store) == ["changed"]


async def test_what_was_there_inside_only_is_not_found_afterwards(store: InMemoryStore) -> None:
    """Here it comes in past the repository, as with SQL of one's own."""
    ghost = thing("ghost")
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        with pytest.raises(ValueError, match="inside"):
            async with unit.savepoint():
                unit.transaction.connection.put(Thing, ghost.id, Row(capture(ghost)))
                await things.get(ghost.id)
                raise ValueError("inside")
        assert await things.get_by_id(ghost.id) is None
        await things.add(ghost)
    assert await names(store) == ["ghost"]
