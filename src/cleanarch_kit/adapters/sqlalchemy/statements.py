"""The statements that read and write one row of an entity, each built once.

A statement object that is kept also keeps its cache key, so that SQLAlchemy finds the compiled SQL without walking it
again. Values are parameters in all of them.
"""

from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.mapping import EntityMapping, Row
from cleanarch_kit.adapters.sqlalchemy.types import value_type

__all__ = ["Parameters", "Statements", "selected_columns"]

_UPDATES = 256
"""How many combinations of changed columns are kept."""

Parameters = dict[str, Any]


class Statements:
    """Builds and keeps the statements of one entity.

    Attributes:
        mapping: the entity's mapping.
        insert: writes one row, or several with several sets of parameters; see `insert_parameters`.
        delete: deletes the row with a certain identity and, where there is one, version.
        delete_by_id: deletes the row with a certain identity.
    """

    def __init__(self, mapping: EntityMapping[Any]) -> None:
        self.mapping = mapping
        table = mapping.table
        self._cells = [f"_c{position}" for position in range(len(mapping.columns))]
        self._identity = [f"_id{position}" for position in range(len(mapping.identity_positions))]
        self._settable = tuple(at for at in range(len(mapping.columns)) if at not in mapping.identity_positions)
        self._selected = selected_columns(mapping)
        self._same_identity = sa.and_(
            *(
                mapping.columns[position] == sa.bindparam(name, type_=value_type(mapping.columns[position]))
                for name, position in zip(self._identity, mapping.identity_positions, strict=True)
            )
        )
        self.insert = sa.insert(table).values(
            {
                column: sa.bindparam(cell, type_=value_type(column))
                for cell, column in zip(self._cells, mapping.columns, strict=True)
            }
        )
        self.delete_by_id = sa.delete(table).where(self._same_identity)
        self.delete = sa.delete(table).where(self._same_row())
        self.by_id = lru_cache(maxsize=None)(self._by_id)
        self.update = lru_cache(maxsize=_UPDATES)(self._update)

    def insert_parameters(self, row: Row) -> Parameters:
        """The parameters of `insert`."""
        return dict(zip(self._cells, row, strict=True))

    def identity_parameters(self, identity: object) -> Parameters:
        """The parameters that name a row by its identity."""
        return dict(zip(self._identity, self.mapping.identity(identity), strict=True))

    def row_parameters(self, identity: object, version: int | None) -> Parameters:
        """The parameters that name a row by its identity and, where it has one, its version."""
        parameters = self.identity_parameters(identity)
        if version is not None:
            parameters["_version"] = version
        return parameters

    def changes(self, before: Row | None, now: Row) -> tuple[sa.Update | None, Parameters]:
        """What writes the columns that changed, and their parameters; every column if it is not known what was there.

        Returns:
            The statement, None where nothing changed, and the parameters of the new values.
        """
        changed = self._settable if before is None else tuple(at for at in self._settable if now[at] != before[at])
        statement = self.update(changed) if changed else None
        return statement, {self._cells[at]: now[at] for at in changed}

    def _by_id(self, for_update: bool, skip_locked: bool) -> sa.Select[Any]:
        statement = sa.select(*self._selected).where(self._same_identity)
        return statement.with_for_update(skip_locked=skip_locked) if for_update else statement

    def _update(self, positions: tuple[int, ...]) -> sa.Update:
        """Writes the columns at these positions into the row with a certain identity and version."""
        columns = self.mapping.columns
        changes = {columns[at]: sa.bindparam(self._cells[at], type_=value_type(columns[at])) for at in positions}
        return sa.update(self.mapping.table).where(self._same_row()).values(changes)

    def _same_row(self) -> sa.ColumnElement[bool]:
        position = self.mapping.version_position
        if position is None:
            return self._same_identity
        return sa.and_(self._same_identity, self.mapping.columns[position] == sa.bindparam("_version"))


def selected_columns(mapping: EntityMapping[Any]) -> list[sa.ColumnElement[Any]]:
    """What a SELECT reads so that its rows are those of the mapping."""
    return [
        column if value_type(column) is column.type else sa.type_coerce(column, value_type(column))
        for column in mapping.columns
    ]
