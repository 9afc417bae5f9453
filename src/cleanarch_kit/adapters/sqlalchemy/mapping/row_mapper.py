"""`RowMapper`: how entities get into a table and out of it again."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from operator import itemgetter
from typing import Any, Self, TypeAlias, TypeVar, cast

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnySelect, Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.connecting.execution import read, run
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.adapters.sqlalchemy.mapping.batches import Batches
from cleanarch_kit.adapters.sqlalchemy.mapping.bulk_mapper import BulkMapper
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.insertion import Insertion
from cleanarch_kit.adapters.sqlalchemy.mapping.scoped_statements import ScopedStatements
from cleanarch_kit.adapters.sqlalchemy.mapping.statements import Statements, selected_columns
from cleanarch_kit.adapters.sqlalchemy.searching.conditions import compile_condition
from cleanarch_kit.adapters.sqlalchemy.searching.searches import Searches
from cleanarch_kit.adapters.sqlalchemy.types import stored_type
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.data_mapper import Tracked
from cleanarch_kit.domain.criteria import Node, parametrise

__all__ = ["AnyMapper", "RowMapper", "affected_rows"]

EntityT = TypeVar("EntityT", bound=Identified)

_SCOPES = 64
"""How many shapes of row scopes are kept."""

_cells: Callable[[sa.Row[Any]], Row] = itemgetter(slice(None))
"""The tuple that a row of a result holds, where ``tuple()`` would make another one."""


class RowMapper(BulkMapper[EntityT]):
    """Moves entities of one type between objects and rows.

    A snapshot is a row: a tuple with the columns in the order of the mapping.

    Args:
        mapping: where the fields lie.

    Attributes:
        mapping: as given.
        metadata: the MetaData of the table.
        statements: the statements for single rows.
        load_rows: gives the entities of rows.
        dump_row: gives the row of an entity.
        definition: says how entities are stored: equal where two mappers do it alike.
    """

    def __init__(self, mapping: EntityMapping[EntityT]) -> None:
        super().__init__(mapping)
        statements = Statements(mapping)
        self.run_by(statements, Batches(mapping, statements))
        self._insertion = Insertion(mapping.table, [(column, stored_type(column)) for column in mapping.columns])
        self._searches: dict[str, Searches] = {}
        self.definition: tuple[object, ...] = mapping.columns
        self._scoped: dict[Hashable, tuple[ScopedStatements, Batches]] = {}
        self.use(mapping.load_all, mapping.dump, derived=True)

    def converting(
        self, load: Callable[[Row], EntityT] | None, dump: Callable[[EntityT], Row] | None, *origin: object
    ) -> Self:
        """The same mapper, with other functions between rows and entities where some are given.

        Args:
            load: gives the entity of a row.
            dump: gives the row of an entity.
            origin: what they are made of, for `definition`.
        """

        def load_rows(rows: Sequence[Row]) -> list[EntityT]:
            return self.load_rows(rows) if load is None else list(map(load, rows))

        other = copy(self)
        other.definition = (*self.definition, *origin)
        other.use(load_rows, dump or self.dump_row, derived=False)
        return other

    def within(self, scope: Node, dialect: str) -> Self:
        """The same mapper, for which rows outside of a scope do not exist, on a database.

        Raises:
            TypeError: the scope names a field that has no column.
        """
        shape, values = parametrise(scope)
        kept = self._scoped.get((dialect, shape))
        if kept is None:
            if len(self._scoped) >= _SCOPES:
                del self._scoped[next(iter(self._scoped))]
            condition = compile_condition(scope, self.mapping, dialect, prefix="_s")
            statements = ScopedStatements(self.mapping, condition, dialect)
            kept = self._scoped[dialect, shape] = statements, Batches(self.mapping, statements)
        other = copy(self)
        other.run_by(kept[0].bound(values), kept[1])
        return other

    def run_by(self, statements: Statements, batches: Batches) -> None:
        """Use these statements from now on."""
        self.statements = statements
        self._batches = batches

    def use(
        self, load_rows: Callable[[Sequence[Row]], list[EntityT]], dump: Callable[[EntityT], Row], *, derived: bool
    ) -> None:
        """Turn rows into entities and back by these functions; `derived` if they are those of the mapping."""
        self.load_rows = load_rows
        self.dump_row = dump
        self._derived = derived
        if type(self) is RowMapper:
            # Reached without a frame of this class in between, which counts for what is done so often.
            vars(self).update(load_all=load_rows, snapshot=dump)

    def searches(self, dialect: str) -> Searches:
        """The searches for a database."""
        searches = self._searches.get(dialect)
        if searches is None:
            rows = sa.select(*selected_columns(self.mapping))
            searches = self._searches[dialect] = Searches(self.mapping, dialect, rows, self.mapping.table)
        return searches

    def snapshot(self, entity: EntityT) -> object:
        """The row of an entity. See `DataMapper.snapshot`."""
        return self.dump_row(entity)

    def load(self, snapshot: object) -> EntityT:
        """The entity of a row. See `DataMapper.load`."""
        return self.load_all((snapshot,))[0]

    def load_all(self, snapshots: Sequence[object]) -> list[EntityT]:
        """The entities of rows. See `DataMapper.load_all`."""
        return self.load_rows(cast("Sequence[Row]", snapshots))

    def suspects(self, entities: Sequence[EntityT], snapshots: Sequence[object]) -> list[int]:
        """Positions of entities that may not hold any more what their rows do. See `DataMapper.suspects`."""
        if not self._derived:
            return list(range(len(entities)))
        return self.mapping.suspects(entities, cast("Sequence[Row]", snapshots))

    def restore(self, entity: EntityT, snapshot: object) -> None:
        """Give an object the state of a row. See `DataMapper.restore`."""
        self.mapping.restore(entity, self.load_rows((cast("Row", snapshot),))[0])

    async def fetch(
        self, connection: UnitConnection, identity: object, *, for_update: bool, skip_locked: bool
    ) -> object | None:
        """Read one row. See `DataMapper.fetch`."""
        statement = self.statements.by_id(for_update, skip_locked)
        parameters = self.statements.identity_parameters(identity)
        if for_update and self.statements.locks_what_it_examines:
            looked = await read(connection, self.read, self.statements.by_id(False, False), parameters)
            if not looked:
                return None
        found = await read(connection, self.read, statement, parameters)
        return found[0] if found else None

    async def insert(self, connection: UnitConnection, added: Sequence[Tracked[EntityT]]) -> None:
        """Insert rows. See `DataMapper.insert`."""
        await run(connection, self.metadata, self._insert, added)

    async def update(self, connection: UnitConnection, changed: Sequence[Tracked[EntityT]]) -> None:
        """Update the columns that changed. See `DataMapper.update`."""
        await run(connection, self.metadata, self._update, changed)

    async def delete(self, connection: UnitConnection, removed: Sequence[Tracked[EntityT]]) -> None:
        """Delete rows. See `DataMapper.delete`."""
        await run(connection, self.metadata, self._delete, removed)

    async def delete_by_id(self, connection: UnitConnection, identity: object) -> bool:
        """Delete one row. See `DataMapper.delete_by_id`."""
        return await run(connection, self.metadata, self._delete_by_id, identity)

    def read(self, connection: sa.Connection, statement: AnySelect, parameters: Parameters) -> list[Row]:
        """The snapshots that a SELECT of `searches` or `statements` gives."""
        return list(map(_cells, connection.execute(statement, parameters).all()))

    def complete(self, connection: sa.Connection, rows: list[Row]) -> list[Row]:  # noqa: ARG002 - for mappers of several tables
        """The snapshots of rows that were read."""
        return rows

    def _insert(self, connection: sa.Connection, added: Sequence[Tracked[EntityT]]) -> None:
        self._insertion.insert(connection, [cast("Row", tracked.current) for tracked in added])

    def _update(self, connection: sa.Connection, changed: Sequence[Tracked[EntityT]]) -> None:
        statements = self.statements
        groups: dict[tuple[int, ...], list[tuple[Tracked[EntityT], Parameters]]] = {}
        for tracked in changed:
            positions, values = statements.changes(cast("Row | None", tracked.snapshot), cast("Row", tracked.current))
            if positions:
                parameters = values | statements.row_parameters(tracked.entity.id, tracked.version)
                groups.setdefault(positions, []).append((tracked, parameters))
        for positions, members in groups.items():
            rows = [parameters for _, parameters in members]
            if self._batches.update(connection, positions, rows) < len(rows):
                raise self.stale(self._first_stale(connection, [tracked for tracked, _ in members]))

    def _first_stale(self, connection: sa.Connection, updated: Sequence[Tracked[EntityT]]) -> Tracked[EntityT]:
        """The one of several that an update did not find: the store has not what was written."""
        statement, width = self.statements.by_id(False, False), len(self.mapping.columns)
        for tracked in updated:
            row = connection.execute(statement, self.statements.identity_parameters(tracked.entity.id)).first()
            if row is None or tuple(row) != cast("Row", tracked.current)[:width]:
                return tracked
        return updated[0]

    def _delete(self, connection: sa.Connection, removed: Sequence[Tracked[EntityT]]) -> None:
        statements = self.statements
        for tracked in removed:
            parameters = statements.row_parameters(tracked.entity.id, tracked.version)
            if not affected_rows(connection, statements.delete, parameters) and self.versioned:
                raise self.stale(tracked)

    def _delete_by_id(self, connection: sa.Connection, identity: object) -> bool:
        statements = self.statements
        return affected_rows(connection, statements.delete_by_id, statements.identity_parameters(identity)) > 0


def affected_rows(connection: sa.Connection, statement: sa.Update | sa.Delete, parameters: Mapping[str, Any]) -> int:
    """Execute a statement and tell how many rows it found."""
    return connection.execute(statement, parameters).rowcount


AnyMapper: TypeAlias = RowMapper[Any]
"""The mapper of some entity."""
