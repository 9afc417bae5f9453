"""Entities in an `InMemoryStore`."""

import asyncio
from collections.abc import Sequence
from copy import copy
from dataclasses import fields, is_dataclass
from inspect import get_annotations
from typing import Any, Generic, Self, TypeVar, cast

from cleanarch_kit.adapters.memory.state import State, capture, rebuild, restore
from cleanarch_kit.adapters.memory.store import Row, unique_key
from cleanarch_kit.adapters.memory.transaction import InMemoryTransaction
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.bulk_repository import BulkDataMapper
from cleanarch_kit.application.tracking.data_mapper import Tracked
from cleanarch_kit.application.tracking.identity_map import set_version
from cleanarch_kit.domain.changes import Assignment
from cleanarch_kit.domain.criteria import Node
from cleanarch_kit.domain.evaluation import evaluate
from cleanarch_kit.errors import DuplicateError

__all__ = ["InMemoryMapper"]

EntityT = TypeVar("EntityT", bound=Identified)


class InMemoryMapper(BulkDataMapper[EntityT, InMemoryTransaction], Generic[EntityT]):
    """Stores the state of entities, and keeps identities and unique keys unique.

    Args:
        entity_type: type of the entities; those of a subclass are stored with them.

    Attributes:
        scope: the row scope outside of which it finds nothing; None for all there is.
    """

    def __init__(self, entity_type: type[EntityT]) -> None:
        self.entity_type = entity_type
        self.versioned = "version" in _field_names(entity_type)
        self.scope: Node | None = None

    def within(self, scope: Node) -> Self:
        """The same mapper, for which rows outside of a scope do not exist."""
        other = copy(self)
        other.scope = scope
        return other

    def snapshot(self, entity: EntityT) -> object:
        """Its state. See `DataMapper.snapshot`."""
        return capture(entity)

    def load(self, snapshot: object) -> EntityT:
        """A new object. See `DataMapper.load`."""
        entity: EntityT = rebuild(snapshot)
        return entity

    def restore(self, entity: EntityT, snapshot: object) -> None:
        """Give an object the state of a snapshot. See `DataMapper.restore`."""
        restore(entity, cast("State", snapshot))

    async def fetch(
        self, connection: InMemoryTransaction, identity: object, *, for_update: bool, skip_locked: bool
    ) -> object | None:
        """Read one entity. See `DataMapper.fetch`."""
        await asyncio.sleep(0)
        row = self._row(connection, identity)
        if row is not None and for_update:
            if skip_locked and connection.locked_elsewhere(self.entity_type, identity):
                return None
            await connection.lock(self.entity_type, identity)
            row = self._row(connection, identity)
        return None if row is None else row.state

    async def insert(self, connection: InMemoryTransaction, added: Sequence[Tracked[EntityT]]) -> None:
        """Write new entities. See `DataMapper.insert`."""
        await asyncio.sleep(0)
        for tracked in added:
            identity = tracked.entity.id
            await connection.lock(self.entity_type, identity)
            if connection.read(self.entity_type, identity) is not None:
                raise DuplicateError("primary_key")
            await self._write(connection, identity, None, Row(cast("State", tracked.current)))

    async def update(self, connection: InMemoryTransaction, changed: Sequence[Tracked[EntityT]]) -> None:
        """Write the fields that changed. See `DataMapper.update`."""
        await asyncio.sleep(0)
        for tracked in changed:
            stored = await self._guarded(connection, tracked)
            if stored is None:
                raise self.stale(tracked)
            merged = _merged(stored.state, cast("State | None", tracked.snapshot), cast("State", tracked.current))
            await self._write(connection, tracked.entity.id, stored, Row(merged))

    async def delete(self, connection: InMemoryTransaction, removed: Sequence[Tracked[EntityT]]) -> None:
        """Delete entities. See `DataMapper.delete`."""
        await asyncio.sleep(0)
        for tracked in removed:
            stored = await self._guarded(connection, tracked)
            if stored is not None:
                await self._write(connection, tracked.entity.id, stored, None)
            elif tracked.version is not None:
                raise self.stale(tracked)

    async def delete_by_id(self, connection: InMemoryTransaction, identity: object) -> bool:
        """Delete one entity. See `DataMapper.delete_by_id`."""
        await asyncio.sleep(0)
        if self._row(connection, identity) is None:
            return False
        await connection.lock(self.entity_type, identity)
        stored = self._row(connection, identity)
        if stored is not None:
            await self._write(connection, identity, stored, None)
        return stored is not None

    async def update_where(
        self, connection: InMemoryTransaction, where: Node | None, changes: Sequence[Assignment]
    ) -> int:
        """Change what meets a criterion. See `BulkDataMapper.update_where`."""
        await asyncio.sleep(0)
        parts = {assignment.field.path[0]: capture(assignment.value) for assignment in changes}
        found = await self._lock_where(connection, where)
        for identity, row in found:
            version = {"version": row.view.version + 1} if self.versioned else {}
            changed = State(row.state.kind, {**row.state.parts, **parts, **version})
            await self._write(connection, identity, row, Row(changed))
        return len(found)

    async def delete_where(self, connection: InMemoryTransaction, where: Node | None) -> int:
        """Delete what meets a criterion. See `BulkDataMapper.delete_where`."""
        await asyncio.sleep(0)
        found = await self._lock_where(connection, where)
        for identity, row in found:
            await self._write(connection, identity, row, None)
        return len(found)

    async def upsert(self, connection: InMemoryTransaction, entities: Sequence[Tracked[EntityT]]) -> int:
        """Write entities over those that the store has. See `BulkDataMapper.upsert`."""
        await asyncio.sleep(0)
        inserted = 0
        for tracked in sorted(entities, key=lambda tracked: str(tracked.entity.id)):  # all in one order: no deadlocks
            identity = tracked.entity.id
            await connection.lock(self.entity_type, identity)
            stored = self._row(connection, identity)
            if stored is None:
                if connection.read(self.entity_type, identity) is not None:  # outside of the scope
                    raise DuplicateError("primary_key")
                inserted += 1
            elif self.versioned:
                tracked.version = stored.view.version
                set_version(tracked.entity, stored.view.version + 1)
                tracked.current = self.snapshot(tracked.entity)
            await self._write(connection, identity, stored, Row(cast("State", tracked.current)))
        return inserted

    async def _lock_where(self, connection: InMemoryTransaction, where: Node | None) -> list[tuple[object, Row]]:
        """Lock the rows that meet a criterion one after another; each is looked at again once it is locked."""
        locked: list[tuple[object, Row]] = []
        for identity, row in list(connection.items(self.entity_type)):
            if where is None or evaluate(where, row.view) is True:
                await connection.lock(self.entity_type, identity)
                current: Row | None = connection.read(self.entity_type, identity)
                if current is not None and (where is None or evaluate(where, current.view) is True):
                    locked.append((identity, current))
        return locked

    async def _guarded(self, connection: InMemoryTransaction, tracked: Tracked[EntityT]) -> Row | None:
        """The locked row, or None if the store has none of the version that is tracked."""
        identity = tracked.entity.id
        if self.scope is not None and self._row(connection, identity) is None:
            return None  # without waiting for a lock on what is not to be seen
        await connection.lock(self.entity_type, identity)
        row = self._row(connection, identity)
        if row is not None and tracked.version is not None and row.view.version != tracked.version:
            return None
        return row

    def _row(self, connection: InMemoryTransaction, identity: object) -> Row | None:
        """The row of an identity, or None; one outside of the scope is none."""
        row: Row | None = connection.read(self.entity_type, identity)
        if row is None or self.scope is None or evaluate(self.scope, row.view) is True:
            return row
        return None

    async def _write(self, connection: InMemoryTransaction, identity: object, old: Row | None, new: Row | None) -> None:
        for constraint, key_of in connection.store.unique_keys(self.entity_type).items():
            index = (self.entity_type, constraint)
            before = None if old is None else unique_key(key_of, old)
            after = None if new is None else unique_key(key_of, new)
            if before == after:
                continue
            if after is not None:
                await self._claim(connection, index, after)
                connection.put(index, after, identity)
            if before is not None:
                await connection.lock(index, before)
                connection.put(index, before, None)
        connection.put(self.entity_type, identity, new)

    async def _claim(self, connection: InMemoryTransaction, index: tuple[type, str], key: object) -> None:
        await connection.lock(index, key)
        if connection.read(index, key) is not None:
            raise DuplicateError(index[1])


def _merged(stored: State, before: State | None, after: State) -> State:
    """What is stored, with the fields that changed: others may have changed other fields meanwhile."""
    if before is None:
        return after
    changes = {
        name: part for name, part in after.parts.items() if name not in before.parts or before.parts[name] != part
    }
    return State(after.kind, {**stored.parts, **changes})


def _field_names(entity_type: type[Any]) -> set[str]:
    if is_dataclass(entity_type):
        return {field.name for field in fields(entity_type)}
    return {name for owner in entity_type.__mro__ for name in get_annotations(owner)}
