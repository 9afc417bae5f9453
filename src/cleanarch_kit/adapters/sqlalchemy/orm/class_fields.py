"""`ClassFields`: where the attributes of a mapped class lie."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import ColumnProperty, CompositeProperty, Mapper, RelationshipProperty

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn
from cleanarch_kit.adapters.sqlalchemy.mapping._searched_fields import Child
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import Composite, FieldNode, Leaf
from cleanarch_kit.adapters.sqlalchemy.mapping.references import Reference
from cleanarch_kit.adapters.sqlalchemy.orm.object_rows import shape_of

__all__ = ["ClassFields", "owned_by"]


class ClassFields:
    """The attributes of a mapped class, as `Fields`.

    Args:
        mapper: SQLAlchemy's mapping of the class.
        owners: those that own its objects; what they are owned by in turn cannot be searched by.

    Attributes:
        entity_type: the class.
        table: the table that holds the identity.
        nodes: where each attribute lies.
        columns: the columns in the order in which they stand in a row.
        identity_positions: positions of the identity's columns in a row; none of an object that is owned.
        children: what its objects own in other tables.
    """

    def __init__(self, mapper: Mapper[Any], owners: frozenset[Mapper[Any]] = frozenset()) -> None:
        owners |= {mapper}
        self.entity_type: type[Any] = mapper.class_
        self.table = cast("sa.Table", mapper.primary_key[0].table)
        self.nodes: Mapping[str, FieldNode] = dict(_nodes(mapper))
        self.columns = tuple(_column(mapper.column_attrs[key]) for key in shape_of(mapper).columns)
        self.identity_positions: tuple[int, ...] = ()
        self.children: Mapping[str, Child] = {
            each.key: Child(ClassFields(each.mapper, owners), _reference(each))
            for each in owned_by(mapper)
            if each.secondary is None and each.mapper not in owners
        }


def owned_by(mapper: Mapper[Any]) -> list[RelationshipProperty[Any]]:
    """The relationships whose objects live and die with those of the class."""
    return [each for each in mapper.relationships if each.cascade.delete_orphan]


def _reference(relationship: RelationshipProperty[Any]) -> Reference:
    pairs = relationship.local_remote_pairs or []
    referred, columns = zip(*pairs, strict=True)
    return Reference(cast("tuple[AnyColumn, ...]", columns), cast("tuple[AnyColumn, ...]", referred))


def _nodes(mapper: Mapper[Any]) -> Iterator[tuple[str, FieldNode]]:
    for attribute in mapper.column_attrs:
        if isinstance(attribute.columns[0], sa.Column):
            yield attribute.key, _leaf(_column(attribute))
    for composite in mapper.composites:
        if node := _composite(composite):
            yield composite.key, node
    for synonym in mapper.synonyms:
        if synonym.name in mapper.column_attrs:
            yield synonym.key, _leaf(_column(mapper.column_attrs[synonym.name]))


def _column(attribute: ColumnProperty[Any]) -> AnyColumn:
    return cast("AnyColumn", attribute.columns[0])


def _leaf(column: AnyColumn) -> Leaf:
    try:
        hint: type[Any] | None = column.type.python_type
    except NotImplementedError:
        hint = None
    return Leaf(column, hint, bool(column.nullable))


def _composite(attribute: CompositeProperty[Any]) -> Composite | None:
    kind: Any = attribute.composite_class
    if not isinstance(kind, type) or not is_dataclass(kind):
        return None
    leaves = [_leaf(_column(part)) for part in attribute.props if isinstance(part, ColumnProperty)]
    names = [member.name for member in fields(kind) if member.init]
    optional = all(leaf.optional for leaf in leaves)
    return Composite(kind, tuple(zip(names, leaves, strict=True)), optional)
