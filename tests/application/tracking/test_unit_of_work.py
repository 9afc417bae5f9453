"""What is not visible through the contract: the order around an outbox, and errors of it. Over the in-memory store."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.adapters.memory.mapper import InMemoryMapper
from cleanarch_kit.adapters.memory.transaction import InMemoryTransaction
from cleanarch_kit.application import Envelope, PendingEvent, UnitOfWork, current_unit_of_work
from cleanarch_kit.application.tracking.data_mapper import Tracked
from cleanarch_kit.domain import AggregateRoot, DomainEvent, EntityId
from cleanarch_kit.errors import DuplicateError, EventEncodingError, TransientError, UnitOfWorkStateError


class ThingId(EntityId): ...


@dataclass(frozen=True, kw_only=True)
class Named(DomainEvent, name="test.named"):
    name: str


@dataclass(kw_only=True)
class Thing(AggregateRoot[ThingId]):
    name: str

    def call(self, name: str) -> None:
        self.name = name
        self.record_event(Named(name=name))


def thing(name: str) -> Thing:
    made = Thing(id=ThingId.new(), name="")
    made.call(name)
    return made


class Journal:
    """An outbox, a publisher and a cache that write down when they are used."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.subjects: list[str] = []
        self.refuse: str | None = None
        self.fail_to_write = False

    def encode(self, events: Sequence[PendingEvent]) -> Sequence[Envelope]:
        names = [str(getattr(pending.event, "name", "")) for pending in events]
        self.entries.append(f"encode {' '.join(names)}")
        if self.refuse in names:
            raise EventEncodingError("test.named.v1", "name", "is refused")
        self.subjects += [pending.subject for pending in events]
        return [
            Envelope(id=uuid4(), type="test.named.v1", source="/", subject=name, time=datetime.now(UTC), data=b"{}")
            for name in names
        ]

    async def write(self, connection: InMemoryTransaction, envelopes: Sequence[Envelope]) -> None:
        self.entries.append(f"write {' '.join(str(envelope.subject) for envelope in envelopes)}")
        if self.fail_to_write:
            raise TransientError("connection lost")

    def wake(self) -> None:
        self.entries.append("wake")

    async def publish(self, *events: DomainEvent) -> None:
        self.entries.append(f"publish {' '.join(str(getattr(event, 'name', '')) for event in events)}")

    async def invalidate(self, *tags: str) -> None:
        self.entries.append(f"invalidate {' '.join(tags)}")


class JournalledMapper(InMemoryMapper[Thing]):
    def __init__(self, journal: Journal) -> None:
        super().__init__(Thing)
        self._journal = journal

    async def insert(self, connection: InMemoryTransaction, added: Sequence[Tracked[Thing]]) -> None:
        self._journal.entries.append(f"insert {' '.join(tracked.entity.name for tracked in added)}")
        await super().insert(connection, added)

    async def update(self, connection: InMemoryTransaction, changed: Sequence[Tracked[Thing]]) -> None:
        self._journal.entries.append(f"update {' '.join(tracked.entity.name for tracked in changed)}")
        await super().update(connection, changed)

    async def delete(self, connection: InMemoryTransaction, removed: Sequence[Tracked[Thing]]) -> None:
        self._journal.entries.append(f"delete {' '.join(tracked.entity.name for tracked in removed)}")
        await super().delete(connection, removed)


class Things(InMemoryRepository[Thing, ThingId]):
    unique: UniqueKeys[Thing] = {"uq_name": lambda t: t.name}


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture
def unit(store: InMemoryStore, journal: Journal) -> InMemoryUnitOfWork:
    unit = InMemoryUnitOfWork(store, outbox=journal, publisher=journal, cache=journal)
    unit.tracker.identity_map(JournalledMapper(journal))
    return unit


async def test_everything_happens_in_its_order(unit: InMemoryUnitOfWork, journal: Journal) -> None:
    async def after(*events: DomainEvent) -> None:
        journal.entries.append(f"after {len(events)} {current_unit_of_work.get()}")

    async def before(*events: DomainEvent) -> None:
        journal.entries.append(f"before {len(events)}")
        if len(events) == 2:
            first.call("first again")

    first, second = thing("first"), thing("second")
    async with unit:
        things = Things(unit)
        await things.add(first)
        await things.add(second)
        unit.invalidate("tag")
        unit.before_commit(before)
        unit.after_commit(after)
        unit.after_commit(journal.publish)
    assert journal.entries == [
        "encode first second",
        "insert first second",
        "before 2",
        "encode first again",
        "update first again",
        "before 1",
        "write first second first again",
        "invalidate tag",
        "wake",
        "publish first second first again",
        "after 3 None",
        "publish first second first again",
    ]
    assert journal.subjects == [f"Thing/{first.id}", f"Thing/{second.id}", f"Thing/{first.id}"]


async def test_inserts_come_before_updates_before_deletes(
    unit: InMemoryUnitOfWork, store: InMemoryStore, journal: Journal
) -> None:
    kept, gone = thing("kept"), thing("gone")
    async with InMemoryUnitOfWork(store) as other:
        await Things(other).add_all([kept, gone])
    async with unit:
        things = Things(unit)
        (await things.get(kept.id)).name = "kept, changed"
        await things.add(thing("added"))
        await things.get(gone.id)
        await things.delete(gone.id)
    assert journal.entries[1:4] == ["insert added", "update kept, changed", "delete gone"]


async def test_an_addition_after_a_deletion_waits_for_it(
    unit: InMemoryUnitOfWork, store: InMemoryStore, journal: Journal
) -> None:
    gone = thing("the same")
    async with InMemoryUnitOfWork(store) as other:
        await Things(other).add(gone)
    async with unit:
        things = Things(unit)
        await things.get(gone.id)
        await things.delete(gone.id)
        await things.add(thing("the same"))
    assert [entry for entry in journal.entries if entry.endswith("the same")][:3] == [
        "delete the same",
        "encode the same",
        "insert the same",
    ]


async def test_an_event_that_cannot_be_stored_stops_the_flush_before_its_first_statement(
    unit: InMemoryUnitOfWork, store: InMemoryStore, journal: Journal
) -> None:
    journal.refuse = "second"
    added = [thing("first"), thing("second")]
    with pytest.raises(EventEncodingError):
        async with unit:
            await Things(unit).add_all(added)
    assert journal.entries == ["encode first second"]
    assert [len(each.pull_events()) for each in added] == [1, 1]
    async with InMemoryUnitOfWork(store) as other:
        assert await Things(other).count() == 0


async def test_an_outbox_that_cannot_write_rolls_back(
    unit: InMemoryUnitOfWork, store: InMemoryStore, journal: Journal
) -> None:
    journal.fail_to_write = True
    with pytest.raises(TransientError):
        async with unit:
            await Things(unit).add(thing("first"))
    assert journal.entries == ["encode first", "insert first", "write first"]
    async with InMemoryUnitOfWork(store) as other:
        assert await Things(other).count() == 0


async def test_a_savepoint_takes_its_envelopes_with_it(unit: InMemoryUnitOfWork, journal: Journal) -> None:
    async with unit:
        things = Things(unit)
        await things.add(thing("before"))
        with pytest.raises(DuplicateError):
            async with unit.savepoint():
                await things.add(thing("inside"))
                await things.add(thing("before"))
        await things.add(thing("after"))
    assert journal.entries[-3:] == ["write before after", "wake", "publish before after"]


async def test_without_events_nobody_is_bothered(unit: InMemoryUnitOfWork, journal: Journal) -> None:
    async with unit:
        await Things(unit).count()
    assert journal.entries == []


async def test_events_of_several_aggregates_keep_the_order_in_which_they_happened(
    unit: InMemoryUnitOfWork, journal: Journal
) -> None:
    first, second = thing("a1"), thing("b1")
    first.call("a2")
    second.call("b2")
    first.call("a3")
    async with unit:
        await Things(unit).add_all([second, first])
    assert journal.entries[-1] == "publish a1 b1 a2 b2 a3"


async def test_what_an_error_of_the_mapping_leaves_is_a_rollback(store: InMemoryStore) -> None:
    class Broken(InMemoryMapper[Thing]):
        def snapshot(self, entity: Thing) -> object:
            raise LookupError("a mapping of somebody's own")

    unit = InMemoryUnitOfWork(store)
    unit.tracker.identity_map(Broken(Thing))
    async with unit:
        await Things(unit).add(thing("first"))
        with pytest.raises(LookupError):
            await unit.flush()
        with pytest.raises(UnitOfWorkStateError, match="has failed"):
            await Things(unit).count()
        await unit.rollback()


async def test_a_unit_that_cannot_begin_has_ended() -> None:
    class CannotBegin(InMemoryTransaction):
        async def begin(self) -> None:
            raise TransientError("too many connections")

    unit = InMemoryUnitOfWork(InMemoryStore())
    unit.transaction = CannotBegin(unit.store)
    with pytest.raises(TransientError):
        async with unit:
            raise AssertionError("never reached")
    assert current_unit_of_work.get() is None
    with pytest.raises(UnitOfWorkStateError, match="has ended"):
        await unit.__aenter__()


async def test_writing_past_the_repositories_counts_as_a_change(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        assert not unit.changed
        unit.writing()
        assert unit.changed
    async with InMemoryUnitOfWork(store, read_only=True) as unit:
        with pytest.raises(UnitOfWorkStateError) as caught:
            unit.writing()
    assert str(caught.value) == ("this unit of work is read-only: open one without read_only=True to change something")


async def test_texts_of_what_is_out_of_turn(store: InMemoryStore) -> None:
    async def noted(use: Callable[[UnitOfWork], Awaitable[None]]) -> str:
        with pytest.raises(UnitOfWorkStateError) as caught:
            async with InMemoryUnitOfWork(store) as unit:
                await use(unit)
        return str(caught.value)

    async def commit_in_a_savepoint(unit: UnitOfWork) -> None:
        async with unit.savepoint():
            await unit.commit()

    async def answer_for_ever(unit: UnitOfWork) -> None:
        root = thing("x")

        async def again(*events: DomainEvent) -> None:
            root.call("x")

        assert isinstance(unit, InMemoryUnitOfWork)
        await Things(unit).add(root)
        unit.before_commit(again)
        await unit.commit()

    async def second_object(unit: UnitOfWork) -> None:
        assert isinstance(unit, InMemoryUnitOfWork)
        await Things(unit).add(root := thing("x"))
        await Things(unit).update(Thing(id=root.id, name="y"))

    assert await noted(commit_in_a_savepoint) == (
        "a savepoint of this unit of work is open: leave its block before commit()"
    )
    assert await noted(answer_for_ever) == (
        "before-commit callbacks still record events after 100 rounds, so they seem to answer each other:"
        " let one of them stop"
    )
    assert await noted(second_object) == (
        "another object with this identity is tracked by the unit of work already:"
        " change that one, which get_by_id() gives, instead of updating a second one"
    )


async def test_units_may_be_left_in_any_order(store: InMemoryStore) -> None:
    first, second, third = (InMemoryUnitOfWork(store) for _ in range(3))
    for unit in (first, second, third):
        await unit.__aenter__()
    for unit, current in ((second, third), (third, first), (first, None)):
        await unit.__aexit__(None, None, None)
        assert current_unit_of_work.get() is current


async def test_a_unit_that_ended_is_nobodys_current_one(store: InMemoryStore) -> None:
    """Though a task that began while it was open still has it in its context."""

    async def later() -> tuple[bool, bool, UnitOfWork | None]:
        await go_on.wait()
        known = current_unit_of_work.get()
        assert isinstance(known, InMemoryUnitOfWork)
        async with InMemoryUnitOfWork(store) as inner:
            return known.changed, known.has_read, inner.outer

    go_on = asyncio.Event()
    async with InMemoryUnitOfWork(store) as unit:
        await Things(unit).add(thing("first"))
        await Things(unit).count()
        task = asyncio.create_task(later())
        await asyncio.sleep(0)
    go_on.set()
    assert await task == (False, False, None)


async def test_a_commit_in_a_task_of_its_own_steps_back_here_too(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        await asyncio.create_task(unit.commit())
        assert current_unit_of_work.get() is unit
        assert not unit.changed
    assert current_unit_of_work.get() is None


async def test_units_know_the_one_around_them(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as outer, InMemoryUnitOfWork(store) as inner:
        assert inner.outer is outer
        assert outer.outer is None


async def test_a_commit_does_not_go_on_behind_a_rollback() -> None:
    """Another task that is refused meanwhile fails the block: the store must not be asked for both at once."""
    store = InMemoryStore()
    commits: list[asyncio.Task[None]] = []
    with pytest.raises(UnitOfWorkStateError, match="in use by another task"):
        async with InMemoryUnitOfWork(store) as unit:
            things = Things(unit)
            await things.add(thing("lost"))
            commits.append(asyncio.create_task(unit.commit()))
            await asyncio.sleep(0)
            await things.count()
    with pytest.raises(UnitOfWorkStateError, match="has ended"):
        await commits[0]
    async with InMemoryUnitOfWork(store) as unit:
        assert await Things(unit).count() == 0


async def test_it_is_rolled_back_although_an_entity_refuses_its_events(store: InMemoryStore) -> None:
    class Sealed(Thing):
        sealed = False

        def record_event(self, event: DomainEvent) -> None:
            if self.sealed:
                raise RuntimeError("sealed")
            super().record_event(event)

    made = Sealed(id=ThingId.new(), name="")
    made.call("a")
    with pytest.raises(RuntimeError, match="sealed"):
        async with InMemoryUnitOfWork(store) as unit:
            await Things(unit).add(made)
            await unit.flush()
            made.sealed = True
            raise KeyError
    async with InMemoryUnitOfWork(store) as unit:
        await Things(unit).add(Thing(id=made.id, name="a"))
