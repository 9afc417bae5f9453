"""Compiling a criterion's tree to SQL.

The SQL depends on the tree's shape alone: values are bound, one or more parameters for each of the tree's values in
its order, so that one compiled condition serves every tree of the same shape.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyElement
from cleanarch_kit.adapters.sqlalchemy.mapping._searched_fields import Fields
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import Composite, FieldNode, Leaf, Wrapped, columns_of, leaves_of
from cleanarch_kit.adapters.sqlalchemy.searching.columns import find_child, find_column, find_node
from cleanarch_kit.adapters.sqlalchemy.types import value_type
from cleanarch_kit.domain.criteria import (
    And,
    AnyOf,
    Comparison,
    Field,
    IsNull,
    Node,
    Not,
    OneOf,
    Or,
    TextMatch,
    Truth,
)
from cleanarch_kit.domain.evaluation import plain_value
from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["Condition", "bindable", "compile_condition"]

_OPERATORS: Mapping[str, Callable[[Any, Any], sa.ColumnElement[bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ESCAPE = "/"
_ESCAPES = str.maketrans({character: _ESCAPE + character for character in (_ESCAPE, "%", "_")})

_Converter = Callable[[Any], object]


class Condition:
    """A compiled condition.

    Attributes:
        clause: the SQL.
        expanding: whether a parameter stands for a list, so that a statement takes one set of parameters at a time.
        names: the names of the parameters.
    """

    def __init__(
        self, clause: sa.ColumnElement[bool], parameters: Sequence[tuple[str, int, _Converter]], *, expanding: bool
    ) -> None:
        self.clause = clause
        self.expanding = expanding
        self.names = tuple(name for name, _, _ in parameters)
        self._parameters = tuple(parameters)

    def bind(self, values: Sequence[object]) -> dict[str, object]:
        """The parameters of the SQL for the values of a tree of the same shape."""
        return {name: convert(values[slot]) for name, slot, convert in self._parameters}


def compile_condition(node: Node, mapping: Fields, dialect: str, prefix: str = "p") -> Condition:
    """Compile a tree.

    Args:
        node: the tree.
        mapping: where the entity's fields lie.
        dialect: name of the database's dialect.
        prefix: how the names of the parameters begin.

    Raises:
        TypeError: the tree names a field that has no column, or does with one what its column cannot do.
    """
    compiler = _Compiler(mapping, dialect, prefix)
    clause = compiler.clause(node)
    return Condition(clause, compiler.parameters, expanding=compiler.expanding)


class _Compiler:
    """Walks a tree in the order in which `parametrise` gives its values."""

    def __init__(self, mapping: Fields, dialect: str, prefix: str) -> None:
        self.parameters: list[tuple[str, int, _Converter]] = []
        self.expanding = False
        self._prefix = prefix
        self._mapping = mapping
        self._dialect = dialect
        self._slots = 0

    def clause(self, node: Node) -> sa.ColumnElement[bool]:
        match node:
            case Not(operand):
                return sa.not_(self.clause(operand))
            case And(operands):
                return sa.and_(*map(self.clause, operands))
            case Or(operands):
                return sa.or_(*map(self.clause, operands))
            case AnyOf(field, condition):
                return self._any_of(field, condition)
            case Comparison() | TextMatch() | OneOf() | IsNull() | Truth():
                return self._predicate(node)

    def _any_of(self, field: Field, condition: Node | None) -> sa.ColumnElement[bool]:
        owner = self._mapping
        child = find_child(field, owner)
        found = (
            sa.select(sa.literal_column("1", sa.Integer()))
            .select_from(child.mapping.table)
            .where(child.reference.joined)
        )
        if condition is not None:
            self._mapping = child.mapping
            found = found.where(self.clause(condition))
            self._mapping = owner
        return found.correlate(owner.table).exists()

    def _predicate(self, node: Comparison | TextMatch | OneOf | IsNull | Truth) -> sa.ColumnElement[bool]:
        match node:
            case Comparison():
                return self._comparison(node)
            case TextMatch():
                return self._text_match(node)
            case OneOf(field, values):
                return self._one_of(field, values)
            case IsNull(field):
                return self._is_null(find_node(field, self._mapping))
            case Truth(field):
                return find_column(field, self._mapping) == sa.true()

    def _comparison(self, node: Comparison) -> sa.ColumnElement[bool]:
        left = find_node(node.left, self._mapping)
        if isinstance(node.right, Field):
            right = find_node(node.right, self._mapping)
            if isinstance(left, Composite) and isinstance(right, Composite):
                equal = _all_equal(left, list(columns_of(right)))
                return sa.not_(equal) if node.operator == "!=" else equal
            return _OPERATORS[node.operator](
                find_column(node.left, self._mapping), find_column(node.right, self._mapping)
            )
        slot = self._next_slot()
        if not isinstance(left, Composite):
            column = find_column(node.left, self._mapping)
            if isinstance(column.type, sa.Enum) and node.operator not in {"==", "!="}:
                raise TypeError(
                    f"{self._mapping.entity_type.__name__}.{node.left} lies in an Enum column, whose order is the"
                    " database's own: compare with ==, or with one_of()"
                )
            bound = self._bound(self._name(slot), slot, column, partial(bindable, node=left))
            return _OPERATORS[node.operator](column, bound)
        bounds = [
            self._bound(f"{self._name(slot)}_{position}", slot, leaf.column, partial(_part, path=path, node=leaf))
            for position, (path, leaf) in enumerate(_paths(left))
        ]
        equal = _all_equal(left, bounds)
        return sa.not_(equal) if node.operator == "!=" else equal

    def _one_of(self, field: Field, values: tuple[object, ...]) -> sa.ColumnElement[bool]:
        slot = self._next_slot()
        if not values:
            return sa.false()
        node = find_node(field, self._mapping)
        if isinstance(node, Composite):
            raise TypeError(f"{self._mapping.entity_type.__name__}.{field} has several parts: compare with ==")
        self.expanding = True
        self.parameters.append((self._name(slot), slot, partial(_all_bindable, node=node)))
        column = find_column(field, self._mapping)
        return column.in_(sa.bindparam(self._name(slot), expanding=True, type_=value_type(column)))

    def _text_match(self, node: TextMatch) -> sa.ColumnElement[bool]:
        slot = self._next_slot()
        column: sa.ColumnElement[str] = sa.type_coerce(find_column(node.field, self._mapping), sa.String)
        if self._dialect == "sqlite":
            # LIKE ignores the case of ASCII letters here, whatever one does.
            text = self._folded(self._text_parameter(slot, str), node)
            column = self._folded(column, node)
            if node.kind == "contains":
                return sa.func.instr(column, text) > 0
            return sa.func.substr(column, 1, sa.func.length(text)) == text
        pattern = self._text_parameter(slot, _contains_pattern if node.kind == "contains" else _prefix_pattern)
        return self._folded(column, node).like(self._folded(pattern, node), escape=_ESCAPE)

    def _folded(self, text: sa.ColumnElement[str], node: TextMatch) -> sa.ColumnElement[str]:
        if not node.ignore_case:
            return text
        return sa.func.lower(text.collate("C") if self._dialect == "postgresql" else text)

    def _text_parameter(self, slot: int, convert: _Converter) -> sa.ColumnElement[str]:
        self.parameters.append((self._name(slot), slot, convert))
        return sa.bindparam(self._name(slot), type_=sa.String())

    def _is_null(self, node: FieldNode) -> sa.ColumnElement[bool]:
        if isinstance(node, Composite):
            return sa.not_(_present(node))
        return node.column.is_(None)

    def _bound(self, name: str, slot: int, column: AnyColumn, convert: _Converter) -> sa.BindParameter[Any]:
        self.parameters.append((name, slot, convert))
        return sa.bindparam(name, type_=value_type(column))

    def _name(self, slot: int) -> str:
        return f"{self._prefix}{slot}"

    def _next_slot(self) -> int:
        slot = self._slots
        self._slots += 1
        return slot


def _paths(node: FieldNode) -> Iterator[tuple[tuple[str, ...], Leaf | Wrapped]]:
    """The leaves of a value of several fields, each with the attributes that lead to it."""
    if isinstance(node, Composite):
        for name, part in node.parts:
            for path, leaf in _paths(part):
                yield (name, *path), leaf
    else:
        yield (), node


def _present(node: Composite) -> sa.ColumnElement[bool]:
    required = [*leaves_of(node, required=True)][:1]
    return sa.or_(*(leaf.column.is_not(None) for leaf in required or leaves_of(node)))


def _all_equal(node: Composite, others: Sequence[AnyElement]) -> sa.ColumnElement[bool]:
    """Equality of all parts: unknown where the value is None, while its optional parts may both be None."""
    required = {id(leaf.column) for leaf in leaves_of(node, required=True)}
    pairs = list(zip(columns_of(node), others, strict=True))
    equal = sa.and_(
        *(column == other if id(column) in required else column.is_not_distinct_from(other) for column, other in pairs)
    )
    return sa.case((_present(node), equal)) if node.optional and len(required) < len(pairs) else equal


def bindable(value: object, node: FieldNode) -> object:
    """What is bound for a value that is compared with a column."""
    if isinstance(node, Leaf) and node.hint is not None:
        if issubclass(node.hint, Enum):
            return node.hint(value)
        if issubclass(node.hint, ScalarValue):
            return value
    return plain_value(value)


def _all_bindable(values: tuple[object, ...], node: Leaf | Wrapped) -> list[object]:
    return [bindable(value, node) for value in values]


def _part(value: object, path: tuple[str, ...], node: Leaf | Wrapped) -> object:
    for name in path:
        if value is None:
            return None
        value = getattr(value, name)
    return None if value is None else bindable(value, node)


def _contains_pattern(text: str) -> str:
    return f"%{text.translate(_ESCAPES)}%"


def _prefix_pattern(text: str) -> str:
    return f"{text.translate(_ESCAPES)}%"
