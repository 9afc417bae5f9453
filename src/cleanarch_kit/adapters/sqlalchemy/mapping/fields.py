"""How the fields of an entity lie in the columns of its table.

A field becomes a small tree whose leaves are columns: one leaf for plain values, one-field values and enums, one leaf
per part for values of several fields. Mapping, criteria and orderings are all compiled from these trees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from typing_extensions import TypeAliasType, TypeIs

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn
from cleanarch_kit.application.type_arguments import type_argument
from cleanarch_kit.domain.value_object import ScalarValue

__all__ = [
    "Composite",
    "FieldNode",
    "Leaf",
    "Wrapped",
    "columns_of",
    "is_class",
    "is_wrapper",
    "leaves_of",
    "resolved_hints",
    "simplify",
    "values_of",
]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that lies in one column as it is.

    Attributes:
        column: the column.
        hint: the type of the value; None where it is not a class.
        optional: whether the field may be None.
    """

    column: AnyColumn
    hint: type[object] | None
    optional: bool


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A one-field value or an enum member; the column holds its content.

    Attributes:
        type: class of the value.
        column: the column.
        optional: whether the field may be None.
    """

    type: type[ScalarValue[Any]] | type[Enum]
    column: AnyColumn
    optional: bool


@dataclass(frozen=True, slots=True)
class Composite:
    """A value whose fields lie in columns of their own.

    Attributes:
        type: class of the value, a dataclass.
        parts: its fields by name.
        optional: whether the field may be None.
    """

    type: type[object]
    parts: "tuple[tuple[str, FieldNode], ...]"
    optional: bool


FieldNode = Leaf | Wrapped | Composite


def columns_of(node: FieldNode) -> Iterator[AnyColumn]:
    """The columns of a field, in the order of its parts."""
    return (leaf.column for leaf in leaves_of(node))


def leaves_of(node: FieldNode, *, required: bool = False) -> Iterator[Leaf | Wrapped]:
    """What of a field lies in a column each, in the order of its parts.

    Args:
        node: the field.
        required: leave out what may be None where the field itself is not.
    """
    if not isinstance(node, Composite):
        yield node
        return
    for _, part in node.parts:
        if not (required and part.optional):
            yield from leaves_of(part, required=required)


def values_of(node: FieldNode, value: Any) -> Iterator[object]:
    """What the columns of a field hold for one value of it, in the order of `columns_of`."""
    if isinstance(node, Composite):
        for name, part in node.parts:
            yield from values_of(part, None if value is None else getattr(value, name))
    else:
        yield value.value if isinstance(node, Wrapped) and value is not None else value


def resolved_hints(cls: type) -> dict[str, object]:
    """The annotations of a class and its bases, with postponed ones evaluated and type variables filled in.

    Raises:
        NameError: a postponed annotation names what is not defined yet.
    """
    hints: dict[str, object] = get_type_hints(cls, include_extras=False)
    for name, hint in hints.items():
        if isinstance(hint, TypeVar):
            hints[name] = _type_argument(cls, hint) or hint
    return hints


def simplify(hint: object) -> tuple[object, bool]:
    """Take off what says nothing about storage: ``| None``, `NewType`, `Annotated`, `Literal` and type aliases.

    Returns:
        The bare type, and whether it may be None.
    """
    optional = False
    while True:
        arguments: tuple[object, ...] = get_args(hint)
        if isinstance(hint, NewType):
            hint = hint.__supertype__
        elif isinstance(hint, TypeAliasType):
            hint = hint.__value__
        elif get_origin(hint) is Annotated:
            hint = arguments[0]
        elif get_origin(hint) in {Union, UnionType, Literal}:
            kinds = {type(member) for member in arguments} if get_origin(hint) is Literal else set(arguments)
            optional = optional or NoneType in kinds
            kinds.discard(NoneType)
            if len(kinds) != 1:
                return hint, optional
            hint = kinds.pop()
        else:
            return hint, optional


def is_class(hint: object) -> TypeIs[type[object]]:
    """Tell whether a type is a plain class, which can be asked about its bases."""
    return isinstance(hint, type)


def is_wrapper(hint: object) -> TypeIs[type[ScalarValue[Any]] | type[Enum]]:
    """Tell whether a type is a one-field value or an enum, whose content lies in the column."""
    return isinstance(hint, type) and issubclass(hint, ScalarValue | Enum)


def _type_argument(cls: type, variable: TypeVar) -> object:
    for base in cls.__mro__:
        parameters: tuple[object, ...] = getattr(base, "__parameters__", ())
        if variable in parameters and (argument := type_argument(cls, base, parameters.index(variable))) is not None:
            return argument
    return None
