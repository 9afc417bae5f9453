"""`OwnedRows`: the rows of one collection, and of what its objects own in their turn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import TypeAlias, cast

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import Row
from cleanarch_kit.adapters.sqlalchemy.mapping._searched_fields import Child
from cleanarch_kit.adapters.sqlalchemy.mapping.layout import Layout, Owner, getter, lay_out
from cleanarch_kit.adapters.sqlalchemy.mapping.owned import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.owned_selects import OwnedSelects
from cleanarch_kit.adapters.sqlalchemy.mapping.owned_statements import OwnedStatements
from cleanarch_kit.errors import CorruptRowError, DuplicateError

__all__ = ["OwnedRows", "Rows"]

Rows: TypeAlias = Mapping[object, Row]
"""The rows of one collection by their keys, in its order. A key is a cell, or a tuple of several."""


class OwnedRows:
    """Moves the objects of one field between their owner and the rows of a table.

    A row has the columns of the object's fields, then that of the position if there is one, then those that refer to
    the owner, and behind them, for each collection that the object owns, its `Rows`.

    Args:
        owner: what owns them.
        name: its field.
        owned: how they are stored.

    Raises:
        MappingError: the field, the table or its foreign key do not fit.

    Attributes:
        width: how many columns a row has.
        key: gives the key of a row.
        reference: gives the values by which the rows of an owner's row refer to it.
        nested: what the objects own, each with its place in a row.
        statements: what writes the rows.
        unique: the positions of columns that are unique together and may be exchanged.
    """

    def __init__(self, owner: Owner, name: str, owned: Owned) -> None:
        layout = lay_out(owner, name, owned)
        self.width = len(layout.columns)
        self.key, self._owner_of = getter(layout.key), getter(layout.refers)
        at = {column: number for number, (column, _) in enumerate(owner.columns)}
        self.reference = getter([at[column] for column in layout.reference.referred])
        self.unique = layout.exchangeable
        self.statements = OwnedStatements(owned.table, layout.columns, layout.refers, layout.key, layout.parked)
        self._owner, self._name = owner.mapping.entity_type, name
        self._holder, self._mapping = layout.holder, layout.mapping
        self._fields = len(layout.mapping.columns)
        self._placed = layout.position is not None
        self._single_reference = len(layout.refers) == 1
        self._key_of = _object_key(layout)
        self._selects = OwnedSelects(layout)
        here = Owner(layout.mapping, layout.columns, layout.identities)
        owned_by_it = enumerate(owned.children.items(), self.width)
        self.nested = tuple((at, OwnedRows(here, its_name, its)) for at, (its_name, its) in owned_by_it)
        owner.mapping.children[name] = Child(layout.mapping, layout.reference)

    def dump(self, owner: object, owner_row: Row) -> Rows:
        """The rows of the collection.

        Raises:
            DuplicateError: two objects have the same key.
            RefusedValueError: an object has to be there and is not, or stands in a dict under another key than its own.
        """
        refers = self._references([self.reference(owner_row)])[0]
        dump, key, nested, placed = self._mapping.dump, self.key, self.nested, self._placed
        rows: dict[object, Row] = {}
        number = 0
        for number, item in enumerate(self._holder.items(getattr(owner, self._name)), 1):
            row = (*dump(item), number - 1, *refers) if placed else (*dump(item), *refers)
            if nested:
                row = (*row, *[rows_of.dump(item, row) for _, rows_of in nested])
            rows[key(row)] = row
        if len(rows) < number:
            raise DuplicateError("primary_key")
        return rows

    def fill(self, owner: object, rows: Rows) -> None:
        """Give an owner its collection.

        Raises:
            CorruptRowError: an object has to be there and is not.
        """
        fields = self._fields
        items = self._mapping.load_all([row[:fields] for row in rows.values()])
        for at, nested in self.nested:
            for item, row in zip(items, rows.values(), strict=True):
                nested.fill(item, row[at])
        self._give(owner, items)

    def intact(self, owner: object, rows: Rows) -> bool:
        """Whether an owner holds what its rows do, in their order; False also where that is not easily told."""
        items, fields = list(self._holder.items(getattr(owner, self._name))), self._fields
        return (
            len(items) == len(rows)
            and not self._mapping.suspects(items, [row[:fields] for row in rows.values()])
            and all(
                nested.intact(item, row[at])
                for at, nested in self.nested
                for item, row in zip(items, rows.values(), strict=True)
            )
        )

    def refill(self, owner: object, rows: Rows) -> None:
        """Give an owner the collection that it had, with the same objects as far as they are still there."""
        known = dict(self._keyed(owner))
        self._give(owner, [self._restored(known.get(key), row) for key, row in rows.items()])

    def read(self, connection: sa.Connection, owners: Sequence[object]) -> Mapping[object, Rows]:
        """The rows of several owners, by what `reference` gives for each of them. One SELECT for each table."""
        rows = self._selects.rows(connection, owners)
        for _, nested in self.nested:
            found = nested.read(connection, list(map(nested.reference, rows)))
            rows = [(*row, found.get(nested.reference(row), {})) for row in rows]
        key, owner_of = self.key, self._owner_of
        by_owner: dict[object, dict[object, Row]] = {}
        for row in rows:
            by_owner.setdefault(owner_of(row), {})[key(row)] = row
        return by_owner

    def delete(self, connection: sa.Connection, owners: Sequence[object]) -> None:
        """Delete all rows of several owners, by what `reference` gives for each of them; the deepest first."""
        rows = self._selects.rows(connection, owners) if self.nested else []
        for _, nested in self.nested:
            nested.delete(connection, list(map(nested.reference, rows)))
        self.statements.delete_all(connection, self._references(owners))

    def _references(self, owners: Sequence[object]) -> Sequence[Row]:
        """What `reference` gives, as tuples for single cells, too."""
        return [(cell,) for cell in owners] if self._single_reference else cast("Sequence[Row]", owners)

    def _give(self, owner: object, items: list[object]) -> None:
        if self._holder.required and not items:
            raise CorruptRowError(self._owner.__name__, getattr(owner, "id", None), self._name)
        object.__setattr__(owner, self._name, self._holder.hold(items))

    def _loaded(self, row: Row) -> object:
        item: object = self._mapping.load(row[: self._fields])
        for at, nested in self.nested:
            nested.fill(item, row[at])
        return item

    def _restored(self, item: object, row: Row) -> object:
        """The object that there is, in the state of the row; a new one if it is gone, or cannot be changed."""
        if item is None:
            return self._loaded(row)
        mapping, cells = self._mapping, row[: self._fields]
        if getattr(mapping.entity_type, "__dataclass_params__").frozen:  # noqa: B009 - no checker knows of it
            return item if not self.nested and mapping.dump(item) == cells else self._loaded(row)
        mapping.restore(item, mapping.load(cells))
        for at, nested in self.nested:
            nested.refill(item, row[at])
        return item

    def _keyed(self, owner: object) -> Iterator[tuple[object, object]]:
        """The objects by their keys, as far as they have any."""
        with suppress(Exception):  # what could not be written is what was taken back
            for number, item in enumerate(self._holder.items(getattr(owner, self._name))):
                yield self._key_of(number, item), item


def _object_key(layout: Layout) -> Callable[[int, object], object]:
    """What gives the key of an object as `OwnedRows.key` gives that of its row, with its number in the collection."""
    keys, mapping, width = layout.keys, layout.mapping, len(layout.mapping.identity_positions)
    if not keys:
        return lambda number, _: () if layout.position is None else number
    value = attrgetter(*keys)
    return lambda _, item: mapping.identity(value(item)) if width > 1 else mapping.identity(value(item))[0]
