"""Bulk work, without the store: what every adapter does alike, in one place."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import Generic, TypeVar, cast

from cleanarch_kit.application.ports.bulk_repository import BulkRepository, Upserted
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.data_mapper import DataMapper, Status, Tracked
from cleanarch_kit.application.tracking.repository import SECOND_OBJECT, TrackingRepository
from cleanarch_kit.domain.changes import Assignment, Changes, trace_changes
from cleanarch_kit.domain.criteria import Criterion, Node, fields_in
from cleanarch_kit.errors import DuplicateError, NotFoundError, UnitOfWorkStateError

__all__ = ["BulkDataMapper", "BulkTrackingRepository"]

EntityT = TypeVar("EntityT", bound=Identified)
IdT = TypeVar("IdT")
ConnectionT = TypeVar("ConnectionT")

_NO_CRITERION = (
    "{method}() wants a criterion, and None is none: give one, or say everything where all entities are meant"
)


class BulkDataMapper(DataMapper[EntityT, ConnectionT], ABC, Generic[EntityT, ConnectionT]):
    """A data mapper that can change many entities without loading them."""

    @abstractmethod
    async def update_where(self, connection: ConnectionT, where: Node | None, changes: Sequence[Assignment]) -> int:
        """Change what meets a criterion, count its versions on, and tell how many there were."""

    @abstractmethod
    async def delete_where(self, connection: ConnectionT, where: Node | None) -> int:
        """Delete what meets a criterion with all that it owns, and tell how many there were."""

    @abstractmethod
    async def upsert(self, connection: ConnectionT, entities: Sequence[Tracked[EntityT]]) -> int:
        """Write entities as their ``current`` says, over those that the store has.

        One that is there gets the version after the stored one, in ``current`` and on the object; its ``version``
        becomes the stored one.

        Returns:
            How many were not there.
        """


class BulkTrackingRepository(
    TrackingRepository[EntityT, IdT, ConnectionT], BulkRepository[EntityT, IdT], ABC, Generic[EntityT, IdT, ConnectionT]
):
    """A repository whose data mapper is a `BulkDataMapper`."""

    async def update_where(
        self,
        where: Criterion[EntityT],
        *more: Criterion[EntityT] | None,
        set: Changes[EntityT],  # noqa: A002
    ) -> int:
        """Change all entities that meet the criteria. See `BulkRepository.update_where`."""
        unit, entities = self.unit_of_work, self.entities
        unit.writing()
        node = self._criterion("update_where", where, more)
        changes = trace_changes(set, entities.mapper.entity_type)
        if entities.scope is not None:
            _keep_in_scope(entities.scope, changes)
        await unit.flush()
        changed = await self._guard.run(self._bulk.update_where, self._transaction.connection, node, changes)
        entities.expire()
        return changed

    async def delete_where(self, where: Criterion[EntityT], *more: Criterion[EntityT] | None) -> int:
        """Delete all entities that meet the criteria. See `BulkRepository.delete_where`."""
        unit = self.unit_of_work
        unit.writing()
        node = self._criterion("delete_where", where, more)
        await unit.flush()
        deleted = await self._guard.run(self._bulk.delete_where, self._transaction.connection, node)
        self.entities.expire()
        return deleted

    async def upsert(self, entities: Iterable[EntityT]) -> Upserted:
        """Store entities that may be stored already. See `BulkRepository.upsert`."""
        unit = self.unit_of_work
        unit.writing()
        given = tuple({id(entity): entity for entity in entities}.values())
        await unit.flush()
        bulk, inserted = self._bulk, 0
        new = [entity for entity in given if not getattr(entity, "version", 0) or not bulk.versioned]
        loaded = [entity for entity in given if getattr(entity, "version", 0) and bulk.versioned]
        self._check(given, {entity.id for entity in loaded})

        async def write(connection: ConnectionT, batch: Sequence[Tracked[EntityT]]) -> None:
            nonlocal inserted
            inserted += await bulk.upsert(connection, batch)

        unit.tracker.add(self.entities, *new, write=write)
        for entity in loaded:
            await self.update(entity)
        await unit.flush()
        return Upserted(inserted, len(given) - inserted)

    @property
    def _bulk(self) -> BulkDataMapper[EntityT, ConnectionT]:
        return cast("BulkDataMapper[EntityT, ConnectionT]", self.entities.mapper)

    def _criterion(
        self, method: str, where: Criterion[EntityT], more: tuple[Criterion[EntityT] | None, ...]
    ) -> Node | None:
        if cast("object", where) is None:
            raise TypeError(_NO_CRITERION.format(method=method))
        return self._traced((where, *more))

    def _check(self, given: Sequence[EntityT], loaded: Collection[object]) -> None:
        """Refuse what must not be stored, before anything is tracked."""
        by_id, seen = self.entities.by_id, dict[object, EntityT]()
        for entity in given:
            if self.entities.scope is not None:
                self.entities.check_scope(entity)
            if seen.setdefault(entity.id, entity) is not entity:
                raise DuplicateError("primary_key")
            tracked = by_id.get(entity.id)
            if tracked is None:
                continue
            if tracked.status is Status.DELETED and entity.id in loaded:
                raise NotFoundError(self.entity_type.__name__, entity.id)
            if tracked.entity is not entity and (tracked.status is Status.STORED or entity.id in loaded):
                raise UnitOfWorkStateError(SECOND_OBJECT)


def _keep_in_scope(scope: Node, changes: Sequence[Assignment]) -> None:
    compared = {field.path[0] for field in fields_in(scope)}
    for assignment in changes:
        if assignment.field.path[0] in compared:
            raise TypeError(
                f"{assignment.field} cannot be changed by update_where: the row scope of this unit of work compares it"
            )
