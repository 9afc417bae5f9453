"""Finding what the fields of a criterion stand for in the tables."""

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn
from cleanarch_kit.adapters.sqlalchemy.mapping._searched_fields import Child, Fields
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import Composite, FieldNode, Leaf, Wrapped, columns_of
from cleanarch_kit.domain.criteria import Field

__all__ = ["find_child", "find_column", "find_node"]


def find_node(field: Field, mapping: Fields) -> FieldNode:
    """Where a field, or a part of one, lies.

    Raises:
        TypeError: it has no column.
    """
    name, *rest = field.path
    if name in mapping.children:
        raise TypeError(
            f"{mapping.entity_type.__name__}.{name} lies in table {mapping.children[name].mapping.table.name!r}:"
            f" write any_(o.{name}, lambda item: ...) for a condition on it, any_(o.{name}) for whether there is any"
        )
    node = mapping.nodes.get(name)
    for step in rest:
        if isinstance(node, Composite):
            node = dict(node.parts).get(step)
        elif isinstance(node, Wrapped) and step == "value":
            node = Leaf(node.column, None, node.optional)
        else:
            node = None
    if node is None:
        raise TypeError(
            f"{mapping.entity_type.__name__} has no field {field} in a column of table {mapping.table.name!r}"
        )
    return node


def find_column(field: Field, mapping: Fields) -> AnyColumn:
    """The column of a field that lies in one, to be compared.

    Raises:
        TypeError: it has no column, or several, or one that databases do not compare alike.
    """
    columns = list(columns_of(find_node(field, mapping)))
    if len(columns) != 1:
        raise TypeError(f"{mapping.entity_type.__name__}.{field} lies in {len(columns)} columns: name one of its parts")
    if isinstance(columns[0].type, sa.JSON):
        raise TypeError(
            f"{mapping.entity_type.__name__}.{field} lies in a JSON column, which databases do not compare:"
            " ask with is_null(), or keep what you search by in a column of its own"
        )
    return columns[0]


def find_child(field: Field, mapping: Fields) -> Child:
    """What a field holds in a table of its own.

    Raises:
        TypeError: it lies in no other table.
    """
    child = mapping.children.get(str(field))
    if child is None:
        raise TypeError(
            f"{mapping.entity_type.__name__}.{field} is nothing that the entity owns in a table of its own:"
            " any_() takes a field that stands in children = {...}"
        )
    return child
