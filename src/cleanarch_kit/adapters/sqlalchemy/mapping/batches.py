"""Updating many rows in one trip, with a count of those that were found."""

from collections.abc import Sequence
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyType, Parameters
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import AnyMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.statements import Statements
from cleanarch_kit.adapters.sqlalchemy.types import UtcDateTime, value_type

__all__ = ["Batches"]

_STATEMENTS = 256
_PLAIN = (sa.Uuid, sa.Boolean, sa.Integer, sa.Float, sa.Date, UtcDateTime)


class Batches:
    """Updates the same columns of several rows.

    PostgreSQL gets one statement over arrays, because asyncpg tells nothing of the rows that many executions of one
    statement found; the others get that: one statement, executed with many sets of parameters in one call.

    Args:
        mapping: the mapping of the rows.
        statements: the statements for one row, whose conditions are kept.
    """

    def __init__(self, mapping: AnyMapping, statements: Statements) -> None:
        self._mapping = mapping
        self._statements = statements
        self._by_arrays = lru_cache(maxsize=_STATEMENTS)(self._update_by_arrays)

    def update(self, connection: sa.Connection, positions: tuple[int, ...], rows: Sequence[Parameters]) -> int:
        """Write the columns at these positions.

        Args:
            connection: the connection.
            positions: the columns.
            rows: the parameters that the statement for one row takes, for each row.

        Returns:
            How many rows were found; less than asked for if one was not there or had another version.
        """
        if len(rows) > 1 and connection.dialect.name == "postgresql":
            statement = self._by_arrays(positions)
            if statement is not None:
                shared = self._statements.shared
                arrays = {name: [row[name] for row in rows] for name in rows[0] if name not in shared}
                return connection.execute(statement, arrays | {name: rows[0][name] for name in shared}).rowcount
        elif connection.dialect.supports_sane_multi_rowcount and self._statements.executes_many:
            return connection.execute(self._statements.update(positions), rows).rowcount
        return sum(connection.execute(self._statements.update(positions), row).rowcount for row in rows)

    def _update_by_arrays(self, positions: tuple[int, ...]) -> sa.Update | None:
        mapping = self._mapping
        named = {name: mapping.columns[at] for at, name in self._statements.cells(positions)}
        found = {name: mapping.columns[at] for at, name in self._statements.names_of_row()}
        types = {name: _item_type(column) for name, column in (found | named).items()}
        items = {name: item for name, item in types.items() if item is not None}
        if len(items) < len(types):
            return None
        arrays = (sa.bindparam(name, type_=ARRAY(item)) for name, item in items.items())
        rows = sa.func.unnest(*arrays).table_valued(*items).render_derived(name="changes")
        return (
            sa.update(mapping.table)
            .values({column: rows.c[name] for name, column in named.items()})
            .where(*(column == rows.c[name] for name, column in found.items()), *self._statements.within)
        )


def _item_type(column: AnyColumn) -> AnyType | None:
    """The type of a column's values in an array, None where that is not certain to be the same.

    Lengths and scales stay away: a cast would cut silently what the column refuses.
    """
    kind = value_type(column)
    if isinstance(kind, sa.Enum):
        return None
    if isinstance(kind, sa.String):
        return sa.Text()
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        return sa.Numeric()
    return kind if isinstance(kind, _PLAIN) else None
