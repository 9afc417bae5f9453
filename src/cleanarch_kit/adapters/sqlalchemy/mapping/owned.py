"""`Owned`: objects that live and die with their aggregate, in a table of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

__all__ = ["Owned"]


@dataclass(frozen=True, slots=True)
class Owned:
    """How what an aggregate owns is stored: ``children = {"lines": Owned(order_lines, key="id")}``.

    The field is a list, dict, set, tuple or frozenset of one class, or that class alone, with ``| None`` where there
    may be none. The rows are found by the foreign key from this table to the owner's. The key tells them apart when
    what is there now is compared with what is stored: what is new is inserted, what changed updated, what is gone
    deleted.

    Without `position`, objects come in the order of the key, whatever order they had. With it, the order of a list,
    tuple or dict is kept. Where a unique constraint of the table holds the position, rows that change their places
    have negative ones for the time being.

    Rows that exchange the values of another unique constraint are deleted and inserted again, with everything below
    them. Rows of others that refer to them stand in the way of that, or go with ``ON DELETE CASCADE``.

    Attributes:
        table: the table of the objects.
        key: the field, or the fields, of the objects that tell them apart within their owner. One that is alone needs
            none; in a list with a `position`, ``key=()`` tells them apart by that.
        columns: other columns than the derived ones, see `SqlAlchemyRepository.columns`.
        ignored_columns: columns that the objects do not know; those of the foreign key and of the position need not
            be named.
        position: the column, of whole numbers, that keeps the order; not a field of the objects.
        keyed_by: the field of the objects that is the key in a dict, if it is not `key`.
        children: what the objects own in their turn.
    """

    table: sa.Table
    key: str | tuple[str, ...] = "id"
    columns: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict[str, "str | tuple[str, ...]"])
    ignored_columns: tuple[str, ...] = ()
    position: str | None = None
    keyed_by: str | None = None
    children: "Mapping[str, Owned]" = field(default_factory=dict[str, "Owned"])
