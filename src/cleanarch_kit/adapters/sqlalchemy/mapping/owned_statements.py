"""The statements that write the rows of one collection, each built once and executed for many rows at a time."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyElement, AnyType, Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.mapping.insertion import Insertion

__all__ = ["OwnedStatements"]

_UPDATES = 256
"""How many combinations of changed columns are kept."""

_Change: TypeAlias = tuple[Row, Row]


class OwnedStatements:
    """Writes rows that are found by their owner and their key.

    They have no version of their own: that of the aggregate, which is written before them, guards them.

    Args:
        table: the table.
        columns: its columns as they stand in a row, each with the type of its values.
        owner: the positions of the columns that refer to the owner.
        key: the positions of the columns that tell the rows of one owner apart.
        position: the position of the column that keeps the order, where rows that exchange their places have to
            leave them first.
    """

    def __init__(
        self,
        table: sa.Table,
        columns: Sequence[tuple[AnyColumn, AnyType]],
        owner: Sequence[int],
        key: Sequence[int],
        position: int | None,
    ) -> None:
        self._table = table
        self._columns = columns
        self._names = [f"_c{at}" for at in range(len(columns))]
        self._owner = owner
        self._found = [(f"_k{at}", at) for at in (*owner, *key)]
        self._position = position
        self._insertion = Insertion(table, columns)
        self._delete = sa.delete(table).where(*self._equal((*owner, *key)))
        self._delete_all = sa.delete(table).where(*self._equal(owner))
        self._update = lru_cache(maxsize=_UPDATES)(self._build_update)

    def insert(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Insert rows."""
        if rows:
            self._insertion.insert(connection, rows)

    def delete(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Delete rows."""
        if rows:
            connection.execute(self._delete, [{name: row[at] for name, at in self._found} for row in rows])

    def delete_all(self, connection: sa.Connection, owners: Sequence[Row]) -> None:
        """Delete all rows of some owners, by the values of the columns that refer to them."""
        if owners:
            names = [f"_k{at}" for at in self._owner]
            connection.execute(self._delete_all, [dict(zip(names, owner, strict=True)) for owner in owners])

    def update(self, connection: sa.Connection, changes: Iterable[_Change]) -> None:
        """Update the columns in which rows differ from what they were."""
        groups: dict[tuple[int, ...], list[Parameters]] = {}
        for before, now in changes:
            changed = tuple(at for at in range(len(self._columns)) if now[at] != before[at])
            parameters = {self._names[at]: now[at] for at in changed}
            parameters.update((name, before[at]) for name, at in self._found)
            groups.setdefault(changed, []).append(parameters)
        self._leave_places(connection, groups)
        for changed, rows in groups.items():
            connection.execute(self._update(changed), rows)

    def _leave_places(self, connection: sa.Connection, groups: dict[tuple[int, ...], list[Parameters]]) -> None:
        if self._position is None:
            return
        place, found = self._names[self._position], [name for name, _ in self._found]
        moved = [
            {place: -1 - row[place]} | {name: row[name] for name in found}
            for changed, rows in groups.items()
            if self._position in changed
            for row in rows
        ]
        if moved:
            connection.execute(self._update((self._position,)), moved)

    def _build_update(self, changed: tuple[int, ...]) -> sa.Update:
        values = {self._columns[at][0]: self._bound(at) for at in changed}
        return sa.update(self._table).where(*self._equal([at for _, at in self._found])).values(values)

    def _bound(self, at: int) -> AnyElement:
        return sa.bindparam(self._names[at], type_=self._columns[at][1])

    def _equal(self, positions: Iterable[int]) -> list[sa.ColumnElement[bool]]:
        columns = self._columns
        return [columns[at][0] == sa.bindparam(f"_k{at}", type_=columns[at][1]) for at in positions]
