"""`RowMapper`: how entities get into a table and out of it again."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from cleanarch_kit.adapters.sqlalchemy.execution import run
from cleanarch_kit.adapters.sqlalchemy.mapping import EntityMapping, Row
from cleanarch_kit.adapters.sqlalchemy.searches import Searches
from cleanarch_kit.adapters.sqlalchemy.statements import Statements
from cleanarch_kit.adapters.sqlalchemy.streaming import free_connection
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking import DataMapper, Tracked

__all__ = ["RowMapper", "fetch_rows", "fetch_value"]

EntityT = TypeVar("EntityT", bound=Identified)


class RowMapper(DataMapper[EntityT, AsyncSession]):
    """Moves entities of one type between objects and rows.

    A snapshot is a row: a tuple with the columns in the order of the fields.

    Attributes:
        mapping: where the fields lie.
        metadata: the MetaData of the table.
    """

    def __init__(self, mapping: EntityMapping[EntityT]) -> None:
        self.mapping = mapping
        self.metadata = mapping.table.metadata
        self.entity_type = mapping.entity_type
        self.versioned = mapping.version_position is not None
        self._statements = Statements(mapping)
        self._searches: dict[str, Searches] = {}

    def searches(self, dialect: str) -> Searches:
        """The searches for a database."""
        searches = self._searches.get(dialect)
        if searches is None:
            searches = self._searches[dialect] = Searches(self.mapping, dialect)
        return searches

    def snapshot(self, entity: EntityT) -> object:
        """The row of an entity. See `DataMapper.snapshot`."""
        return self.mapping.dump(entity)

    def load(self, snapshot: object) -> EntityT:
        """The entity of a row. See `DataMapper.load`."""
        return self.mapping.load(cast("Row", snapshot))

    def restore(self, entity: EntityT, snapshot: object) -> None:
        """Give an object the state of a row. See `DataMapper.restore`."""
        self.mapping.restore(entity, cast("Row", snapshot))

    async def fetch(
        self,
        connection: AsyncSession,
        identity: object,
        *,
        for_update: bool,
        skip_locked: bool,
    ) -> object | None:
        """Read one row. See `DataMapper.fetch`."""
        statements = self._statements
        rows = await run(
            connection,
            self.metadata,
            fetch_rows,
            statements.by_id(for_update, skip_locked),
            statements.identity_parameters(identity),
        )
        return rows[0] if rows else None

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
        statements = self._statements
        return await run(
            connection, self.metadata, _affects, statements.delete_by_id, statements.identity_parameters(identity)
        )

    def _insert(self, session: Session, added: Sequence[Tracked[EntityT]]) -> None:
        parameters = [self._statements.insert_parameters(cast("Row", tracked.current)) for tracked in added]
        free_connection(session).execute(self._statements.insert, parameters)

    def _update(self, session: Session, changed: Sequence[Tracked[EntityT]]) -> None:
        statements = self._statements
        for tracked in changed:
            statement, parameters = statements.changes(
                cast("Row | None", tracked.snapshot), cast("Row", tracked.current)
            )
            if statement is not None:
                parameters |= statements.row_parameters(tracked.entity.id, tracked.version)
                if not _affects(session, statement, parameters):
                    raise self.stale(tracked)

    def _delete(self, session: Session, removed: Sequence[Tracked[EntityT]]) -> None:
        statements = self._statements
        for tracked in removed:
            parameters = statements.row_parameters(tracked.entity.id, tracked.version)
            if not _affects(session, statements.delete, parameters) and self.versioned:
                raise self.stale(tracked)


def _affects(session: Session, statement: sa.Update | sa.Delete, parameters: dict[str, Any]) -> bool:
    return free_connection(session).execute(statement, parameters).rowcount > 0


def fetch_rows(session: Session, statement: sa.Select[Any], parameters: Mapping[str, Any]) -> list[Row]:
    """All rows of a SELECT, as plain tuples."""
    return list(map(tuple, free_connection(session).execute(statement, parameters).all()))


def fetch_value(session: Session, statement: sa.Select[Any], parameters: Mapping[str, Any]) -> Any:
    """The first column of the first row, or None."""
    return free_connection(session).execute(statement, parameters).scalar()
