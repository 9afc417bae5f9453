"""Orderings and places in them as SQL.

NULLs are placed alike on every database: by a key of its own in front of a column that may be NULL where the database
would place them otherwise. Whether a column may be NULL is what the table says, not what the field says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyElement
from cleanarch_kit.adapters.sqlalchemy.mapping._searched_fields import Fields
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import Composite, FieldNode
from cleanarch_kit.adapters.sqlalchemy.searching.columns import find_column
from cleanarch_kit.adapters.sqlalchemy.searching.conditions import bindable
from cleanarch_kit.adapters.sqlalchemy.types import value_type
from cleanarch_kit.domain.criteria import OrderKey

__all__ = ["OrderColumn", "behind", "order_columns", "order_terms", "place_value", "reverse"]


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

    @property
    def term(self) -> AnyElement:
        """What is compared: the column, or the rank of its member."""
        ranks = _ranks(self.column)
        if ranks is None:
            return self.column
        return sa.case(
            *((self.column == member, sa.literal_column(str(rank), sa.Integer())) for member, rank in ranks.items())
        )

    def bound(self, name: str) -> sa.BindParameter[Any]:
        """A parameter to compare with."""
        return sa.bindparam(name, type_=value_type(self.column) if _ranks(self.column) is None else sa.Integer())


def order_columns(keys: Sequence[OrderKey], mapping: Fields) -> tuple[OrderColumn, ...]:
    """The columns of an ordering.

    Raises:
        TypeError: a key has no column, or several.
    """
    return tuple(OrderColumn(find_column(key.field, mapping), key.descending, key.nulls_first) for key in keys)


def place_value(value: object, node: FieldNode) -> object:
    """What is bound for a value of a place, see `OrderColumn.bound`.

    Raises:
        ValueError, KeyError: the field cannot have this value.
    """
    bound = bindable(value, node)
    ranks = None if isinstance(node, Composite) else _ranks(node.column)
    return bound if ranks is None else ranks[bound]


@lru_cache(maxsize=1024)
def _ranks(column: AnyColumn) -> Mapping[object, int] | None:
    """The members of an `sa.Enum` in the order of what they hold.

    MariaDB and PostgreSQL order them as they were declared, SQLite by their names, MariaDB compares them by their
    names all the same.
    """
    kind = value_type(column)
    if not isinstance(kind, sa.Enum):
        return None
    names: list[str] = kind.enums
    members = sorted(names) if kind.enum_class is None else sorted(kind.enum_class, key=attrgetter("value"))
    return {member: rank for rank, member in enumerate(members)}


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
        term = key.term.desc() if key.descending else key.term.asc()
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
    bounds = [key.bound(f"_k{at}") for at, key in enumerate(columns)]
    plain = not any(key.column.nullable for key in columns) and len({key.descending for key in columns}) == 1
    if plain and dialect not in {"mysql", "mariadb"}:
        place, row = sa.tuple_(*bounds), sa.tuple_(*(key.term for key in columns))
        return row < place if columns[0].descending else row > place
    condition: sa.ColumnElement[bool] = sa.false()
    for key, bound, null in reversed(list(zip(columns, bounds, nulls, strict=True))):
        condition = _behind_one(key, bound, null, condition)
    return condition


def _behind_one(
    key: OrderColumn, bound: AnyElement, null: bool, rest: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    """Behind the place by this column, or level with it here and behind it by the rest."""
    column, term = key.column, key.term
    if null:
        tie = sa.and_(column.is_(None), rest)
        return sa.or_(column.is_not(None), tie) if key.nulls_first else tie
    greater = term < bound if key.descending else term > bound
    tie = sa.and_(term == bound, rest)
    if not column.nullable:
        # The bound that both branches share lets an index be entered at the place.
        shared = term <= bound if key.descending else term >= bound
        return sa.and_(shared, sa.or_(greater, tie))
    return sa.or_(greater, tie) if key.nulls_first else sa.or_(greater, column.is_(None), tie)
