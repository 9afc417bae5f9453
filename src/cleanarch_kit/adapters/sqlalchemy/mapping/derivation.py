"""Finding the columns of an entity's fields by their names, and saying so where one of either is left over."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, field, is_dataclass
from typing import Any, cast, get_origin

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyType
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import (
    Composite,
    FieldNode,
    Leaf,
    Wrapped,
    columns_of,
    is_class,
    is_wrapper,
    resolved_hints,
    simplify,
)
from cleanarch_kit.errors import MappingError

__all__ = ["Derived", "MappingRules", "derive"]

_COLLECTIONS = (list, dict, set, tuple, frozenset)


@dataclass(frozen=True, slots=True)
class MappingRules:
    """What the author of a mapping says beyond the names of fields and columns.

    Attributes:
        columns: other names than the derived ones: one column, or the columns of a value's parts in their order.
        elsewhere: fields that do not lie in this table.
        ignored: columns that the entity does not know.
        validate: build values and entities through their constructors when they are loaded.
        own_code: the author turns rows into entities and back; fields and columns need not fit.
        keys: the fields that are the identity together; none for an object that its owner has only one of.
    """

    columns: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict[str, "str | tuple[str, ...]"])
    elsewhere: Collection[str] = ()
    ignored: Collection[str] = ()
    validate: bool = False
    own_code: bool = False
    keys: tuple[str, ...] = ("id",)


@dataclass(frozen=True, slots=True)
class Derived:
    """Which columns hold which field.

    Attributes:
        nodes: the fields that lie in columns, by name, in the order of the class.
        defaults: the other fields, none of which the constructor takes, each with what gives its value.
        columns: the columns in the order in which they stand in a row.
    """

    nodes: dict[str, FieldNode]
    defaults: dict[str, Callable[[], object]]
    columns: tuple[AnyColumn, ...]


def derive(entity_type: type[object], table: sa.Table, rules: MappingRules) -> Derived:
    """Match the fields of a dataclass with the columns of a table.

    Raises:
        MappingError: a field without a column, or a column without a field.
        NameError: a postponed annotation names what is not defined yet.
    """
    search = _derive_what_fits if rules.own_code else _derive_all
    derived = search(entity_type, table, rules)
    for key in rules.keys:
        if key not in derived.nodes:
            raise MappingError(
                f"{entity_type.__name__} has no field {key!r} in a column of table {table.name!r}"
                " that says which row it is"
            )
    return derived


def _derive_all(entity_type: type[object], table: sa.Table, rules: MappingRules) -> Derived:
    if not hasattr(entity_type, "__dataclass_fields__"):
        raise MappingError(
            f"{entity_type.__name__} is no dataclass: override to_entity and to_row to say how it is stored"
        )
    search = _Search(entity_type, table)
    hints = resolved_hints(entity_type)
    nodes: dict[str, FieldNode] = {}
    defaults: dict[str, Callable[[], object]] = {}
    for member in dataclasses.fields(cast("type[Any]", entity_type)):
        name, hint = member.name, hints[member.name]
        if name in rules.elsewhere:
            continue
        names = _given_names(rules.columns, name)
        if not member.init and names is None and not search.has_column(name, hint):
            defaults[name] = _default(member, entity_type, table)
        else:
            nodes[name] = search.node(name, hint, names)
    derived = Derived(nodes, defaults, tuple(column for node in nodes.values() for column in columns_of(node)))
    _refuse_leftovers(entity_type, table, derived, rules)
    return derived


def _derive_what_fits(entity_type: type[object], table: sa.Table, rules: MappingRules) -> Derived:
    """The fields whose columns are easily found, for criteria and orderings; the rows are all the author's."""
    hints = resolved_hints(entity_type)
    names = {**{column.key: hints.get(column.key, object) for column in table.c}, **hints}
    search = _Search(entity_type, table)
    nodes: dict[str, FieldNode] = {}
    for name, hint in names.items():
        with suppress(MappingError):
            nodes[name] = search.node(name, hint, _given_names(rules.columns, name))
    return Derived(nodes, {}, tuple(column for column in table.c if column.key not in rules.ignored))


class _Search:
    """Looks for the columns of one entity's fields."""

    def __init__(self, entity_type: type[object], table: sa.Table) -> None:
        self._entity = entity_type.__name__
        self._table = table

    def has_column(self, field: str, hint: object) -> bool:
        """Whether the field has a column, or the first of several, by the derived names."""
        bare, _ = simplify(hint)
        return any(name in self._table.c for name in (field, *(f"{field}_{part}" for part in _part_names(bare))))

    def node(self, field: str, hint: object, names: Iterator[str] | None) -> FieldNode:
        """The tree of a field; ``names`` are the columns to take instead of the derived ones."""
        node = self._build(field, field, hint, names)
        if names is not None and (extra := next(names, None)) is not None:
            raise MappingError(f"{self._entity}.{field} has no part for column {extra!r} of table {self._table.name!r}")
        return node

    def _build(self, path: str, name: str, hint: object, names: Iterator[str] | None) -> FieldNode:
        bare, optional = simplify(hint)
        parts = () if names is None and self._holds_whole(name, bare) else _part_names(bare)
        if parts and is_class(bare):
            hints = resolved_hints(bare)
            part_columns = {part: f"{name}_{part}" if len(parts) > 1 else name for part in parts}
            nodes = ((part, self._build(f"{path}.{part}", part_columns[part], hints[part], names)) for part in parts)
            return Composite(bare, tuple(nodes), optional)
        column = self._column(path, name if names is None else next(names, None), many=get_origin(bare) in _COLLECTIONS)
        if is_wrapper(bare) and not _gives(column.type, bare):
            return Wrapped(bare, column, optional)
        return Leaf(column, bare if is_class(bare) else None, optional)

    def _holds_whole(self, name: str, bare: object) -> bool:
        """Whether the column of this name holds a value of several fields as a whole, through a type of its own."""
        column = self._table.c.get(name)
        return column is not None and (len(_part_names(bare)) > 1 or (is_class(bare) and _gives(column.type, bare)))

    def _column(self, path: str, name: str | None, *, many: bool) -> AnyColumn:
        column = self._table.c.get(name) if name is not None else None
        if column is None:
            wanted = f"no column {name!r}" if name is not None else "too few columns"
            field = path.partition(".")[0]
            raise MappingError(
                f"{self._entity}.{path}: {wanted} in table {self._table.name!r}."
                f" Add it, or name another one in columns = {{{field!r}: ...}}"
                + (f"; rows of another table are named in children = {{{field!r}: Owned(...)}}" if many else "")
            )
        return column


def _part_names(bare: object) -> tuple[str, ...]:
    if is_class(bare) and is_dataclass(bare):
        return tuple(member.name for member in dataclasses.fields(bare) if member.init)
    return ()


def _given_names(columns: Mapping[str, str | tuple[str, ...]], field: str) -> Iterator[str] | None:
    given = columns.get(field)
    return None if given is None else iter((given,) if isinstance(given, str) else given)


def _gives(column_type: AnyType, wanted: type[object]) -> bool:
    """Tell whether a column's values are of the wanted class already; of a decorated type, unless it says otherwise."""
    try:
        given = column_type.python_type
    except NotImplementedError:
        given = object
    return issubclass(given, wanted) or (isinstance(column_type, TypeDecorator) and given is object)


def _default(member: Field[Any], entity_type: type[object], table: sa.Table) -> Callable[[], object]:
    if member.default_factory is not MISSING:
        return member.default_factory
    if member.default is MISSING:
        raise MappingError(
            f"{entity_type.__name__}.{member.name} is not taken by the constructor, has no default"
            f" and no column in table {table.name!r}: give it one of these"
        )
    default = member.default
    return lambda: default


def _refuse_leftovers(entity_type: type[object], table: sa.Table, derived: Derived, rules: MappingRules) -> None:
    unknown = [*(rules.columns.keys() - derived.nodes.keys()), *(set(rules.ignored) - set(table.c.keys()))]
    if unknown:
        raise MappingError(f"{entity_type.__name__} and table {table.name!r} have no {sorted(unknown)[0]!r}")
    taken = {column.key for node in derived.nodes.values() for column in columns_of(node)}
    for column in table.c:
        if column.key not in taken and column.key not in rules.ignored:
            raise MappingError(
                f"column {column.name!r} of table {table.name!r} belongs to no field of {entity_type.__name__}."
                f" Add the field, map one in columns = {{...}}, or leave the column out with"
                f" ignored_columns = ({column.key!r},)"
            )
