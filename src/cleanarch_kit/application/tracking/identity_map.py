"""What a unit of work remembers of the entities that it has seen."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar, cast

from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.data_mapper import DataMapper, Status, Tracked
from cleanarch_kit.domain.criteria import Node
from cleanarch_kit.domain.entity import AggregateRoot
from cleanarch_kit.domain.evaluation import evaluate
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.errors import ConcurrencyError, OutOfScopeError, UnitOfWorkStateError

__all__ = ["IdentityMap", "pull_events", "set_version"]

EntityT = TypeVar("EntityT", bound=Identified)
ConnectionT = TypeVar("ConnectionT")


_STORED = Status.STORED
_OTHER_IDENTITY = (
    "the identity of a tracked {entity} was changed, which would write over another one:"
    " add a new {entity} and delete the old one"
)
_pending_events = attrgetter("_pending_events")


class _Reading(NamedTuple):
    """What was read at once, with what is needed to track it."""

    identities: list[object]
    versions: list[int | None]
    entities: list[Any]
    snapshots: list[object]


class IdentityMap(Generic[EntityT, ConnectionT]):
    """The tracked entities of one type, each once.

    What is read first is only put into the map when somebody looks into it, or has changed it: a unit of work that
    reads one page and changes a line of it looks nothing up.

    Args:
        mapper: what stores them, within the scope where there is one.
        scope: the row scope; None for all there are.

    Attributes:
        mapper: as given.
        scope: as given.
    """

    __slots__ = ("_by_id", "_reading", "_records", "_versioned", "mapper", "scope")

    def __init__(self, mapper: DataMapper[EntityT, ConnectionT], scope: Node | None = None) -> None:
        self.mapper = mapper
        self.scope = scope
        self._by_id: dict[object, Tracked[EntityT]] = {}
        self._reading: _Reading | None = None
        self._versioned = mapper.versioned
        self._records = issubclass(mapper.entity_type, AggregateRoot)

    def make(self, entity: EntityT, status: Status) -> Tracked[EntityT]:
        """What is to be known of an entity of which the store's state is not known."""
        return Tracked(entity, None, getattr(entity, "version", 0) if self._versioned else None, status)

    @property
    def by_id(self) -> dict[object, Tracked[EntityT]]:
        """The tracked entities, in the order in which they were first seen."""
        if self._reading is not None:
            for identity, version, entity, snapshot in zip(*self._reading, strict=True):
                self._by_id[identity] = Tracked(entity, snapshot, version, _STORED)
            self._reading = None
        return self._by_id

    def find(self, identity: object) -> Tracked[EntityT] | None:
        """The tracked entity with an identity, or None."""
        return self.by_id.get(identity) if self._by_id or self._reading is not None else None

    def track(self, entity: EntityT, status: Status) -> Tracked[EntityT]:
        """Track an entity of which the store's state is not known."""
        tracked = self.by_id[entity.id] = self.make(entity, status)
        return tracked

    def check_scope(self, entity: EntityT) -> None:
        """Refuse an entity for which the row scope is not true; unknown is not true.

        Raises:
            OutOfScopeError: it lies outside.
        """
        if self.scope is not None and evaluate(self.scope, entity) is not True:
            raise OutOfScopeError(self.mapper.entity_type.__name__, entity.id)

    def admit(self, snapshots: Sequence[object], *, refresh: bool = False) -> list[EntityT]:
        """Track what was read, and give the entities: for those tracked already, the objects that there are.

        What was deleted here, and is in the store all the same, is left out, as a read by identity leaves it out.

        Args:
            snapshots: what the mapper read.
            refresh: take the state that was read over into objects that were tracked already.

        Raises:
            ConcurrencyError: an object to be refreshed has changes of its own, and the store has changed too.
        """
        entities: list[Any] = self.mapper.load_all(snapshots)  # Any: some have a version, some have none
        identities = [entity.id for entity in entities]
        versions: list[int | None] = (
            [entity.version for entity in entities] if self._versioned else [None] * len(entities)
        )
        reading = _Reading(identities, versions, entities.copy(), list(snapshots))
        if self.mapper.distinct and not self._by_id and self._reading is None:
            self._reading = reading
            return entities
        by_id, gone = self.by_id, set[int]()
        for position, (identity, version, entity, snapshot) in enumerate(zip(*reading, strict=True)):
            fresh = Tracked(entity, snapshot, version, _STORED)
            tracked = by_id.setdefault(identity, fresh)
            if tracked is not fresh:
                entities[position] = tracked.entity
                if tracked.status is Status.DELETED:
                    gone.add(position)
                elif refresh or tracked.status is not _STORED:
                    self._refresh(tracked, snapshot)
        return [entity for at, entity in enumerate(entities) if at not in gone] if gone else entities

    def scan(
        self,
        recorded: list[tuple[AggregateRoot[Any], tuple[DomainEvent, ...]]],
        note: Callable[[Tracked[EntityT]], object],
    ) -> list[Tracked[EntityT]]:
        """Prepare everything that has to be written: new entities, and those that the store has in another state.

        A changed entity gets its next version, and so does one that only recorded events.

        Args:
            recorded: is given the aggregates that recorded events, each with its events; deleted ones, too.
            note: is called with each entity before its version changes.

        Returns:
            The changed entities that the store has.

        Raises:
            UnitOfWorkStateError: an entity has another identity than when it was first seen.
            OutOfScopeError: an entity that has to be written lies outside of the row scope.
        """
        self._look_through()
        mapper, versioned, records, scope = self.mapper, self._versioned, self._records, self.scope
        snapshot = mapper.snapshot
        changed: list[Tracked[EntityT]] = []
        for identity, tracked in self._by_id.items():
            entity = tracked.entity
            if entity.id is not identity and entity.id != identity:
                raise UnitOfWorkStateError(_OTHER_IDENTITY.format(entity=mapper.entity_type.__name__))
            events: tuple[DomainEvent, ...] = ()
            if records and getattr(entity, "_pending_events", True) and (events := pull_events(entity)):
                recorded.append((cast("AggregateRoot[Any]", entity), events))
            if tracked.status is Status.DELETED:
                continue
            if tracked.status is not Status.NEW:
                tracked.current = snapshot(entity)
                if tracked.current == tracked.snapshot and not (events and versioned):
                    continue
                changed.append(tracked)
            if scope is not None:
                self.check_scope(entity)
            note(tracked)
            if tracked.version is not None:
                set_version(entity, tracked.version + 1)
            tracked.current = snapshot(entity)
        return changed

    def written(self, batch: Sequence[Tracked[EntityT]]) -> None:
        """Note that the store now has what was prepared."""
        for tracked in batch:
            tracked.snapshot = tracked.current
            if tracked.version is not None:
                tracked.version += 1
            elif tracked.status is Status.EXPIRED:
                continue  # no version told whether the store has more than what was prepared: still to be read anew
            tracked.status = _STORED

    @property
    def changed(self) -> bool:
        """Whether an entity is in another state than in the store."""
        self._look_through()
        snapshot = self.mapper.snapshot
        return any(snapshot(tracked.entity) != tracked.snapshot for tracked in self._by_id.values())

    def expire(self) -> None:
        """Let entities be read anew by the next read that meets them; not those that are still to be written."""
        for tracked in self.by_id.values():
            if tracked.status is _STORED and tracked.snapshot is not None:
                tracked.status = Status.EXPIRED

    def reset(self, known: Mapping[Tracked[EntityT], object]) -> None:
        """Give every entity the state that the store had, without the events that it recorded since.

        Args:
            known: the snapshots from then. What was read since has to be read anew, since the store may have had it
                only for the time being.
        """
        for tracked in self.by_id.values():
            entity = tracked.entity
            pull_events(entity)
            if tracked.status is Status.DELETED:
                continue
            before = known.get(tracked)
            if before is not tracked.snapshot:
                tracked.status = Status.EXPIRED
                if before is not None:  # read anew since, perhaps what was written then by a criterion
                    tracked.snapshot = before
            if not self._is_as_stored(tracked):
                self.mapper.restore(entity, tracked.snapshot)
            if tracked.version is not None:
                tracked.version = getattr(entity, "version", 0)

    def _is_as_stored(self, tracked: Tracked[EntityT]) -> bool:
        """Whether an entity is in the state of the store; what cannot be stored at all is not."""
        with suppress(Exception):
            return self.mapper.holds(tracked.entity, tracked.snapshot)
        return False

    def _look_through(self) -> None:
        """Put into the map what was read first and may have changed since, or recorded events."""
        reading = self._reading
        if reading is None:
            return
        positions = self.mapper.suspects(reading.entities, reading.snapshots)
        if self._records and any(map(_pending_events, reading.entities)):
            told = [at for at, entity in enumerate(reading.entities) if _pending_events(entity)]
            positions = sorted({*positions, *told})
        identities, versions, entities, snapshots = reading
        for at in positions:
            self._by_id[identities[at]] = Tracked(entities[at], snapshots[at], versions[at], _STORED)
        for at in reversed(positions):
            del identities[at], versions[at], entities[at], snapshots[at]

    def _refresh(self, tracked: Tracked[EntityT], snapshot: object) -> None:
        mapper, entity = self.mapper, tracked.entity
        if tracked.snapshot is None:  # detached, and still to be written: its own version guards it
            return
        if tracked.snapshot != snapshot:
            if mapper.snapshot(entity) != tracked.snapshot:
                raise ConcurrencyError(mapper.entity_type.__name__, entity.id, tracked.version)
            mapper.restore(entity, snapshot)
            tracked.snapshot = snapshot
            tracked.version = getattr(entity, "version", 0) if self._versioned else None
        tracked.status = _STORED


def pull_events(entity: object) -> tuple[DomainEvent, ...]:
    """The events that an entity recorded, which forgets them; none where it is no aggregate."""
    return entity.pull_events() if isinstance(entity, AggregateRoot) else ()


def set_version(entity: object, version: int | None) -> None:
    """Set the version of an entity, which may be frozen; nothing where there is none."""
    if version is not None:
        object.__setattr__(entity, "version", version)
