"""`ByIdentity`: the statements that find one object by its identity."""

from collections.abc import Sequence
from copy import copy
from functools import lru_cache
from typing import Self

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnySelect, Parameters
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import Composite, FieldNode, columns_of
from cleanarch_kit.adapters.sqlalchemy.searching.conditions import Condition, bindable

__all__ = ["ByIdentity"]


class ByIdentity:
    """Finds one object, within a row scope where there is one.

    Args:
        select: gives all objects.
        identity: where the identity lies.
        scope: the compiled scope, or None.

    Attributes:
        scoped: whether there is a scope.
        select: gives one object; its arguments are ``for_update`` and ``skip_locked``.
    """

    def __init__(self, select: AnySelect, identity: FieldNode, scope: Condition | None) -> None:
        bounds = [
            (column, sa.bindparam(f"_id{at}", type_=column.type)) for at, column in enumerate(columns_of(identity))
        ]
        found = [column == bound for column, bound in bounds] + ([] if scope is None else [scope.clause])
        self.scoped = scope is not None
        self._identity = identity
        self._scope = scope
        self._values: Parameters = {}
        self._one = select.where(*found)
        self._found = sa.and_(*found)
        self.select = lru_cache(maxsize=None)(self._select)

    def bound(self, values: Sequence[object]) -> Self:
        """The same statements, for the values of a scope of the same shape."""
        other = copy(self)
        other.bind(values)
        return other

    def bind(self, values: Sequence[object]) -> None:
        """Take the values of a scope of the same shape."""
        self._values = {} if self._scope is None else self._scope.bind(values)

    def parameters(self, identity: object) -> Parameters:
        """The parameters of all statements."""
        node = self._identity
        if isinstance(node, Composite):
            cells = [bindable(getattr(identity, name), part) for name, part in node.parts]
        else:
            cells = [bindable(identity, node)]
        return {f"_id{at}": cell for at, cell in enumerate(cells)} | self._values

    def value(self, column: AnyColumn | None) -> AnySelect:
        """Gives one column of the object's row, or 0 without one."""
        if column is None:
            return sa.select(sa.literal(0)).select_from(next(columns_of(self._identity)).table).where(self._found)
        return sa.select(column).where(self._found)

    def _select(self, for_update: bool, skip_locked: bool) -> AnySelect:
        return self._one.with_for_update(skip_locked=skip_locked) if for_update else self._one
