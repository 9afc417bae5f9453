"""`AggregateMapper`: how an aggregate of several tables is stored."""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnySelect, Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.connecting.execution import run
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.adapters.sqlalchemy.mapping.differences import Difference, compare, remaining, write
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.layout import Owner
from cleanarch_kit.adapters.sqlalchemy.mapping.owned import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.owned_rows import OwnedRows, Rows
from cleanarch_kit.adapters.sqlalchemy.mapping.row_mapper import RowMapper, affected_rows
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.data_mapper import Status, Tracked
from cleanarch_kit.domain.criteria import Node

__all__ = ["AggregateMapper"]

EntityT = TypeVar("EntityT", bound=Identified)

_NONE: Rows = {}


class AggregateMapper(RowMapper[EntityT]):
    """Stores an aggregate together with what it owns.

    A snapshot is the row of the root, and behind its columns the rows of each collection by their keys. All rows of a
    table are read by one SELECT, however many aggregates were asked for.

    The root is written first, and its version guards everything below it. Then, over all aggregates of a flush, rows
    that are gone are deleted, the deepest first, before others are updated and new ones inserted.

    Args:
        mapping: where the fields of the root lie.
        owned: how its collections are stored.
    """

    has_parts = True

    def __init__(self, mapping: EntityMapping[EntityT], owned: Mapping[str, Owned]) -> None:
        super().__init__(mapping)
        self._unscoped = self.statements
        self.definition = (*mapping.columns, *owned.items())
        self._width = width = len(mapping.columns)
        root = Owner.root(mapping)
        self._collections = [(at, OwnedRows(root, name, how)) for at, (name, how) in enumerate(owned.items(), width)]

    def snapshot(self, entity: EntityT) -> object:
        """The rows of an aggregate. See `DataMapper.snapshot`."""
        row = self.dump_row(entity)
        return (*row, *[collection.dump(entity, row) for _, collection in self._collections])

    def load_all(self, snapshots: Sequence[object]) -> list[EntityT]:
        """The aggregates of their rows. See `DataMapper.load_all`."""
        entities = super().load_all(list(map(self._root, snapshots)))
        for entity, snapshot in zip(entities, cast("Sequence[Row]", snapshots), strict=True):
            for at, collection in self._collections:
                collection.fill(entity, snapshot[at])
        return entities

    def suspects(self, entities: Sequence[EntityT], snapshots: Sequence[object]) -> list[int]:
        """Positions of aggregates that may not hold any more what their rows do. See `DataMapper.suspects`."""
        roots = set(super().suspects(entities, list(map(self._root, snapshots))))
        return [
            at
            for at, (entity, snapshot) in enumerate(zip(entities, cast("Sequence[Row]", snapshots), strict=True))
            if at in roots or not all(rows.intact(entity, snapshot[column]) for column, rows in self._collections)
        ]

    def restore(self, entity: EntityT, snapshot: object) -> None:
        """Give an aggregate the state of its rows. See `DataMapper.restore`."""
        super().restore(entity, self._root(snapshot))
        for at, collection in self._collections:
            collection.refill(entity, cast("Row", snapshot)[at])

    async def hand_over(
        self, connection: UnitConnection, giving: Sequence[Tracked[EntityT]], taking: Sequence[Tracked[EntityT]]
    ) -> None:
        """Delete the rows that go from one aggregate to another. See `DataMapper.hand_over`."""
        lost, gained = self._differences(giving), self._differences(taking)
        if any(_moved(before, after) for before, after in zip(lost, gained, strict=True)):
            await run(connection, self.metadata, self._give_up, giving)

    def read(self, connection: sa.Connection, statement: AnySelect, parameters: Parameters) -> list[Row]:
        """The snapshots that a SELECT of `searches` or `statements` gives."""
        return self.complete(connection, super().read(connection, statement, parameters))

    def complete(self, connection: sa.Connection, rows: list[Row]) -> list[Row]:
        """The snapshots of roots that were read."""
        for _, collection in self._collections if rows else ():
            reference = collection.reference
            found = collection.read(connection, list(map(reference, rows)))
            rows = [(*row, found.get(reference(row), _NONE)) for row in rows]
        return rows

    def _insert(self, connection: sa.Connection, added: Sequence[Tracked[EntityT]]) -> None:
        self._insertion.insert(connection, [self._root(tracked.current) for tracked in added])
        write(connection, self._differences(added))

    def _update(self, connection: sa.Connection, changed: Sequence[Tracked[EntityT]]) -> None:
        if self.statements.within and not self.versioned:  # nothing else may have changed than a collection
            for tracked in changed:
                if not self._lock(connection, tracked.entity.id):
                    raise self.stale(tracked)
        super()._update(connection, changed)
        detached = [tracked for tracked in changed if tracked.snapshot is None]
        stored = self.complete(connection, [self._root(tracked.current) for tracked in detached])
        for tracked, snapshot in zip(detached, stored, strict=True):
            tracked.snapshot = snapshot
        write(connection, self._differences(changed))

    def _give_up(self, connection: sa.Connection, giving: Sequence[Tracked[EntityT]]) -> None:
        """Delete all rows that are gone from aggregates."""
        there = self._locked(connection, giving)
        write(connection, [Difference(it.rows, it.deleted, [], []) for it in self._differences(there)])
        for tracked in there:
            if tracked.snapshot is not None and tracked.status is not Status.DELETED:
                tracked.snapshot = self._remaining(cast("Row", tracked.snapshot), cast("Row", tracked.current))

    def _delete(self, connection: sa.Connection, removed: Sequence[Tracked[EntityT]]) -> None:
        there = self._locked(connection, removed)
        self._delete_owned(connection, [tracked.entity.id for tracked in there])
        for tracked in there:
            parameters = self._unscoped.row_parameters(tracked.entity.id, tracked.version)
            if not affected_rows(connection, self._unscoped.delete, parameters) and self.versioned:
                raise self.stale(tracked)

    def _delete_by_id(self, connection: sa.Connection, identity: object) -> bool:
        return self._lock(connection, identity) and self._delete_locked(connection, [identity]) > 0

    def _delete_where(self, connection: sa.Connection, where: Node | None) -> int:
        statement, parameters = self.searches(connection.dialect.name).rows(where, (), for_update=True)
        roots = self.load_rows([tuple(row) for row in connection.execute(statement, parameters)])
        return self._delete_locked(connection, [root.id for root in roots])

    def _delete_locked(self, connection: sa.Connection, identities: Sequence[object]) -> int:
        """Delete aggregates that the row scope lets see: it is not asked again, for it may be about their children."""
        self._delete_owned(connection, identities)
        statements = self._unscoped
        parameters = map(statements.identity_parameters, identities)
        return sum(affected_rows(connection, statements.delete_by_id, these) for these in parameters)

    def _locked(self, connection: sa.Connection, changes: Sequence[Tracked[EntityT]]) -> list[Tracked[EntityT]]:
        """Those aggregates that are there and locked now; one without a version may be deleted twice."""
        there: list[Tracked[EntityT]] = []
        for tracked in changes:
            if self._lock(connection, tracked.entity.id):
                there.append(tracked)
            elif self.versioned or tracked.status is not Status.DELETED:
                raise self.stale(tracked)
        return there

    def _lock(self, connection: sa.Connection, identity: object) -> bool:
        """Lock a root before its children, as whoever changes them does, and tell whether it is there, in the scope."""
        statements = self.statements
        if not statements.within and connection.dialect.name == "sqlite":  # locked as a whole
            return True
        parameters = statements.identity_parameters(identity)
        if (
            statements.locks_what_it_examines
            and connection.execute(statements.by_id(False, False), parameters).first() is None
        ):
            return False
        return connection.execute(statements.by_id(True, False), parameters).first() is not None

    def _delete_owned(self, connection: sa.Connection, identities: Sequence[object]) -> None:
        cells: list[object] = [None] * self._width
        rows: list[Row] = []
        for identity in identities:
            for at, cell in zip(self.mapping.identity_positions, self.mapping.identity(identity), strict=True):
                cells[at] = cell
            rows.append(tuple(cells))
        for _, collection in self._collections:
            collection.delete(connection, list(map(collection.reference, rows)))

    def _differences(self, changes: Sequence[Tracked[EntityT]]) -> list[Difference]:
        """What differs below the roots; everything where an aggregate is new or deleted."""
        nothing = (_NONE,) * (self._width + len(self._collections))
        pairs = [
            (
                cast("Row", tracked.snapshot or nothing),
                nothing if tracked.status is Status.DELETED else cast("Row", tracked.current),
            )
            for tracked in changes
        ]
        return [
            difference
            for at, collection in self._collections
            for difference in compare(collection, [(before[at], now[at]) for before, now in pairs])
        ]

    def _remaining(self, before: Row, now: Row) -> Row:
        """What the store has of an aggregate once everything is deleted that is gone: nothing is deleted twice."""
        left = (remaining(collection, before[at], now[at]) for at, collection in self._collections)
        return (*self._root(before), *left)

    def _root(self, snapshot: object) -> Row:
        return cast("Row", snapshot)[: self._width]


def _moved(lost: Difference, gained: Difference) -> bool:
    key = lost.rows.key
    return not {*map(key, lost.deleted)}.isdisjoint(map(key, gained.inserted))
