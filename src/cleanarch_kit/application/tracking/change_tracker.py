"""What changed in a unit of work, and how it is written and taken back."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import merge
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, cast

from cleanarch_kit.application.ports.outbox import PendingEvent
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.data_mapper import DataMapper, Status, Tracked
from cleanarch_kit.application.tracking.identity_map import IdentityMap, pull_events, set_version
from cleanarch_kit.domain.criteria import Node
from cleanarch_kit.domain.entity import AggregateRoot
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.errors import DuplicateError

__all__ = ["ChangeTracker", "Flush", "Mark"]

EntityT = TypeVar("EntityT", bound=Identified)
ConnectionT = TypeVar("ConnectionT")

# Any: entities of all types meet here
_Root: TypeAlias = AggregateRoot[Any]
_Tracked: TypeAlias = Tracked[Any]
_Entities: TypeAlias = IdentityMap[Any, ConnectionT]
_Recorded: TypeAlias = tuple[_Root, tuple[DomainEvent, ...]]
_Batch: TypeAlias = tuple[_Entities[ConnectionT], list[_Tracked]]
_Write: TypeAlias = Callable[[ConnectionT, Sequence[_Tracked]], Awaitable[None]]
_Insert: TypeAlias = tuple[_Entities[ConnectionT], list[_Tracked], _Write[ConnectionT]]
_Before: TypeAlias = tuple[_Entities[ConnectionT], _Tracked, object, int | None, Status | None]

_NOT_THERE = (Status.DELETED, Status.EXPIRED)
"""What the store may not have any more, so that an entity with the same identity may be added."""


@dataclass(slots=True)
class Flush(Generic[ConnectionT]):
    """Everything that is to be written at once, in the order of the fields.

    Attributes:
        inserts: new entities in the order in which they were added, neighbours of one type together; each with what
            writes them.
        updates: changed entities, by type.
        deletes: deleted entities in the order of deletion, neighbours of one type together.
        events: what aggregates recorded since the last flush, in the order in which it happened.
    """

    inserts: list[_Insert[ConnectionT]]
    updates: list[_Batch[ConnectionT]]
    deletes: list[_Batch[ConnectionT]]
    events: list[tuple[_Root, DomainEvent]]

    @property
    def writes(self) -> bool:
        """Whether any statement is needed."""
        return bool(self.inserts or self.updates or self.deletes)

    def pending_events(self) -> list[PendingEvent]:
        """The events as an outbox wants them, each with the key of its aggregate."""
        return [PendingEvent(event, f"{type(root).__name__}/{root.id}") for root, event in self.events]

    async def write(self, connection: ConnectionT) -> None:
        """Write all of it.

        Raises:
            StorageError: the store refused something; what was written before it stays written.
        """
        if self.inserts or self.deletes:
            await self._hand_over(connection)
        for entities, tracked, write in self.inserts:
            await write(connection, tracked)
            entities.written(tracked)
        for entities, tracked in self.updates:
            await entities.mapper.update(connection, tracked)
            entities.written(tracked)
        for entities, tracked in self.deletes:
            await entities.mapper.delete(connection, tracked)

    async def _hand_over(self, connection: ConnectionT) -> None:
        """Let parts go from one entity to another that is written before it; among updated ones a mapper can itself."""
        moving: dict[_Entities[ConnectionT], tuple[list[_Tracked], list[_Tracked]]] = {}
        added = [(entities, tracked) for entities, tracked, _ in self.inserts]
        for gives, takes, batches in ((0, 1, added), (1, 1, self.updates), (1, 0, self.deletes)):
            for entities, tracked in batches:
                if entities.mapper.has_parts:
                    giving, taking = moving.setdefault(entities, ([], []))
                    giving.extend(tracked if gives else ())
                    taking.extend(tracked if takes else ())
        for entities, (giving, taking) in moving.items():
            if giving and taking:
                await entities.mapper.hand_over(connection, giving, taking)


class Mark(NamedTuple):
    """A state to which a tracker can go back.

    Attributes:
        before: how much had been noted.
        events: how many events had been collected.
        snapshots: what the store held of each tracked entity.
    """

    before: int
    events: int
    snapshots: Mapping[_Tracked, object]


class ChangeTracker(Generic[ConnectionT]):
    """Keeps the identity maps of a unit of work, collects what changed, and can go back to an earlier state."""

    __slots__ = ("_before", "_deleted", "_events", "_maps", "_new", "_recorded")

    def __init__(self) -> None:
        self._maps: dict[type, _Entities[ConnectionT]] = {}
        self._new: list[_Insert[ConnectionT]] = []
        self._deleted: list[_Batch[ConnectionT]] = []
        self._recorded: list[_Recorded] = []
        self._events: list[tuple[_Root, DomainEvent]] = []
        self._before: list[_Before[ConnectionT]] = []

    @property
    def recorded(self) -> bool:
        """Whether there are events."""
        return bool(self._events)

    @property
    def events(self) -> Sequence[DomainEvent]:
        """All events collected so far, in order."""
        return [event for _, event in self._events]

    @property
    def deleting(self) -> bool:
        """Whether a deletion waits to be written."""
        return bool(self._deleted)

    @property
    def changed(self) -> bool:
        """Whether anything was added, changed or deleted so far, written or not."""
        return bool(self._before) or any(entities.changed for entities in self._maps.values())

    def identity_map(
        self, mapper: DataMapper[EntityT, ConnectionT], scope: Node | None = None
    ) -> IdentityMap[EntityT, ConnectionT]:
        """The identity map of a mapper's entities, and of their row scope if there is one."""
        entities = self._maps.get(mapper.entity_type)
        if entities is None:
            entities = self._maps[mapper.entity_type] = IdentityMap(mapper, scope)
        return entities

    def add(
        self,
        entities: IdentityMap[EntityT, ConnectionT],
        *new: EntityT,
        write: Callable[[ConnectionT, Sequence[Tracked[EntityT]]], Awaitable[None]] | None = None,
    ) -> None:
        """Track entities that are to be inserted; of those that are tracked already, nothing.

        Args:
            entities: the tracked entities of the type.
            new: the new ones.
            write: what writes them; by default the mapper, which inserts them.

        Raises:
            DuplicateError: another object with the same identity is tracked; those in front of it were added.
        """
        by_id, note = entities.by_id, self._before.append
        batch = self._batch(entities, write or entities.mapper.insert)
        for entity in new:
            tracked = entities.make(entity, Status.NEW)
            replaced = by_id.setdefault(entity.id, tracked)
            if replaced is tracked:
                note((entities, tracked, None, tracked.version, None))
            elif replaced.status in _NOT_THERE:
                by_id[entity.id] = tracked
                note((entities, tracked, replaced, tracked.version, None))
            elif replaced.entity is entity:
                continue
            else:
                raise DuplicateError("primary_key")
            batch.append(tracked)

    def attach(self, entities: IdentityMap[EntityT, ConnectionT], entity: EntityT) -> None:
        """Track an entity that another unit of work loaded; it is written as a whole."""
        tracked = entities.track(entity, Status.STORED)
        self._before.append((entities, tracked, None, tracked.version, None))

    def remove(self, entities: IdentityMap[EntityT, ConnectionT], tracked: Tracked[EntityT]) -> None:
        """Delete a tracked entity; what it recorded before is published all the same."""
        if events := pull_events(tracked.entity):
            self._recorded.append((cast("_Root", tracked.entity), events))
        self._before.append((entities, tracked, tracked.snapshot, tracked.version, tracked.status))
        if tracked.status is Status.NEW:
            for _, added, _ in self._new:
                added[:] = [other for other in added if other is not tracked]
        else:
            _append(self._deleted, entities, tracked)
        tracked.status = Status.DELETED

    def expire(self, entity_type: type) -> None:
        """Let the entities of a type be read anew by the next read that meets them."""
        if entity_type in self._maps:
            self._maps[entity_type].expire()

    def collect(self) -> Flush[ConnectionT] | None:
        """Collect what has to be written now, if anything; it counts as written, or else has to be taken back."""
        recorded = self._recorded
        updates: list[_Batch[ConnectionT]] = []
        for entities in self._maps.values():
            if changed := entities.scan(recorded, partial(self._note, entities)):
                updates.append((entities, changed))
        inserts = [batch for batch in self._new if batch[1]]
        if not (updates or inserts or self._deleted or recorded):
            return None
        flush = Flush(inserts, updates, self._deleted, _in_order(recorded))
        self._events += flush.events
        self._new, self._deleted, self._recorded = [], [], []
        return flush

    def mark(self) -> Mark:
        """The state as it is now, after a flush; for `go_back`."""
        snapshots = {it: it.snapshot for entities in self._maps.values() for it in entities.by_id.values()}
        return Mark(len(self._before), len(self._events), snapshots)

    def go_back(self, mark: Mark) -> None:
        """Go back to a mark, as the store did: tracked entities take the state that they had then.

        Entities that were added or attached since are no longer tracked; they get back their version and events.
        """
        dropped = self._take_back(mark.before)
        _give_back(event for event in self._pending_events(mark.events) if id(event[0]) in dropped)
        del self._events[mark.events :]
        self._new, self._deleted, self._recorded = [], [], []
        for entities in self._maps.values():
            entities.reset(mark.snapshots)

    def abandon(self) -> None:
        """Forget everything. Entities get back the version and events that they had, to be stored another time."""
        self._take_back(0)
        _give_back(self._pending_events(0))
        self._maps.clear()

    def _batch(self, entities: _Entities[ConnectionT], write: _Write[ConnectionT]) -> list[_Tracked]:
        """Where new entities go: to those before them, if they are of the same type and written alike."""
        if not self._new or self._new[-1][0] is not entities or self._new[-1][2] != write:
            self._new.append((entities, [], write))
        return self._new[-1][1]

    def _note(self, entities: _Entities[ConnectionT], it: _Tracked) -> None:
        self._before.append((entities, it, it.snapshot, it.version, it.status))

    def _take_back(self, before: int) -> set[int]:
        dropped: set[int] = set()
        for entities, tracked, snapshot, version, status in reversed(self._before[before:]):
            set_version(tracked.entity, version)
            if status is None:
                dropped.add(id(tracked.entity))
                if isinstance(snapshot, Tracked):
                    entities.by_id[tracked.entity.id] = snapshot
                else:
                    entities.by_id.pop(tracked.entity.id, None)
            else:
                entities.by_id[tracked.entity.id] = tracked
                tracked.snapshot, tracked.version, tracked.status = snapshot, version, status
        del self._before[before:]
        return dropped

    def _pending_events(self, since: int) -> list[_Recorded]:
        return [(root, (event,)) for root, event in self._events[since:]] + self._recorded


def _append(batches: list[_Batch[ConnectionT]], entities: _Entities[ConnectionT], tracked: _Tracked) -> None:
    if batches and batches[-1][0] is entities:
        batches[-1][1].append(tracked)
    else:
        batches.append((entities, [tracked]))


def _in_order(recorded: list[_Recorded]) -> list[tuple[_Root, DomainEvent]]:
    """Events in the order in which they were made; those of one aggregate always in the order of recording."""
    streams = [[(root, event) for event in events] for root, events in recorded]
    return list(merge(*streams, key=lambda entry: entry[1].event_id)) if streams else []


def _give_back(recorded: Iterable[_Recorded]) -> None:
    """Put events back in front of those that their aggregates recorded since."""
    events: dict[int, tuple[_Root, list[DomainEvent]]] = {}
    for root, given in recorded:
        events.setdefault(id(root), (root, []))[1].extend(given)
    for root, given_back in events.values():
        for event in (*given_back, *root.pull_events()):
            root.record_event(event)
