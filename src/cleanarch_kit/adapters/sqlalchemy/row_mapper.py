"""`RowMapper`: how entities get into a table and out of it again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from cleanarch_kit.adapters.sqlalchemy.execution import run
from cleanarch_kit.adapters.sqlalchemy.mapping import EntityMapping, Row
from cleanarch_kit.adapters.sqlalchemy.searches import Searches
from cleanarch_kit.adapters.sqlalchemy.statements import Parameters, Statements
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.identity_map import DataMapper, Tracked

__all__ = ["RowMapper", "affected_rows"]

EntityT = TypeVar("EntityT", bound=Identified)


class RowMapper(DataMapper[EntityT, AsyncSession]):
    """Moves entities of one type between objects and rows.

    A snapshot is a row: a tuple with the columns in the order of the mapping.

    Args:
        mapping: where the fields lie.
        load: gives the entity of a row; by default the mapping's.
        dump: gives the row of an entity; by default the mapping's.

    Attributes:
        mapping: as given.
        metadata: the MetaData of the table.
        statements: the statements for single rows.
    """

    def __init__(
        self,
        mapping: EntityMapping[EntityT],
        load: Callable[[Row], EntityT] | None = None,
        dump: Callable[[EntityT], Row] | None = None,
    ) -> None:
        self.mapping = mapping
        self.metadata = mapping.table.metadata
        self.entity_type = mapping.entity_type
        self.versioned = mapping.version_position is not None
        self.statements = Statements(mapping)
        self._load = load or mapping.load
        self._dump = dump or mapping.dump
        self._searches: dict[str, Searches] = {}

    def searches(self, dialect: str) -> Searches:
        """The searches for a database."""
        searches = self._searches.get(dialect)
        if searches is None:
            searches = self._searches[dialect] = Searches(self.mapping, dialect)
        return searches

    def snapshot(self, entity: EntityT) -> object:
        """The row of an entity. See `DataMapper.snapshot`."""
        return self._dump(entity)

    def load(self, snapshot: object) -> EntityT:
        """The entity of a row. See `DataMapper.load`."""
        return self._load(cast("Row", snapshot))

    def restore(self, entity: EntityT, snapshot: object) -> None:
        """Give an object the state of a row. See `DataMapper.restore`."""
        self.mapping.restore(entity, self._load(cast("Row", snapshot)))

    async def fetch(
        self, connection: AsyncSession, identity: object, *, for_update: bool, skip_locked: bool
    ) -> object | None:
        """Read one row. See `DataMapper.fetch`."""
        statement = self.statements.by_id(for_update, skip_locked)
        parameters = self.statements.identity_parameters(identity)
        found = await run(connection, self.metadata, self.read, statement, parameters)
        return found[0] if found else None

    async def insert(self, connection: AsyncSession, added: Sequence[Tracked[EntityT]]) -> None:
        """Insert rows. See `DataMapper.insert`."""
        await run(connection, self.metadata, self._insert, added)

    async def update(self, connection: AsyncSession, changed: Sequence[Tracked[EntityT]]) -> None:
        """Update the columns that changed. See `DataMapper.update`."""
        await run(connection, self.metadata, self._update, changed)

    async def delete(self, connection: AsyncSession, removed: Sequence[Tracked[EntityT]]) -> None:
        """Delete rows. See `DataMapper.delete`."""
        await run(connection, self.metadata, self._delete, removed)

    async def delete_by_id(self, connection: AsyncSession, identity: object) -> bool:
        """Delete one row. See `DataMapper.delete_by_id`."""
        return await run(connection, self.metadata, self._delete_by_id, identity)

    def read(self, session: Session, statement: sa.Select[Any], parameters: Parameters) -> list[Row]:
        """The snapshots that a SELECT of `searches` or `statements` gives."""
        return list(map(tuple, session.connection().execute(statement, parameters).all()))

    def complete(self, session: Session, rows: list[Row]) -> list[Row]:  # noqa: ARG002 - for mappers of several tables
        """The snapshots of rows that were read."""
        return rows

    def _insert(self, session: Session, added: Sequence[Tracked[EntityT]]) -> None:
        parameters = [self.statements.insert_parameters(cast("Row", tracked.current)) for tracked in added]
        session.connection().execute(self.statements.insert, parameters)

    def _update(self, session: Session, changed: Sequence[Tracked[EntityT]]) -> None:
        statements = self.statements
        for tracked in changed:
            before, now = cast("Row | None", tracked.snapshot), cast("Row", tracked.current)
            statement, parameters = statements.changes(before, now)
            if statement is not None:
                parameters |= statements.row_parameters(tracked.entity.id, tracked.version)
                if not affected_rows(session, statement, parameters):
                    raise self.stale(tracked)

    def _delete(self, session: Session, removed: Sequence[Tracked[EntityT]]) -> None:
        statements = self.statements
        for tracked in removed:
            parameters = statements.row_parameters(tracked.entity.id, tracked.version)
            if not affected_rows(session, statements.delete, parameters) and self.versioned:
                raise self.stale(tracked)

    def _delete_by_id(self, session: Session, identity: object) -> bool:
        statements = self.statements
        return affected_rows(session, statements.delete_by_id, statements.identity_parameters(identity)) > 0


def affected_rows(session: Session, statement: sa.Update | sa.Delete, parameters: Mapping[str, Any]) -> int:
    """Execute a statement and tell how many rows it found."""
    return session.connection().execute(statement, parameters).rowcount


def fetch_value(session: Session, statement: sa.Select[Any], parameters: Parameters) -> Any:
    """The first column of the first row, or None."""
    return session.connection().execute(statement, parameters).scalar()
