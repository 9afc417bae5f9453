"""Which columns COPY may write, and with which values: those of which it makes the same as INSERT."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from inspect import getattr_static
from types import NoneType
from typing import Any, Self
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyType
from cleanarch_kit.adapters.sqlalchemy.types import ScalarType, UtcDateTime

__all__ = ["CopiedTypes"]

_DRIVERS = frozenset({"asyncpg", "psycopg"})
_VALUES: Mapping[type[AnyType], frozenset[type]] = {
    sa.Uuid: frozenset({UUID}),
    sa.Boolean: frozenset({bool}),
    sa.Integer: frozenset({int}),
    sa.Float: frozenset({float}),
    sa.Numeric: frozenset({Decimal, int}),
    sa.String: frozenset({str}),
    sa.Date: frozenset({date}),
}


class CopiedTypes:
    """The types of values that COPY may write into the columns of a table.

    Args:
        allowed: for each column, the types of its values.
    """

    def __init__(self, allowed: Sequence[frozenset[type]]) -> None:
        self._allowed = tuple(types | {NoneType} for types in allowed)

    @classmethod
    def of(cls, columns: Sequence[tuple[AnyColumn, AnyType]], dialect: sa.Dialect) -> Self | None:
        """The types for some columns, or None where they cannot be written so."""
        if dialect.name != "postgresql" or dialect.driver not in _DRIVERS:
            return None
        allowed = [_values(column, kind, dialect) for column, kind in columns]
        found = [types for types in allowed if types is not None]
        return cls(found) if len(found) == len(allowed) else None

    def fit(self, values: Sequence[Sequence[Any]]) -> bool:
        """Whether all values, column by column, are of these very types; no cast would make something else of them."""
        columns = zip(self._allowed, values, strict=True)
        return all(allowed.issuperset(map(type, of_column)) for allowed, of_column in columns)


def _values(column: AnyColumn, kind: AnyType, dialect: sa.Dialect) -> frozenset[type] | None:
    if column.computed is not None or (column.identity is not None and column.identity.always):
        return None  # INSERT refuses a value there, COPY takes it
    if isinstance(kind, ScalarType):
        kind = kind.column_type
    if isinstance(kind, UtcDateTime):
        return frozenset({datetime})
    if _has_sql(kind):
        return None
    if isinstance(kind, sa.LargeBinary):
        binary: Callable[[bytes], object] = dialect.loaded_dbapi.Binary
        return frozenset({bytes, type(binary(b""))})
    return next((types for base, types in _VALUES.items() if isinstance(kind, base)), None)


def _has_sql(kind: AnyType) -> bool:
    """Whether the type makes something of a value in SQL, which COPY does not run."""
    return getattr_static(type(kind), "bind_expression") is not getattr_static(TypeEngine, "bind_expression")
