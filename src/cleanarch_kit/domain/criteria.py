"""The tree that a criterion becomes, for the authors of adapters.

A lambda over an entity is traced (see `cleanarch_kit.domain.tracing`) into one of the nodes below. An adapter either
compiles the tree into its own query language or hands it to `evaluate`. Both must mean the same:

- Logic has three values. A comparison or text match with nothing (None) is unknown, ``not unknown`` is unknown,
  ``and`` and ``or`` follow SQL; an entity is found only where the whole is true.
- `OneOf` without values is false, also for None.
- `AnyOf` is true or false, never unknown: an object of which its condition is unknown does not count.
- Text matches are literal: no character is a wildcard. They respect case unless `ignore_case` is set, which folds
  ASCII letters at least.
- A field's path may lead through a composite (``("balance", "amount")``) and may end in ``"value"`` for a one-field
  value. A value may be plain, a one-field value, an enum member or, for ``==`` and ``!=`` only, a composite.
- Orderings put None last in both directions unless `nulls_first` is set.

Nodes are immutable, and hashable as far as their values are. A new kind of node would be a breaking change.
"""

import dataclasses
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

__all__ = [
    "And",
    "AnyOf",
    "Comparison",
    "Criterion",
    "Field",
    "IsNull",
    "Node",
    "Not",
    "OneOf",
    "Operator",
    "Or",
    "OrderKey",
    "Ordering",
    "TextMatch",
    "TextMatchKind",
    "Truth",
    "Value",
    "fields_in",
    "parametrise",
]

Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]
TextMatchKind: TypeAlias = Literal["contains", "starts_with"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the entity, or of a value in it: ``("balance", "amount")``.

    Attributes:
        path: the names that lead to it.
        scope: while a lambda is traced, whose field it is; no part of the tree's meaning.
    """

    path: tuple[str, ...]
    scope: object = dataclasses.field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Value:
    """A value to compare with: plain, a value object or an enum member; never None."""

    value: object


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared with a value, or with another field."""

    operator: Operator
    left: Field
    right: Field | Value


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A text field that contains, or starts with, a text. No character of it is a wildcard."""

    kind: TextMatchKind
    field: Field
    text: str
    ignore_case: bool


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field that equals one of some values; none of them is None. Without values it is false."""

    field: Field
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """A field that holds None. Never unknown."""

    field: Field


@dataclass(frozen=True, slots=True)
class Truth:
    """A field of type bool, on its own."""

    field: Field


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A field that holds objects, at least one of which meets a condition; without a condition, at least one.

    The objects are those of a list, set or tuple, the values of a dict, or one alone, where None is none. The fields
    of the condition are fields of the object.
    """

    field: Field
    condition: "Node | None"


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary; unknown stays unknown."""

    operand: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more."""

    operands: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more."""

    operands: "tuple[Node, ...]"


Node: TypeAlias = Comparison | TextMatch | OneOf | IsNull | Truth | AnyOf | Not | And | Or
"""Anything that is true, false or unknown of an entity."""


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key of an ordering. None comes last in both directions unless `nulls_first` is set."""

    field: Field
    descending: bool
    nulls_first: bool


T = TypeVar("T")

Criterion: TypeAlias = Callable[[T], bool]
"""A lambda over the entity that gives a condition, or a `Specification`, which is one to keep and combine."""

Ordering: TypeAlias = Callable[[T], object]
"""A lambda over the entity that gives a field, ``asc(field)``, ``desc(field)``, or a tuple of these."""


def fields_in(node: Node) -> Iterator[Field]:
    """The fields that a tree compares, each as often as it stands there."""
    match node:
        case Comparison(_, left, right):
            yield left
            if isinstance(right, Field):
                yield right
        case Not(operand):
            yield from fields_in(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from fields_in(operand)
        case _:
            yield node.field


def parametrise(node: Node) -> tuple[Hashable, tuple[object, ...]]:
    """Split a tree into its shape and its values.

    Trees of equal shape differ only in their values, so that what was compiled from one serves the other, too. Values
    come in the order of the tree, depth first and left to right. The shape holds each value's type. A `OneOf`
    counts as one value, the tuple; its length is no part of the shape, only whether it is empty.
    """
    values: list[object] = []
    return _shape(node, values), tuple(values)


def _shape(node: Node, values: list[object]) -> Hashable:
    shape: Hashable
    match node:
        case Comparison(operator, left, right):
            if isinstance(right, Value):
                values.append(right.value)
                shape = operator, left.path, type(right.value)
            else:
                shape = operator, left.path, right.path
        case TextMatch(kind, field, text, ignore_case):
            values.append(text)
            shape = kind, field.path, ignore_case
        case OneOf(field, items):
            values.append(items)
            shape = "one of", field.path, frozenset(map(type, items))
        case IsNull(field):
            shape = "is null", field.path
        case Truth(field):
            shape = "truth", field.path
        case AnyOf(field, condition):
            shape = "any of", field.path, None if condition is None else _shape(condition, values)
        case Not(operand):
            shape = "not", _shape(operand, values)
        case And(operands):
            shape = "and", *(_shape(operand, values) for operand in operands)
        case _:
            shape = "or", *(_shape(operand, values) for operand in node.operands)
    return shape
