"""The shared repository, over the in-memory store; what stores differ in is proved by the contract."""

from dataclasses import dataclass, replace

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.application import CursorCodec, CursorRequest
from cleanarch_kit.application.tracking.repository import TrackingRepository
from cleanarch_kit.domain import AggregateRoot, EntityId
from cleanarch_kit.errors import DuplicateError, InvalidCursorError, NotFoundError, UnitOfWorkStateError


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


@pytest.fixture
async def stored(store: InMemoryStore) -> Thing:
    stored = thing("stored")
    async with InMemoryUnitOfWork(store) as unit:
        await Things(unit).add(stored)
    return stored


async def test_the_type_of_the_entities_is_taken_from_the_class(store: InMemoryStore) -> None:
    assert Things.entity_type is Thing
    assert issubclass(Things, TrackingRepository)


async def test_each_status_has_its_answer(store: InMemoryStore, stored: Thing) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        loaded = await things.get(stored.id)
        assert await things.get_by_id(stored.id, for_update=True) is loaded
        await things.add(new := thing("new"))
        assert await things.get_by_id(new.id, for_update=True) is new
        await things.delete(stored.id)
        assert await things.get_by_id(stored.id) is None
        assert await things.get_by_id(ThingId.new(), for_update=True) is None


async def test_an_expired_entity_is_read_anew_into_the_same_object(store: InMemoryStore, stored: Thing) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        loaded = await things.get(stored.id)
        async with InMemoryUnitOfWork(store) as other:
            (await Things(other).get(stored.id)).name = "newer"
        unit.tracker.expire(Thing)
        unit.tracker.expire(int)
        assert await things.get(stored.id) is loaded
        assert (loaded.name, loaded.version) == ("newer", 2)


async def test_an_expired_entity_that_is_gone_is_gone(store: InMemoryStore, stored: Thing) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        await things.get(stored.id)
        async with InMemoryUnitOfWork(store) as other:
            await Things(other).delete(stored.id)
        unit.tracker.expire(Thing)
        assert await things.get_by_id(stored.id) is None


async def test_only_one_object_is_added_or_updated(store: InMemoryStore, stored: Thing) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        loaded = await things.get(stored.id)
        await things.add(loaded)
        await things.update(loaded)
        with pytest.raises(DuplicateError):
            await things.add(replace(loaded, name="twin"))
        with pytest.raises(UnitOfWorkStateError, match="another object"):
            await things.update(replace(loaded, name="twin"))
        await things.delete(stored.id)
        with pytest.raises(NotFoundError):
            await things.update(loaded)
    async with InMemoryUnitOfWork(store) as unit:
        assert await Things(unit).count() == 0


async def test_a_deletion_of_what_is_not_tracked_writes_what_is_pending_first(
    store: InMemoryStore, stored: Thing
) -> None:
    other = thing("other")
    async with InMemoryUnitOfWork(store) as unit:
        things = Things(unit)
        await things.add(other)
        assert await things.delete(stored.id) is True
        assert [t.name for t in await things.list()] == ["other"]
        assert await things.delete(ThingId.new()) is False
        assert await things.delete(other.id) is True
        assert await things.delete(other.id) is False


async def test_a_key_signs_the_cursors_of_one_repository(store: InMemoryStore, stored: Thing) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        plain, signing = Things(unit), Things(unit)
        signing.cursors = CursorCodec(b"0123456789abcdef")
        await plain.add(thing("second"))
        unsigned = (await plain.scroll(CursorRequest(size=1))).next
        signed = (await signing.scroll(CursorRequest(size=1))).next
        assert signed is not None
        assert signed.split(".")[0] == unsigned
        assert len((await signing.scroll(CursorRequest(after=signed))).items) == 1
        with pytest.raises(InvalidCursorError):
            await signing.scroll(CursorRequest(after=unsigned))
        with pytest.raises(InvalidCursorError):
            await plain.scroll(CursorRequest(after=signed))
