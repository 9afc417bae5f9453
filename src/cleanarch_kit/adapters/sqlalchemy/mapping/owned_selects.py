"""The SELECTs that read the rows of several owners at once."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import cast

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyElement, AnySelect, Row
from cleanarch_kit.adapters.sqlalchemy.mapping.layout import Layout
from cleanarch_kit.adapters.sqlalchemy.mapping.statements import selected_columns

__all__ = ["OwnedSelects"]

_AT_ONCE = 5_000
_LISTED = 512
"""Up to this many owners, each is a parameter of its own."""


class OwnedSelects:
    """Reads the rows of several owners by one SELECT.

    There is one for each power of two, whose last owner is repeated where there are less: SQLAlchemy then finds the
    compiled SQL, and the server the prepared statement, which an IN of any length would not let them. Very many owners
    are given in an IN of their number.

    Args:
        layout: where the columns of a row lie.
    """

    def __init__(self, layout: Layout) -> None:
        mapping, columns = layout.mapping, layout.columns
        refers = [sa.type_coerce(*columns[at]) for at in layout.refers]
        position = () if layout.position is None else (layout.position,)
        order = position or [mapping.columns[at] for at in mapping.identity_positions]
        self._types = layout.types
        self._owner: AnyElement = refers[0] if len(refers) == 1 else sa.tuple_(*refers)
        self._rows = sa.select(*selected_columns(mapping), *position, *refers).order_by(*order)
        self._many = self._rows.where(self._owner.in_(sa.bindparam("_owners", expanding=True)))
        self._listed = lru_cache(maxsize=None)(self._build)

    def rows(self, connection: sa.Connection, owners: Sequence[object]) -> list[Row]:
        """The rows of these owners, by the values that their rows refer to: one, or a tuple of several."""
        found: list[Row] = []
        for start in range(0, len(owners), _AT_ONCE):
            some = owners[start : start + _AT_ONCE]
            if len(some) > _LISTED:
                found += map(tuple, connection.execute(self._many, {"_owners": some}).all())
                continue
            size = 1 << (len(some) - 1).bit_length()
            statement, names = self._listed(size)
            some = [*some, *[some[-1]] * (size - len(some))]
            values = some if len(self._types) == 1 else chain.from_iterable(cast("list[Row]", some))
            found += map(tuple, connection.execute(statement, dict(zip(names, values, strict=True))).all())
        return found

    def _build(self, size: int) -> tuple[AnySelect, list[str]]:
        bounds = [
            [sa.bindparam(f"_o{number}_{at}", type_=kind) for at, kind in enumerate(self._types)]
            for number in range(size)
        ]
        listed = [bound[0] if len(bound) == 1 else sa.tuple_(*bound) for bound in bounds]
        return self._rows.where(self._owner.in_(listed)), [bound.key for group in bounds for bound in group]
