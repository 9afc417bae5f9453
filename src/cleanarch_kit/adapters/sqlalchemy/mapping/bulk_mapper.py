"""`BulkMapper`: how many rows are changed, deleted and replaced at once."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyElement, AnySelect, Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.connecting.driver_errors import translate
from cleanarch_kit.adapters.sqlalchemy.connecting.execution import run
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.adapters.sqlalchemy.mapping.criterion_statements import CriterionStatements
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.statements import Statements
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.bulk_repository import BulkDataMapper
from cleanarch_kit.application.tracking.data_mapper import Tracked
from cleanarch_kit.application.tracking.identity_map import set_version
from cleanarch_kit.domain.changes import Assignment
from cleanarch_kit.domain.criteria import Node
from cleanarch_kit.errors import DuplicateError

__all__ = ["BulkMapper"]

EntityT = TypeVar("EntityT", bound=Identified)

_IDENTITIES_AT_ONCE = 1_000
_ATTEMPTS = 3


class BulkMapper(BulkDataMapper[EntityT, UnitConnection], ABC):
    """The bulk half of a mapper of rows.

    Args:
        mapping: where the fields lie.

    Attributes:
        mapping: as given.
        metadata: the MetaData of the table.
        statements: the statements for single rows. A subclass sets them.
    """

    statements: Statements

    def __init__(self, mapping: EntityMapping[EntityT]) -> None:
        self.mapping = mapping
        self.metadata = mapping.table.metadata
        self.entity_type = mapping.entity_type
        self.versioned = mapping.version_position is not None
        self.distinct = mapping.distinct
        self._by_criterion: dict[str, CriterionStatements] = {}

    async def update_where(self, connection: UnitConnection, where: Node | None, changes: Sequence[Assignment]) -> int:
        """Change what meets a criterion. See `BulkDataMapper.update_where`."""
        return await run(connection, self.metadata, self._update_where, where, changes)

    async def delete_where(self, connection: UnitConnection, where: Node | None) -> int:
        """Delete what meets a criterion. See `BulkDataMapper.delete_where`."""
        return await run(connection, self.metadata, self._delete_where, where)

    async def upsert(self, connection: UnitConnection, entities: Sequence[Tracked[EntityT]]) -> int:
        """Write entities over those that the store has. See `BulkDataMapper.upsert`."""
        return await run(connection, self.metadata, self._upsert, entities)

    def by_criterion(self, dialect: str) -> CriterionStatements:
        """The statements by criterion for a database."""
        statements = self._by_criterion.get(dialect)
        if statements is None:
            statements = self._by_criterion[dialect] = CriterionStatements(self.mapping, dialect)
        return statements

    @abstractmethod
    def _insert(self, connection: sa.Connection, added: Sequence[Tracked[EntityT]]) -> None:
        """Insert rows."""

    @abstractmethod
    def _update(self, connection: sa.Connection, changed: Sequence[Tracked[EntityT]]) -> None:
        """Update the columns that changed."""

    def _update_where(self, connection: sa.Connection, where: Node | None, changes: Sequence[Assignment]) -> int:
        statement, parameters = self.by_criterion(connection.dialect.name).update(where, changes)
        return connection.execute(statement, parameters).rowcount

    def _delete_where(self, connection: sa.Connection, where: Node | None) -> int:
        statement, parameters = self.by_criterion(connection.dialect.name).delete(where)
        return connection.execute(statement, parameters).rowcount

    def _upsert(self, connection: sa.Connection, entities: Sequence[Tracked[EntityT]]) -> int:
        """Lock the rows that are there and update them, and insert the others.

        Not by the database's own statement: MariaDB's replaces whatever row has one of the unique keys, and none of
        them tells for every row what it was. A row that another transaction inserts between the two steps is met by
        the next attempt.
        """
        ordered = sorted(entities, key=lambda tracked: str(tracked.entity.id))  # all in one order: no deadlocks
        attempts = _ATTEMPTS
        while True:
            attempts -= 1
            versions = self._locked_versions(connection, ordered)
            new = [tracked for tracked in ordered if self._key(tracked) not in versions]
            if self._insert_unless_overtaken(connection, new, last=not attempts):
                break
        known = [tracked for tracked in ordered if self._key(tracked) in versions]
        for tracked in known:
            tracked.version = versions[self._key(tracked)]
            if tracked.version is not None:
                set_version(tracked.entity, tracked.version + 1)
            tracked.current = self.snapshot(tracked.entity)
        if known:
            self._update(connection, known)
        return len(new)

    def _insert_unless_overtaken(
        self, connection: sa.Connection, new: Sequence[Tracked[EntityT]], *, last: bool
    ) -> bool:
        if not new:
            return True
        if connection.dialect.name == "sqlite":  # nobody else writes meanwhile
            self._insert(connection, new)
            return True
        try:
            with connection.begin_nested():
                self._insert(connection, new)
        except DBAPIError as error:
            problem = translate(error, self.metadata)
            if last or not isinstance(problem, DuplicateError) or problem.constraint != "primary_key":
                raise
            return False
        return True

    def _locked_versions(
        self, connection: sa.Connection, entities: Sequence[Tracked[EntityT]]
    ) -> dict[Row, int | None]:
        """The versions of the rows that are there, which are locked from now on; None for those without."""
        statement, width = self._select_versions(), len(self.mapping.identity_positions)
        versions: dict[Row, int | None] = {}
        for start in range(0, len(entities), _IDENTITIES_AT_ONCE):
            keys = [self._key(tracked) for tracked in entities[start : start + _IDENTITIES_AT_ONCE]]
            values = [key[0] for key in keys] if width == 1 else keys
            parameters: Parameters = {"_identities": values} | self.statements.scope_parameters()
            for row in connection.execute(statement, parameters):
                versions[tuple(row[:width])] = row[width] if self.versioned else None
        return versions

    def _select_versions(self) -> AnySelect:
        mapping = self.mapping
        identity = [mapping.columns[position] for position in mapping.identity_positions]
        version = [] if mapping.version_position is None else [mapping.columns[mapping.version_position]]
        reference: AnyElement = identity[0] if len(identity) == 1 else sa.tuple_(*identity)
        found = reference.in_(sa.bindparam("_identities", expanding=True))
        return (
            sa.select(*identity, *version).where(found, *self.statements.within).order_by(*identity).with_for_update()
        )

    def _key(self, tracked: Tracked[EntityT]) -> Row:
        return self.mapping.identity(tracked.entity.id)
