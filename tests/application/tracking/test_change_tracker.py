"""What is collected, written and taken back; the mapper is the in-memory one, and nothing is ever committed."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from cleanarch_kit.adapters.memory import InMemoryStore
from cleanarch_kit.adapters.memory.mapper import InMemoryMapper
from cleanarch_kit.adapters.memory.transaction import InMemoryTransaction
from cleanarch_kit.application import PendingEvent
from cleanarch_kit.application.tracking.change_tracker import ChangeTracker, Flush
from cleanarch_kit.application.tracking.data_mapper import Tracked
from cleanarch_kit.domain import AggregateRoot, DomainEvent
from cleanarch_kit.errors import DuplicateError


@dataclass(frozen=True, kw_only=True)
class Named(DomainEvent, name="test.named_again"):
    name: str


@dataclass(kw_only=True)
class Root(AggregateRoot[int]):
    name: str = ""

    def call(self, name: str) -> None:
        self.name = name
        self.record_event(Named(name=name))


@dataclass
class Plain:
    id: int
    name: str = ""


Tracker = ChangeTracker[InMemoryTransaction]


@pytest.fixture
def tracker() -> Tracker:
    return ChangeTracker()


@pytest.fixture
def connection() -> InMemoryTransaction:
    return InMemoryTransaction(InMemoryStore())


def collected(tracker: Tracker) -> Flush[InMemoryTransaction]:
    flush = tracker.collect()
    assert flush is not None
    return flush


def names(tracker: Tracker) -> list[str]:
    return [event.name for event in tracker.events if isinstance(event, Named)]


def test_nothing_to_do_is_nothing(tracker: Tracker) -> None:
    roots = tracker.identity_map(InMemoryMapper(Root))
    assert tracker.identity_map(InMemoryMapper(Root)) is roots
    assert tracker.collect() is None
    assert not tracker.changed
    assert not tracker.recorded


def test_neighbours_of_one_type_are_inserted_together_in_the_order_of_adding(tracker: Tracker) -> None:
    roots, plains = tracker.identity_map(InMemoryMapper(Root)), tracker.identity_map(InMemoryMapper(Plain))
    for number in (1, 2):
        tracker.add(roots, Root(id=number))
    tracker.add(plains, Plain(1))
    tracker.add(roots, Root(id=3))
    flush = collected(tracker)
    assert [[tracked.entity.id for tracked in batch] for _, batch, _ in flush.inserts] == [[1, 2], [1], [3]]


async def test_neighbours_of_one_type_are_deleted_together_in_the_order_of_removing(
    tracker: Tracker, connection: InMemoryTransaction
) -> None:
    roots = tracker.identity_map(InMemoryMapper(Root))
    tracker.add(roots, *(Root(id=number) for number in (1, 2, 3)))
    await collected(tracker).write(connection)
    for number in (3, 1):
        tracker.remove(roots, roots.by_id[number])
    assert [[tracked.entity.id for tracked in batch] for _, batch in collected(tracker).deletes] == [[3, 1]]


async def test_what_is_written_otherwise_is_no_neighbour(tracker: Tracker, connection: InMemoryTransaction) -> None:
    written: list[list[int]] = []

    async def write(_connection: InMemoryTransaction, batch: Sequence[Tracked[Root]]) -> None:
        written.append([tracked.entity.id for tracked in batch])

    roots = tracker.identity_map(InMemoryMapper(Root))
    tracker.add(roots, Root(id=1))
    tracker.add(roots, Root(id=2), Root(id=3), write=write)
    tracker.add(roots, Root(id=4))
    flush = collected(tracker)
    await flush.write(connection)
    assert [len(batch) for _, batch, _ in flush.inserts] == [1, 2, 1]
    assert written == [[2, 3]]
    assert {tracked.version for tracked in roots.by_id.values()} == {1}


async def test_a_second_object_with_an_identity_is_refused(tracker: Tracker) -> None:
    roots = tracker.identity_map(InMemoryMapper(Root))
    root = Root(id=1)
    tracker.add(roots, root, root)
    with pytest.raises(DuplicateError):
        tracker.add(roots, Root(id=2), Root(id=1))
    assert [[tracked.entity.id for tracked in batch] for _, batch, _ in collected(tracker).inserts] == [[1, 2]]


async def test_what_was_written_is_not_written_again(tracker: Tracker, connection: InMemoryTransaction) -> None:
    roots = tracker.identity_map(InMemoryMapper(Root))
    root = Root(id=1)
    root.call("first")
    tracker.add(roots, root)
    flush = collected(tracker)
    assert flush.writes
    assert flush.pending_events() == [PendingEvent(flush.events[0][1], "Root/1")]
    await flush.write(connection)
    assert tracker.collect() is None
    assert (names(tracker), tracker.changed, tracker.recorded) == (["first"], True, True)


async def test_an_event_of_what_has_no_version_needs_no_statement(
    tracker: Tracker, connection: InMemoryTransaction
) -> None:
    class Unversioned(InMemoryMapper[Root]):
        def __init__(self) -> None:
            super().__init__(Root)
            self.versioned = False

    roots = tracker.identity_map(Unversioned())
    (root,) = roots.admit([InMemoryMapper(Root).snapshot(Root(id=1))])
    root.record_event(Named(name="only told"))
    flush = collected(tracker)
    assert not flush.writes
    assert names(tracker) == ["only told"]


def test_what_is_removed_before_it_was_written_is_never_written(tracker: Tracker) -> None:
    roots = tracker.identity_map(InMemoryMapper(Root))
    root, other = Root(id=1), Root(id=2)
    root.call("told all the same")
    tracker.add(roots, root)
    tracker.remove(roots, roots.by_id[1])
    assert not tracker.deleting
    flush = collected(tracker)
    assert not flush.writes
    assert names(tracker) == ["told all the same"]
    tracker.add(roots, other)
    assert [[tracked.entity for tracked in batch] for _, batch, _ in collected(tracker).inserts] == [[other]]


async def test_parts_are_handed_over_before_anything_is_written(
    tracker: Tracker, connection: InMemoryTransaction
) -> None:
    told: list[tuple[list[int], list[int]]] = []

    class WithParts(InMemoryMapper[Root]):
        has_parts = True

        async def hand_over(
            self, connection: InMemoryTransaction, giving: Sequence[Tracked[Root]], taking: Sequence[Tracked[Root]]
        ) -> None:
            assert connection.read(Root, 5) is None
            told.append(([it.entity.id for it in giving], [it.entity.id for it in taking]))

    plains, roots = tracker.identity_map(InMemoryMapper(Plain)), tracker.identity_map(WithParts(Root))
    for number in (1, 2, 3):
        tracker.add(roots, Root(id=number))
    await collected(tracker).write(connection)
    roots.by_id[1].entity.name = "changed"
    await collected(tracker).write(connection)
    assert told == []  # new ones alone lose nothing, and changed ones alone are the mapper's business
    tracker.add(roots, Root(id=5))
    tracker.add(plains, Plain(1))
    roots.by_id[2].entity.name = "changed"
    tracker.remove(roots, roots.by_id[3])
    await collected(tracker).write(connection)
    assert told == [([2, 3], [5, 2])]


async def test_going_back_drops_what_came_since(tracker: Tracker, connection: InMemoryTransaction) -> None:
    roots = tracker.identity_map(InMemoryMapper(Root))
    kept, dropped = Root(id=1), Root(id=2)
    kept.call("kept")
    tracker.add(roots, kept)
    await collected(tracker).write(connection)
    mark = tracker.mark()
    kept.call("inside")
    dropped.call("inside, too")
    tracker.add(roots, dropped)
    await collected(tracker).write(connection)
    dropped.call("not even written")
    kept.call("not even written")
    assert (kept.version, dropped.version) == (2, 1)
    tracker.go_back(mark)
    assert (kept.name, kept.version, kept.pull_events()) == ("kept", 1, ())
    assert list(roots.by_id) == [1]
    assert dropped.version == 0
    assert [getattr(event, "name", "") for event in dropped.pull_events()] == ["inside, too", "not even written"]
    assert names(tracker) == ["kept"]


async def test_abandoning_gives_versions_and_events_back(tracker: Tracker, connection: InMemoryTransaction) -> None:
    roots, plains = tracker.identity_map(InMemoryMapper(Root)), tracker.identity_map(InMemoryMapper(Plain))
    root, gone, plain = Root(id=1), Root(id=2), Plain(1)
    root.call("first")
    gone.call("farewell")
    tracker.add(roots, root)
    tracker.add(plains, plain)
    tracker.add(roots, gone)
    await collected(tracker).write(connection)
    root.call("second")
    gone.call("farewell again")
    tracker.remove(roots, roots.by_id[2])
    tracker.abandon()
    assert (root.version, gone.version) == (0, 0)
    assert [getattr(event, "name", "") for event in root.pull_events()] == ["first", "second"]
    assert [getattr(event, "name", "") for event in gone.pull_events()] == ["farewell", "farewell again"]


def test_a_mapping_that_fails_half_way_leaves_versions_as_they_were(tracker: Tracker) -> None:
    class Failing(InMemoryMapper[Root]):
        def snapshot(self, entity: Root) -> object:
            if entity.name == "broken":
                raise LookupError("a mapping of somebody's own")
            return super().snapshot(entity)

    roots = tracker.identity_map(Failing(Root))
    first, second = roots.admit([InMemoryMapper(Root).snapshot(Root(id=number)) for number in (1, 2)])
    first.call("changed")
    second.name = "broken"
    with pytest.raises(LookupError):
        tracker.collect()
    assert first.version == 1
    tracker.abandon()
    assert first.version == 0
    assert [getattr(event, "name", "") for event in first.pull_events()] == ["changed"]


async def test_what_a_deleted_entity_tells_afterwards_is_told_too(
    tracker: Tracker, connection: InMemoryTransaction
) -> None:
    roots = tracker.identity_map(InMemoryMapper(Root))
    root = Root(id=1)
    tracker.add(roots, root)
    await collected(tracker).write(connection)
    tracker.remove(roots, roots.by_id[1])
    root.call("farewell")
    await collected(tracker).write(connection)
    root.call("and thanks")
    collected(tracker)
    assert names(tracker) == ["farewell", "and thanks"]
