"""The repository, without the store: what every adapter does alike, in one place."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic, TypeVar

from cleanarch_kit.application.pagination.cursor import CursorCodec
from cleanarch_kit.application.ports.repository import Identified, SearchableRepository
from cleanarch_kit.application.tracking.data_mapper import DataMapper, Status
from cleanarch_kit.application.tracking.unit_of_work import TrackingUnitOfWork
from cleanarch_kit.application.tracking.usage_guard import Phase
from cleanarch_kit.domain.criteria import And, Criterion, Node
from cleanarch_kit.domain.stand_ins import joined
from cleanarch_kit.domain.tracing import trace_all
from cleanarch_kit.errors import DefinitionError, NotFoundError, UnitOfWorkStateError

__all__ = ["SECOND_OBJECT", "TrackingRepository"]

EntityT = TypeVar("EntityT", bound=Identified)
IdT = TypeVar("IdT")
ConnectionT = TypeVar("ConnectionT")

_OPEN = Phase.OPEN
_NO_SCOPE = (
    "{repository} requires a row scope: give its unit of work scopes={{{entity}: lambda ...: ...}},"
    " or use a repository that requires none where all rows are meant"
)
SECOND_OBJECT = (
    "another object with this identity is tracked by the unit of work already:"
    " change that one, which get_by_id() gives, instead of updating a second one"
)
"""Why a second object with a tracked identity is not saved."""


class TrackingRepository(SearchableRepository[EntityT, IdT], ABC, Generic[EntityT, IdT, ConnectionT]):
    """A repository whose entities are tracked by its unit of work.

    Adapters add the searching methods. They turn criteria into a tree with ``self._traced(where)``, begin with
    ``await self.unit_of_work.flush()``, run statements through ``self.unit_of_work.guard.run(...)`` and hand what they
    read to ``self.entities.admit(...)``.

    The row scope of the unit of work comes in by two doors and no third: `_traced` joins it with the criteria of every
    statement that has any, and `_within` gives the mapper for which rows outside do not exist, which runs every
    statement that names an entity by its identity. What is to be written is checked when it is added, and again by the
    flush that writes it.

    Args:
        unit_of_work: what tracks the entities; it must be open when the repository is used, not when it is made.
        mapper: what stores the entities.

    Raises:
        DefinitionError: the repository requires a row scope, and the unit of work has none for its entities.

    Attributes:
        unit_of_work: as given.
        entities: the tracked entities.
        cursors: writes and reads the cursors of `scroll`; set one with a key to have them signed.
    """

    cursors: CursorCodec = CursorCodec()

    def __init__(self, unit_of_work: TrackingUnitOfWork[ConnectionT], mapper: DataMapper[EntityT, ConnectionT]) -> None:
        self.unit_of_work = unit_of_work
        scopes, tracker = unit_of_work.scopes, unit_of_work.tracker
        scope = None if scopes is None else scopes.of(mapper.entity_type)
        if scope is not None:
            self.entities = tracker.identity_map(self._within(mapper, scope), scope)
        elif self.scope_required:
            raise DefinitionError(_NO_SCOPE.format(repository=type(self).__name__, entity=mapper.entity_type.__name__))
        else:
            self.entities = tracker.identity_map(mapper)
        self._guard = unit_of_work.guard
        self._transaction = unit_of_work.transaction

    async def get_by_id(self, id: IdT, *, for_update: bool = False, skip_locked: bool = False) -> EntityT | None:  # noqa: A002
        """The entity with this identity, or None. See `Repository.get_by_id`."""
        guard, entities = self._guard, self.entities
        if guard.phase is not _OPEN:
            guard.check()
        tracked = entities.find(id)
        if tracked is not None:
            status = tracked.status
            if status is Status.NEW or (status is Status.STORED and not for_update):
                return tracked.entity
            if status is Status.DELETED:
                return None
        snapshot = await guard.run(
            entities.mapper.fetch,
            self._transaction.connection,
            id,
            for_update=for_update,
            skip_locked=skip_locked,
        )
        if snapshot is not None:
            return entities.admit((snapshot,), refresh=for_update)[0]
        return None

    async def add(self, entity: EntityT) -> None:
        """Store a new entity. See `Repository.add`."""
        await self.add_all((entity,))

    async def add_all(self, entities: Iterable[EntityT]) -> None:
        """Store new entities. See `Repository.add_all`."""
        unit = self.unit_of_work
        unit.writing()
        new = tuple(entities)
        if self.entities.scope is not None:
            for entity in new:
                self.entities.check_scope(entity)
        if unit.tracker.deleting:
            await unit.flush()
        unit.tracker.add(self.entities, *new)

    async def update(self, entity: EntityT) -> None:
        """Save an entity that another unit of work loaded. See `Repository.update`."""
        unit = self.unit_of_work
        unit.writing()
        if self.entities.scope is not None:
            self.entities.check_scope(entity)
        tracked = self.entities.find(entity.id)
        if tracked is None:
            unit.tracker.attach(self.entities, entity)
        elif tracked.status is Status.DELETED:
            raise NotFoundError(self.entity_type.__name__, entity.id)
        elif tracked.entity is not entity:
            raise UnitOfWorkStateError(SECOND_OBJECT)

    async def delete(self, id: IdT) -> bool:  # noqa: A002
        """Delete the entity with this identity. See `Repository.delete`."""
        unit = self.unit_of_work
        unit.writing()
        tracked = self.entities.find(id)
        if tracked is not None:
            if tracked.status is Status.DELETED:
                return False
            if tracked.status is not Status.EXPIRED or await self.get_by_id(id) is not None:
                unit.tracker.remove(self.entities, tracked)
                return True
            return False
        await unit.flush()
        return await self._guard.run(self.entities.mapper.delete_by_id, self._transaction.connection, id)

    @abstractmethod
    def _within(self, mapper: DataMapper[EntityT, ConnectionT], scope: Node) -> DataMapper[EntityT, ConnectionT]:
        """The mapper, for which entities outside of a row scope do not exist.

        What it reads, locks, updates and deletes meets the scope in the store, at the moment of the statement. It
        inserts as before: an identity that is taken outside of the scope is taken.
        """

    def _traced(self, where: tuple[Criterion[EntityT] | None, ...]) -> Node | None:
        """The criteria and the row scope as one tree: what every statement by criterion is built from."""
        entities = self.entities
        criteria = trace_all(where, entities.mapper.entity_type) if where else None
        scope = entities.scope
        if scope is None:
            return criteria
        return scope if criteria is None else joined(And, [scope, criteria])
