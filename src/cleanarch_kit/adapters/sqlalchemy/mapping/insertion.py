"""Inserting rows: a few by a statement, many past the bookkeeping that SQLAlchemy does for every row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyType, Row
from cleanarch_kit.adapters.sqlalchemy.connecting.copying import can_copy, copy_rows
from cleanarch_kit.adapters.sqlalchemy.mapping.copied_types import CopiedTypes

__all__ = ["COPIED", "MANY", "Insertion"]

MANY = 10
"""From how many rows on the driver gets the values past SQLAlchemy: measured, a fifth less time at twice as many."""

COPIED = 100
"""From how many rows on PostgreSQL gets them by COPY: measured, where its one or two more trips pay on both drivers."""

_ROWS_AT_ONCE = 10_000
"""How many rows are turned into the driver's values at a time."""

_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows get into a table of one database.

    Attributes:
        statement: the SQL for one row, with parameters by position; None where the driver wants names.
        order: which value of a row each of its parameters takes.
        converters: what turns each value of a row into the driver's, as far as that is needed.
        copied: the types that COPY may write, None where it may not.
    """

    statement: str | None
    order: tuple[int, ...]
    converters: tuple[_Convert | None, ...]
    copied: CopiedTypes | None


class Insertion:
    """Inserts rows into one table.

    A row that is refused is refused alike in all ways: by the same error, and with all others of the call.

    Args:
        table: the table.
        columns: its columns as they stand in a row, each with the type of its values; a row may go on behind them.
    """

    def __init__(self, table: sa.Table, columns: Sequence[tuple[AnyColumn, AnyType]]) -> None:
        self._table = table
        self._columns = columns
        self._names = [f"_c{at}" for at in range(len(columns))]
        self._statement = sa.insert(table).values(
            {column: sa.bindparam(name, type_=kind) for name, (column, kind) in zip(self._names, columns, strict=True)}
        )
        self._plans: WeakKeyDictionary[sa.Dialect, _Plan] = WeakKeyDictionary()

    def insert(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Insert rows.

        Raises:
            SQLAlchemyError: the driver's error, or that of a value that it cannot send.
        """
        if len(rows) >= MANY and "schema_translate_map" not in connection.get_execution_options():
            plan = self._plan(connection.dialect)
            copied = plan.copied if len(rows) >= COPIED else None
            if copied is not None and not can_copy(connection, self._table):
                copied = None
            if copied is not None or plan.statement is not None:
                for start in range(0, len(rows), _ROWS_AT_ONCE):
                    self._insert_many(connection, plan, copied, rows[start : start + _ROWS_AT_ONCE])
                return
        self._insert_by_statement(connection, rows)

    def _insert_by_statement(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        connection.execute(self._statement, [dict(zip(self._names, row, strict=False)) for row in rows])

    def _insert_many(
        self, connection: sa.Connection, plan: _Plan, copied: CopiedTypes | None, rows: Sequence[Row]
    ) -> None:
        values = list(_converted(plan.converters, rows))
        if copied is not None and copied.fit(values):
            columns = [column for column, _ in self._columns]
            copy_rows(connection, self._table, columns, list(zip(*values, strict=True)))
        elif plan.statement is not None:
            ordered = zip(*(values[position] for position in plan.order), strict=True)
            connection.exec_driver_sql(plan.statement, list(ordered))
        else:
            self._insert_by_statement(connection, rows)

    def _plan(self, dialect: sa.Dialect) -> _Plan:
        plan = self._plans.get(dialect)
        if plan is None:
            plan = self._plans[dialect] = self._make_plan(dialect)
        return plan

    def _make_plan(self, dialect: sa.Dialect) -> _Plan:
        compiled = self._statement.compile(dialect=dialect)
        if getattr(compiled, "insert_prefetch", ()):
            # SQLAlchemy computes a value for each row, for a column that the entity does not know.
            return _Plan(None, (), (), None)
        names: Sequence[str] | None = getattr(compiled, "positiontup", None)
        return _Plan(
            None if names is None else str(compiled),
            tuple(map(self._names.index, names or ())),
            tuple(kind.dialect_impl(dialect).bind_processor(dialect) for _, kind in self._columns),
            CopiedTypes.of(self._columns, dialect),
        )


def _converted(converters: Sequence[_Convert | None], rows: Sequence[Row]) -> Iterator[Sequence[Any]]:
    """The values as the driver takes them, column by column.

    Raises:
        StatementError: a value is not one of its column's; as SQLAlchemy says it.
    """
    for convert, values in zip(converters, zip(*rows, strict=True), strict=False):
        try:
            yield values if convert is None else list(map(convert, values))
        except Exception as error:
            raise StatementError("a value cannot be bound", None, None, error, hide_parameters=True) from error
