"""Orderings and places in them as SQL.

NULLs are placed alike on every database: by a key of its own in front of a column that may be NULL where the database
would place them otherwise. Whether a column may be NULL is what the table says, not what the field says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyElement
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import AnyMapping
from cleanarch_kit.adapters.sqlalchemy.searching.conditions import find_column
from cleanarch_kit.adapters.sqlalchemy.types import value_type
from cleanarch_kit.domain.criteria import OrderKey

__all__ = ["OrderColumn", "behind", "order_columns", "order_terms", "reverse"]


@dataclass(frozen=True, slots=True)
class OrderColumn:
    """One key of an ordering as a column.

    Attributes:
        column: the column.
        descending: whether greater values come first.
        nulls_first: whether NULLs come first.
    """

    column: AnyColumn
    descending: bool
    nulls_first: bool


def order_columns(keys: Sequence[OrderKey], mapping: AnyMapping) -> tuple[OrderColumn, ...]:
    """The columns of an ordering.

    Raises:
        TypeError: a key has no column, or several.
    """
    return tuple(OrderColumn(find_column(key.field, mapping), key.descending, key.nulls_first) for key in keys)


def reverse(columns: Sequence[OrderColumn]) -> tuple[OrderColumn, ...]:
    """The same ordering from its end."""
    return tuple(OrderColumn(key.column, not key.descending, not key.nulls_first) for key in columns)


def order_terms(columns: Sequence[OrderColumn], dialect: str) -> list[AnyElement]:
    """The terms of ORDER BY."""
    terms: list[AnyElement] = []
    for key in columns:
        # PostgreSQL takes NULL for the greatest value, the others for the smallest.
        nulls_first_by_itself = key.descending is (dialect == "postgresql")
        placed = not key.column.nullable or key.nulls_first is nulls_first_by_itself
        if not placed and dialect in {"mysql", "mariadb"}:
            is_null = key.column.is_(None)
            terms.append(is_null.desc() if key.nulls_first else is_null.asc())
            placed = True
        term = key.column.desc() if key.descending else key.column.asc()
        if not placed:
            term = term.nulls_first() if key.nulls_first else term.nulls_last()
        terms.append(term)
    return terms


def behind(columns: Sequence[OrderColumn], nulls: Sequence[bool], dialect: str) -> sa.ColumnElement[bool]:
    """The condition of all rows behind a place: its values are the parameters ``_k0``, ``_k1`` and so on.

    Args:
        columns: the ordering; its last column tells all rows apart.
        nulls: for each column whether the place has NULL there; it then has no parameter.
        dialect: name of the database's dialect.
    """
    bounds = [sa.bindparam(f"_k{at}", type_=value_type(key.column)) for at, key in enumerate(columns)]
    plain = not any(key.column.nullable for key in columns) and len({key.descending for key in columns}) == 1
    if plain and dialect not in {"mysql", "mariadb"}:
        place, row = sa.tuple_(*bounds), sa.tuple_(*(key.column for key in columns))
        return row < place if columns[0].descending else row > place
    condition: sa.ColumnElement[bool] = sa.false()
    for key, bound, null in reversed(list(zip(columns, bounds, nulls, strict=True))):
        condition = _behind_one(key, bound, null, condition)
    return condition


def _behind_one(
    key: OrderColumn, bound: AnyElement, null: bool, rest: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    """Behind the place by this column, or level with it here and behind it by the rest."""
    column = key.column
    if null:
        tie = sa.and_(column.is_(None), rest)
        return sa.or_(column.is_not(None), tie) if key.nulls_first else tie
    greater = column < bound if key.descending else column > bound
    tie = sa.and_(column == bound, rest)
    if not column.nullable:
        # The bound that both branches share lets an index be entered at the place.
        shared = column <= bound if key.descending else column >= bound
        return sa.and_(shared, sa.or_(greater, tie))
    return sa.or_(greater, tie) if key.nulls_first else sa.or_(greater, column.is_(None), tie)
