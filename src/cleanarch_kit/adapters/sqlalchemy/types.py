"""Column types: times that are aware, in UTC and exact on every database; one-field values as columns."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import MAX_PREC, ROUND_HALF_UP, Context, Decimal
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql import sqltypes
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyType
from cleanarch_kit.domain._primitives import aware_datetime
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.domain.values.money import CurrencyCode, MinorUnits

__all__ = ["ScalarType", "UtcDateTime", "stored_type", "value_type"]


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware on the way in, aware and in UTC on the way out, with microseconds, on every database.

    PostgreSQL stores `TIMESTAMP WITH TIME ZONE`, MariaDB and MySQL `DATETIME(6)` in UTC, SQLite text in UTC. A naive
    datetime, and one that is out of range in UTC, is refused with `InvalidValueError`.

    Args:
        timezone: False for PostgreSQL columns that were declared without a time zone and hold UTC.
    """

    impl: AnyType | type[AnyType] = sa.DateTime
    cache_ok = True

    def __init__(self, timezone: bool = True) -> None:
        super().__init__()
        self.timezone = timezone
        self.impl = sa.DateTime(timezone=timezone).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Turn a moment into UTC, naive where the database keeps no zone."""
        if value is None:
            return None
        if value.tzinfo is not UTC:
            value = aware_datetime("datetime", value)
        return value if self.timezone and dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Give a stored moment its zone back."""
        if value is None or value.tzinfo is UTC:
            return value
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_COLUMN_TYPES: Mapping[type, Callable[[], AnyType]] = {
    int: sa.BigInteger,
    float: sa.Double,
    bool: sa.Boolean,
    Decimal: lambda: sa.Numeric(38, 18),
    UUID: sa.Uuid,
    datetime: UtcDateTime,
    date: sa.Date,
}

ValueT = TypeVar("ValueT", bound=ScalarValue[Any])


class ScalarType(TypeDecorator[ValueT], Generic[ValueT]):
    """A column whose values are one-field values, for tables that are used without a repository of ours.

    A repository needs no such type: it unwraps `Email` over a plain `String` column by itself. In a declarative class
    ``Mapped[Email]`` and ``Mapped[Email | None]`` mean this type by themselves, once this package is imported; an entry
    of the base's ``type_annotation_map`` for the class goes before it. Compared with a value
    the column binds what the value holds; compared with anything else, with LIKE too, it is a column of the plain
    type: nothing is validated or normalised, so that ``column == "ADA@example.com"`` compares this very text.

    SQLite keeps no more than 15 digits of a decimal.

    Args:
        value_type: the class of the values.
        column_type: type of the column; by default it follows from what the class holds: for text a `String` of its
            ``max_length``, or of 255 characters.
    """

    impl: AnyType | type[AnyType] = sa.String
    cache_ok = True

    def __init__(self, value_type: type[ValueT], column_type: AnyType | None = None) -> None:
        super().__init__()
        self.value_type = value_type
        self.column_type = _column_type(value_type) if column_type is None else column_type
        self.impl = self.column_type

    @property
    def python_type(self) -> type[ValueT]:
        """Class of the values."""
        return self.value_type

    def process_bind_param(self, value: ValueT | None, dialect: sa.Dialect) -> Any:  # noqa: ARG002
        """Take out what the value holds."""
        return getattr(value, "value", value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> ValueT | None:  # noqa: ARG002
        """Build the value again, without checking what was checked when it was stored."""
        if value is None:
            return None
        if self.value_type.value_type is Decimal and type(value) is not Decimal:
            value = Decimal(repr(value))
        return self.value_type.restore(value)

    def load_dialect_impl(self, dialect: sa.Dialect) -> AnyType:
        """The column's type. SQLite has floats for decimals: they come as such, to be read by their shortest form."""
        kind = super().load_dialect_impl(dialect)
        if dialect.name == "sqlite" and isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
            return dialect.type_descriptor(sa.Numeric(kind.precision, kind.scale, asdecimal=False))
        return kind

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> AnyType:
        """Compare with a value of the class as such, with everything else as the plain type."""
        if isinstance(value, self.value_type):
            return self
        return self.column_type.coerce_compared_value(op, value)

    def _resolve_for_python_type(
        self, python_type: type[Any], matched_on: Any, matched_on_flattened: type[Any]
    ) -> Self | None:
        """Answer SQLAlchemy, which asks for ``Mapped[Email]`` what was registered for a base of the class."""
        if self.value_type is not ScalarValue:
            return super()._resolve_for_python_type(python_type, matched_on, matched_on_flattened)
        return type(self)(python_type) if hasattr(python_type, "value_type") else None


def _column_type(value_type: type[ScalarValue[Any]]) -> AnyType:
    if value_type.value_type is str:
        length: int | None = getattr(value_type, "max_length", None)
        return sa.String(length or 255)
    return _COLUMN_TYPES[value_type.value_type]()


def value_type(column: AnyColumn) -> AnyType:
    """The type by which a repository sends and receives a column's values.

    Moments are always aware and in UTC. None in a JSON column that may be NULL is NULL, not JSON's ``null``.
    """
    declared = column.type
    if isinstance(declared, sa.DateTime):  # UtcDateTime is none: it decorates one
        return UtcDateTime(timezone=declared.timezone)
    if isinstance(declared, sa.JSON) and column.nullable and not declared.none_as_null:
        return declared.adapt(type(declared), none_as_null=True)
    return declared


_annotations: dict[object, AnyType] | None = getattr(sqltypes, "_type_map", None)
if _annotations is not None:
    # What `Mapped[...]` falls back to when a declarative base's own map has no answer. There is no public way to add
    # to it for bases that are not yet made: the event of SQLAlchemy 2.1 is for one registry at a time.
    _annotations |= {
        ScalarValue: ScalarType[ScalarValue[Any]](ScalarValue, sa.String()),
        MinorUnits: sa.BigInteger(),
        CurrencyCode: sa.String(3),
    }


def stored_type(column: AnyColumn) -> AnyType:
    """The type by which a repository writes a column's values: SQLite rounds them to the scale, as the others do."""
    kind = value_type(column)
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float) and kind.asdecimal and kind.scale is not None:
        return kind.with_variant(_Rounded(kind.precision, kind.scale), "sqlite")
    return kind


class _Rounded(TypeDecorator[Decimal]):
    """A number that is rounded before it is stored, half away from zero."""

    impl = sa.Numeric
    cache_ok = True

    def __init__(self, precision: int | None, scale: int) -> None:
        super().__init__(precision, scale)
        self.precision = precision
        self.scale = scale

    def process_bind_param(self, value: object, dialect: sa.Dialect) -> object:  # noqa: ARG002
        """Round it."""
        if not isinstance(value, Decimal) or not value.is_finite():
            return value
        return value.quantize(Decimal(1).scaleb(-self.scale), ROUND_HALF_UP, Context(prec=MAX_PREC))
