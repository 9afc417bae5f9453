"""What a unit of work asks of an adapter that stores entities."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum, auto
from operator import eq
from typing import Generic, TypeVar

from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.errors import ConcurrencyError, NotFoundError

__all__ = ["DataMapper", "Status", "Tracked"]

EntityT = TypeVar("EntityT", bound=Identified)
ConnectionT = TypeVar("ConnectionT")


class Status(Enum):
    """What the store knows of a tracked entity."""

    NEW = auto()
    STORED = auto()
    EXPIRED = auto()
    DELETED = auto()


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
        distinct: whether what is read at once has every identity once at most.
        has_parts: whether the store holds parts of them that may go from one to another.
    """

    entity_type: type[EntityT]
    versioned: bool
    distinct: bool = False
    has_parts: bool = False

    @abstractmethod
    def snapshot(self, entity: EntityT) -> object:
        """What would be stored of the entity as it is now, its version included."""

    @abstractmethod
    def load(self, snapshot: object) -> EntityT:
        """A new object with the state of a snapshot, made without running its constructor."""

    def load_all(self, snapshots: Sequence[object]) -> list[EntityT]:
        """A new object for each of several snapshots, as `load` makes them."""
        return list(map(self.load, snapshots))

    def suspects(self, entities: Sequence[EntityT], snapshots: Sequence[object]) -> list[int]:
        """Positions of the objects that may not be any more as `load_all` made them of these snapshots.

        All others certainly are. Those that are given are compared one by one.
        """
        return [at for at, same in enumerate(map(eq, map(self.snapshot, entities), snapshots)) if not same]

    def holds(self, entity: EntityT, snapshot: object) -> bool:
        """Whether an object has the state of a snapshot, so that it need not be restored."""
        return self.snapshot(entity) == snapshot

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

    async def hand_over(
        self, connection: ConnectionT, giving: Sequence[Tracked[EntityT]], taking: Sequence[Tracked[EntityT]]
    ) -> None:
        """Take away from some entities the parts that others get, before anything else of a flush is written.

        Called where the mapper has parts. By default nothing is done.

        Args:
            connection: where to write.
            giving: entities that are to be updated or deleted.
            taking: entities that are to be inserted or updated.
        """

    def stale(self, tracked: Tracked[EntityT]) -> ConcurrencyError | NotFoundError:
        """The error to raise when the store has no such row, or none of the version that is tracked."""
        name = self.entity_type.__name__
        if tracked.version:
            return ConcurrencyError(name, tracked.entity.id, tracked.version)
        return NotFoundError(name, tracked.entity.id)
