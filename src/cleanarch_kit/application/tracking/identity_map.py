"""What a unit of work remembers of the entities that it has seen, and what it asks of an adapter to store them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Generic, TypeVar, cast

from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.domain.criteria import Node
from cleanarch_kit.domain.entity import AggregateRoot
from cleanarch_kit.domain.evaluation import evaluate
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.errors import ConcurrencyError, NotFoundError, OutOfScopeError, UnitOfWorkStateError

__all__ = ["DataMapper", "IdentityMap", "Status", "Tracked", "pull_events", "set_version"]

EntityT = TypeVar("EntityT", bound=Identified)
ConnectionT = TypeVar("ConnectionT")


class Status(Enum):
    """What the store knows of a tracked entity."""

    NEW = auto()
    STORED = auto()
    EXPIRED = auto()
    DELETED = auto()


_STORED = Status.STORED
_OTHER_IDENTITY = (
    "the identity of a tracked {entity} was changed, which would write over another one:"
    " add a new {entity} and delete the old one"
)


class Tracked(Generic[EntityT]):
    """One entity that a unit of work knows.

    Attributes:
        entity: the only object with its identity in this unit of work.
        snapshot: what the store holds of it; None where that is not known, so that it is written as a whole.
        current: what is to be written. A mapper replaces it where the store makes something else of it.
        version: the version that the store holds; 0 for none, None for an entity without a version.
        status: what the store knows of it.
    """

    __slots__ = ("current", "entity", "snapshot", "status", "version")

    current: object

    def __init__(self, entity: EntityT, snapshot: object, version: int | None, status: Status) -> None:
        self.entity = entity
        self.snapshot = snapshot
        self.version = version
        self.status = status


class DataMapper(ABC, Generic[EntityT, ConnectionT]):
    """Moves the entities of one type between objects and a store: what an adapter implements.

    It keeps nothing between two calls. A snapshot is whatever it wants to remember of a stored entity, comparable
    with ``==``: a row, for example. Errors of the store are raised as `StorageError`.

    Attributes:
        entity_type: type of the entities.
        versioned: whether they have a ``version``, which the store keeps.
    """

    entity_type: type[EntityT]
    versioned: bool

    @abstractmethod
    def snapshot(self, entity: EntityT) -> object:
        """What would be stored of the entity as it is now, its version included."""

    @abstractmethod
    def load(self, snapshot: object) -> EntityT:
        """A new object with the state of a snapshot, made without running its constructor."""

    @abstractmethod
    def restore(self, entity: EntityT, snapshot: object) -> None:
        """Give an object the state of a snapshot. Pending events are not its business."""

    @abstractmethod
    async def fetch(
        self,
        connection: ConnectionT,
        identity: object,
        *,
        for_update: bool,
        skip_locked: bool,
    ) -> object | None:
        """Read the snapshot of one entity, or None. See `Repository.get_by_id`."""

    @abstractmethod
    async def insert(self, connection: ConnectionT, added: Sequence[Tracked[EntityT]]) -> None:
        """Write new entities, as their ``current`` says."""

    @abstractmethod
    async def update(self, connection: ConnectionT, changed: Sequence[Tracked[EntityT]]) -> None:
        """Write what differs between ``snapshot`` and ``current``, where the store has ``version``.

        Raises:
            ConcurrencyError, NotFoundError: the store has no such row; what `stale` gives.
        """

    @abstractmethod
    async def delete(self, connection: ConnectionT, removed: Sequence[Tracked[EntityT]]) -> None:
        """Delete entities where the store has ``version``.

        Raises:
            ConcurrencyError: the store has no such row of an entity with a version; what `stale` gives. One without
                a version that is gone already is no error.
        """

    @abstractmethod
    async def delete_by_id(self, connection: ConnectionT, identity: object) -> bool:
        """Delete one entity, whatever its version, and tell whether there was one."""

    def stale(self, tracked: Tracked[EntityT]) -> ConcurrencyError | NotFoundError:
        """The error to raise when the store has no such row, or none of the version that is tracked."""
        name = self.entity_type.__name__
        if tracked.version:
            return ConcurrencyError(name, tracked.entity.id, tracked.version)
        return NotFoundError(name, tracked.entity.id)


class IdentityMap(Generic[EntityT, ConnectionT]):
    """The tracked entities of one type, each once.

    Args:
        mapper: what stores them, within the scope where there is one.
        scope: the row scope; None for all there are.

    Attributes:
        by_id: the tracked entities, in the order in which they were first seen.
        mapper: as given.
        scope: as given.
    """

    __slots__ = ("_records", "_versioned", "by_id", "mapper", "scope")

    def __init__(self, mapper: DataMapper[EntityT, ConnectionT], scope: Node | None = None) -> None:
        self.by_id: dict[object, Tracked[EntityT]] = {}
        self.mapper = mapper
        self.scope = scope
        self._versioned = mapper.versioned
        self._records = issubclass(mapper.entity_type, AggregateRoot)

    def make(self, entity: EntityT, status: Status) -> Tracked[EntityT]:
        """What is to be known of an entity of which the store's state is not known."""
        return Tracked(entity, None, getattr(entity, "version", 0) if self._versioned else None, status)

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

        Args:
            snapshots: what the mapper read.
            refresh: take the state that was read over into objects that were tracked already.

        Raises:
            ConcurrencyError: an object to be refreshed has changes of its own, and the store has changed too.
        """
        by_id, versioned = self.by_id, self._versioned
        entities: list[Any] = list(map(self.mapper.load, snapshots))  # Any: some have a version, some have none
        for position, (entity, snapshot) in enumerate(zip(entities, snapshots, strict=True)):
            fresh = Tracked(entity, snapshot, entity.version if versioned else None, _STORED)
            tracked = by_id.setdefault(entity.id, fresh)
            if tracked is not fresh:
                entities[position] = tracked.entity
                if refresh or tracked.status is not _STORED:
                    self._refresh(tracked, snapshot)
        return entities

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
        mapper, versioned, records, scope = self.mapper, self._versioned, self._records, self.scope
        snapshot = mapper.snapshot
        changed: list[Tracked[EntityT]] = []
        for identity, tracked in self.by_id.items():
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
            tracked.status = _STORED
            if tracked.version is not None:
                tracked.version += 1

    @property
    def changed(self) -> bool:
        """Whether an entity is in another state than in the store."""
        snapshot = self.mapper.snapshot
        return any(snapshot(tracked.entity) != tracked.snapshot for tracked in self.by_id.values())

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
            if self.mapper.snapshot(entity) != tracked.snapshot:
                self.mapper.restore(entity, tracked.snapshot)
            if tracked not in known or known[tracked] is not tracked.snapshot:
                tracked.status = Status.EXPIRED

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
