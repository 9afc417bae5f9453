"""The statements that read and write one row of an entity, each built once.

A statement object that is kept also keeps its cache key, so that SQLAlchemy finds the compiled SQL without walking it
again. Values are parameters in all of them.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyElement, AnySelect, Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import AnyMapping
from cleanarch_kit.adapters.sqlalchemy.types import stored_type, value_type

__all__ = ["Statements", "selected_columns"]

_UPDATES = 256
"""How many combinations of changed columns are kept."""


class Statements:
    """Builds and keeps the statements for the rows of one mapping.

    Args:
        mapping: the mapping.
        within: conditions that every row must meet that is read, changed or deleted.

    Attributes:
        mapping: as given.
        within: as given.
        shared: the names of the conditions' parameters, which are the same for all rows.
        executes_many: whether `update` can be executed with several sets of parameters at once.
        locks_what_it_examines: whether a locking `by_id` locks rows that it does not give, so that one looks first.
        delete: deletes the row with a certain identity and, where there is one, version.
        delete_by_id: deletes the row with a certain identity.
    """

    def __init__(self, mapping: AnyMapping, within: Sequence[sa.ColumnElement[bool]] = ()) -> None:
        self.mapping = mapping
        self.within = within
        self.shared: Sequence[str] = ()
        self.executes_many = True
        self.locks_what_it_examines = False
        table, columns = mapping.table, mapping.columns
        self._cells = [f"_c{at}" for at in range(len(columns))]
        self._identity = [f"_id{at}" for at in range(len(mapping.identity_positions))]
        self._settable = tuple(at for at in range(len(columns)) if at not in mapping.identity_positions)
        identity = {columns[at]: name for at, name in zip(mapping.identity_positions, self._identity, strict=True)}
        self._same_identity = sa.and_(*_equal(identity), *within)
        self._same_row = self._same_identity
        if mapping.version_position is not None:
            version = columns[mapping.version_position]
            self._same_row = sa.and_(self._same_identity, *_equal({version: "_version"}))
        self.delete = sa.delete(table).where(self._same_row)
        self.delete_by_id = sa.delete(table).where(self._same_identity)
        self.by_id = lru_cache(maxsize=None)(self._by_id)
        self.update = lru_cache(maxsize=_UPDATES)(self._update)

    def scope_parameters(self) -> Parameters:
        """The parameters of the conditions that every row must meet."""
        return {}

    def identity_parameters(self, identity: object) -> Parameters:
        """The parameters that name a row by its identity."""
        return dict(zip(self._identity, self.mapping.identity(identity), strict=True))

    def row_parameters(self, identity: object, version: int | None) -> Parameters:
        """The parameters that name a row by its identity and, where it has one, its version."""
        parameters = self.identity_parameters(identity)
        if version is not None:
            parameters["_version"] = version
        return parameters

    def changes(self, before: Row | None, now: Row) -> tuple[tuple[int, ...], Parameters]:
        """Which columns changed, and their new values; every column if it is not known what was there.

        Returns:
            The positions, for `update`, and the parameters.
        """
        if before is None:
            changed = self._settable
        else:  # what is the same object needs no comparison, which for a UUID is a call
            changed = tuple([at for at in self._settable if now[at] is not before[at] and now[at] != before[at]])
        return changed, {self._cells[at]: now[at] for at in changed}

    def cells(self, positions: Sequence[int]) -> list[tuple[int, str]]:
        """The names of the parameters for the values of some columns, with their positions."""
        return [(at, self._cells[at]) for at in positions]

    def names_of_row(self) -> list[tuple[int, str]]:
        """The names of the parameters that name a row, with the positions of their columns."""
        names = list(zip(self.mapping.identity_positions, self._identity, strict=True))
        if self.mapping.version_position is not None:
            names.append((self.mapping.version_position, "_version"))
        return names

    def _by_id(self, for_update: bool, skip_locked: bool) -> AnySelect:
        statement = sa.select(*selected_columns(self.mapping)).where(self._same_identity)
        return statement.with_for_update(skip_locked=skip_locked) if for_update else statement

    def _update(self, positions: tuple[int, ...]) -> sa.Update:
        """Writes the columns at these positions into the row with a certain identity and version."""
        columns = self.mapping.columns
        changes = {columns[at]: sa.bindparam(self._cells[at], type_=stored_type(columns[at])) for at in positions}
        return sa.update(self.mapping.table).where(self._same_row).values(changes)


def selected_columns(mapping: AnyMapping) -> list[AnyElement]:
    """What a SELECT reads so that its rows are those of the mapping."""
    return [
        column if value_type(column) is column.type else sa.type_coerce(column, value_type(column))
        for column in mapping.columns
    ]


def _bound(column: AnyColumn, name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=value_type(column))


def _equal(parameters: Mapping[AnyColumn, str]) -> list[sa.ColumnElement[bool]]:
    return [column == _bound(column, name) for column, name in parameters.items()]
