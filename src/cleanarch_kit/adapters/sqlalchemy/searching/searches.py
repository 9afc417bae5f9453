"""The statements of searches by criteria: built once per shape, whatever values are searched for."""

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyElement, AnySelect, Parameters
from cleanarch_kit.adapters.sqlalchemy.mapping._searched_fields import Fields
from cleanarch_kit.adapters.sqlalchemy.searching.columns import find_column, find_node
from cleanarch_kit.adapters.sqlalchemy.searching.conditions import (
    Condition,
    compile_condition,
)
from cleanarch_kit.adapters.sqlalchemy.searching.orderings import (
    behind,
    order_columns,
    order_terms,
    place_value,
    reverse,
)
from cleanarch_kit.domain.criteria import Node, OrderKey, parametrise
from cleanarch_kit.errors import InvalidCursorError

__all__ = ["Searches"]

_SHAPES = 512
"""How many shapes are kept; a program has about as many as it has lambdas."""

_Built = tuple[AnySelect, Condition | None]


class Searches:
    """Builds and keeps the searches of one entity on one database.

    Every method gives a statement and its parameters.

    Args:
        mapping: where the entity's fields lie.
        dialect: name of the database's dialect.
        rows: the SELECT of all rows.
        source: what is counted: the table, or a mapped class.

    Attributes:
        positions: where the keys of an order stand in a row.
    """

    def __init__(self, mapping: Fields, dialect: str, rows: AnySelect, source: sa.FromClause | type[object]) -> None:
        self._mapping = mapping
        self._dialect = dialect
        self._rows = rows
        self._count = sa.select(sa.func.count()).select_from(source)
        self._one = sa.select(sa.literal_column("1", sa.Integer())).select_from(source).limit(1)
        self._kept: dict[Hashable, _Built] = {}
        self.positions = lru_cache(maxsize=_SHAPES)(self._positions)

    def rows(
        self,
        where: Node | None,
        order: tuple[OrderKey, ...],
        *,
        limit: int | None = None,
        offset: int = 0,
        for_update: bool = False,
        skip_locked: bool = False,
    ) -> tuple[AnySelect, Parameters]:
        """The rows that meet a criterion, in an order."""

        def build(statement: AnySelect) -> AnySelect:
            statement = statement.order_by(*self._terms(order))
            if limit is not None:
                statement = statement.limit(sa.bindparam("_limit", type_=sa.Integer()))
            if offset:
                statement = statement.offset(sa.bindparam("_offset", type_=sa.Integer()))
            return statement.with_for_update(skip_locked=skip_locked) if for_update else statement

        shape = ("rows", order, limit is None, not offset, for_update, skip_locked)
        statement, parameters = self._search(self._rows, where, shape, build)
        if limit is not None:
            parameters["_limit"] = limit
        if offset:
            parameters["_offset"] = offset
        return statement, parameters

    def count(self, where: Node | None) -> tuple[AnySelect, Parameters]:
        """How many rows meet a criterion."""
        return self._search(self._count, where, "count", _as_it_is)

    def exists(self, where: Node | None) -> tuple[AnySelect, Parameters]:
        """One row if any meets a criterion, else none."""
        return self._search(self._one, where, "exists", _as_it_is)

    def page(
        self,
        where: Node | None,
        order: tuple[OrderKey, ...],
        *,
        size: int,
        place: Sequence[object] | None,
        backwards: bool,
    ) -> tuple[AnySelect, Parameters]:
        """As many rows as asked for behind a place in an order, or in front of it, read backwards.

        Raises:
            InvalidCursorError: the place holds a value that its field cannot have.
        """
        nulls = None if place is None else tuple(value is None for value in place)

        def build(statement: AnySelect) -> AnySelect:
            columns = order_columns(order, self._mapping)
            columns = reverse(columns) if backwards else columns
            if nulls is not None:
                statement = statement.where(behind(columns, nulls, self._dialect))
            statement = statement.order_by(*order_terms(columns, self._dialect))
            return statement.limit(sa.bindparam("_limit", type_=sa.Integer()))

        statement, parameters = self._search(self._rows, where, ("page", order, nulls, backwards), build)
        parameters["_limit"] = size
        for at, value in enumerate(place or ()):
            if value is not None:
                parameters[f"_k{at}"] = self._place_value(value, order[at])
        return statement, parameters

    def _positions(self, order: tuple[OrderKey, ...]) -> tuple[int, ...]:
        at = {id(column): position for position, column in enumerate(self._mapping.columns)}
        return tuple(at[id(find_column(key.field, self._mapping))] for key in order)

    def _place_value(self, value: object, key: OrderKey) -> object:
        try:
            return place_value(value, find_node(key.field, self._mapping))
        except (ValueError, KeyError):  # no member of an enum
            raise InvalidCursorError("it holds a value that the order's field cannot have") from None

    def _terms(self, order: tuple[OrderKey, ...]) -> list[AnyElement]:
        return order_terms(order_columns(order, self._mapping), self._dialect)

    def _search(
        self,
        base: AnySelect,
        where: Node | None,
        kind: Hashable,
        build: Callable[[AnySelect], AnySelect],
    ) -> tuple[AnySelect, Parameters]:
        shape, values = (None, ()) if where is None else parametrise(where)
        key = (kind, shape)
        kept = self._kept.get(key)
        if kept is None:
            condition = None if where is None else compile_condition(where, self._mapping, self._dialect)
            kept = build(base if condition is None else base.where(condition.clause)), condition
            if len(self._kept) >= _SHAPES:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = kept
        statement, condition = kept
        return statement, {} if condition is None else condition.bind(values)


def _as_it_is(statement: AnySelect) -> AnySelect:
    return statement
