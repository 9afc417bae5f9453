"""`Layout`: where the objects of one collection lie in the rows of its table."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import MISSING, dataclass, fields
from operator import itemgetter
from typing import Self

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyType, Row
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import AnyMapping, EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.holders import Holder, holder_of
from cleanarch_kit.adapters.sqlalchemy.mapping.owned import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.references import Reference, find_reference
from cleanarch_kit.adapters.sqlalchemy.types import stored_type
from cleanarch_kit.errors import MappingError

__all__ = ["Layout", "Owner", "getter", "lay_out"]


@dataclass(frozen=True, slots=True)
class Owner:
    """What owns rows of other tables.

    Attributes:
        mapping: its mapping.
        columns: the columns of its row, each with the type of its values.
        identities: groups of them, each of which tells the row from all others.
    """

    mapping: AnyMapping
    columns: Sequence[tuple[AnyColumn, AnyType]]
    identities: Sequence[Collection[AnyColumn]]

    @classmethod
    def root(cls, mapping: AnyMapping) -> Self:
        """An aggregate."""
        columns = [(column, stored_type(column)) for column in mapping.columns]
        return cls(mapping, columns, [[mapping.columns[at] for at in mapping.identity_positions]])


@dataclass(frozen=True, slots=True)
class Layout:
    """The row of an object: the columns of its fields, then its position if it has one, then those of its owner.

    Attributes:
        table: the table.
        holder: how the owner's field holds the objects.
        mapping: where the fields of an object lie.
        reference: how a row refers to its owner's.
        types: the types of the values by which it does, as the owner's row has them.
        position: the column that keeps the order, if there is one.
        keys: the fields that are the key; none where the position is, or where an object is alone.
    """

    table: sa.Table
    holder: Holder
    mapping: AnyMapping
    reference: Reference
    types: Sequence[AnyType]
    position: AnyColumn | None
    keys: tuple[str, ...]

    @property
    def columns(self) -> list[tuple[AnyColumn, AnyType]]:
        """The columns of a row, each with the type of its values; those of the owner have the owner's types."""
        own = [*self.mapping.columns, *(() if self.position is None else (self.position,))]
        refers = zip(self.reference.columns, self.types, strict=True)
        return [*((column, stored_type(column)) for column in own), *refers]

    @property
    def refers(self) -> range:
        """The positions of the columns that refer to the owner."""
        width = len(self.columns)
        return range(width - len(self.reference.columns), width)

    @property
    def key(self) -> Sequence[int]:
        """The positions of the columns that tell the rows of one owner apart."""
        by_position = self.position is not None and not self.keys
        return (len(self.mapping.columns),) if by_position else self.mapping.identity_positions

    @property
    def identities(self) -> list[list[AnyColumn]]:
        """Groups of columns that tell a row from all others, by which other tables may refer to it."""
        columns = [column for column, _ in self.columns]
        key = [columns[at] for at in self.key]
        groups = (key, [*self.reference.columns, *key], list(self.table.primary_key))
        return [group for group in groups if group and set(group) <= set(columns)]

    @property
    def exchangeable(self) -> list[Callable[[Row], object]]:
        """What gives the groups of cells that rows may exchange although they are unique; not with the position."""
        at = {column: number for number, (column, _) in enumerate(self.columns)}
        fixed = {*self.key, *self.refers}
        return [
            getter([at[column] for column in group])
            for group in self._unique
            if not {*group} & self._places and {*group} <= at.keys() and not {at[column] for column in group} <= fixed
        ]

    @property
    def parked(self) -> int | None:
        """Where the position stands, if rows that exchange theirs have to leave them first."""
        unique = self.keys and any({*group} & self._places for group in self._unique)
        return len(self.mapping.columns) if unique else None

    @property
    def _places(self) -> set[AnyColumn]:
        return set() if self.position is None else {self.position}

    @property
    def _unique(self) -> list[list[AnyColumn]]:
        constraints = [it for it in self.table.constraints if isinstance(it, sa.UniqueConstraint)]
        indexes = [it for it in self.table.indexes if it.unique]
        keys = [self.table.primary_key.columns, *(it.columns for it in constraints), *(it.columns for it in indexes)]
        return [list(columns) for columns in keys]


def lay_out(owner: Owner, name: str, owned: Owned) -> Layout:
    """Find out how a collection is stored.

    Args:
        owner: what owns it.
        name: its field.
        owned: what the author says of it.

    Raises:
        MappingError: the field, the table or its foreign key do not fit.
    """
    entity, table = owner.mapping.entity_type, owned.table
    where = f"{entity.__name__}.{name}"
    keys = (owned.key,) if isinstance(owned.key, str) else owned.key
    holder = holder_of(entity, name, keys if owned.keyed_by is None else (owned.keyed_by,))
    _refuse_what_does_not_fit(where, owner.mapping, holder, owned)
    reference, types = find_reference(table, entity.__name__, owner.identities), dict(owner.columns)
    position = None if owned.position is None else table.c.get(owned.position)
    if holder.alone and not set(keys) <= set(getattr(holder.item_type, "__dataclass_fields__", ())):
        keys = ()
    others = (*reference.columns, *(() if position is None else (position,)))
    rules = MappingRules(
        owned.columns,
        elsewhere=tuple(owned.children),
        ignored=(*owned.ignored_columns, *(column.key for column in others)),
        validate=owner.mapping.validates,
        keys=keys,
    )
    mapping: AnyMapping = EntityMapping(holder.item_type, table, rules)
    if position is not None and position in set(mapping.columns):
        raise MappingError(
            f"{holder.item_type.__name__} has a field in column {owned.position!r} of table {table.name!r},"
            f" which keeps the order of {where}: leave the field out"
        )
    return Layout(table, holder, mapping, reference, [types[it] for it in reference.referred], position, keys)


def getter(positions: Sequence[int]) -> Callable[[Row], object]:
    """What gives the cell of a row at a position, or a tuple of them for several."""
    return itemgetter(*positions) if positions else _nothing


def _nothing(_: Row) -> tuple[()]:
    return ()


def _refuse_what_does_not_fit(where: str, owner: AnyMapping, holder: Holder, owned: Owned) -> None:
    table = owned.table.name
    if owned.table is owner.table:
        raise MappingError(f"{where} must lie in another table than its owner")
    if owned.position is not None and not holder.ordered:
        raise MappingError(f"{where} has no order that could be kept: leave position={owned.position!r} out")
    if owned.position is not None and owned.position not in owned.table.c:
        raise MappingError(f"table {table!r} has no column {owned.position!r} for the order of {where}")
    if not (owned.key or owned.position or holder.alone):
        raise MappingError(f"the objects of {where} need a key, or a position, to be told apart by")
    if owner.validates and not _has_default(owner.entity_type, where.rpartition(".")[2]):
        raise MappingError(f"{where} is filled after the constructor: give it a default, or do not validate on load")


def _has_default(owner: type, name: str) -> bool:
    field = next(field for field in fields(owner) if field.name == name)
    return not (field.init and field.default is field.default_factory is MISSING)
