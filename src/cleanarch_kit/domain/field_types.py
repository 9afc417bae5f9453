"""What is known of a class's fields, so that a criterion's misspelt field is an error on every adapter alike."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["Declared", "Items", "fields_of", "is_composite", "is_leaf", "unknown_field"]

_LEAVES = (str, bytes, int, float, complex, Decimal, UUID, datetime, date, time, timedelta, Enum)


class Items(NamedTuple):
    """The type of a field that holds several objects.

    Attributes:
        type: class of the objects, or None if that is not known.
    """

    type: type | None


Declared: TypeAlias = type | Items | None
"""The type of a field; None where it is neither a plain class nor a collection."""


def fields_of(owner: type[object]) -> Mapping[str, Declared] | None:
    """The public fields of a class and their types; None if nothing is known."""
    return _known(owner)


def _derive(owner: type[object]) -> Mapping[str, Declared] | None:
    if issubclass(owner, ScalarValue):
        return {"value": _value_type(owner)}
    if issubclass(owner, _LEAVES):
        return {}
    try:
        hints: dict[str, object] = get_type_hints(owner)
    except (NameError, TypeError):
        hints = {}
    if is_dataclass(owner) and ("__dataclass_fields__" in vars(owner) or not hints):
        names = [field.name for field in fields(owner)]
    elif hints:  # a subclass that is no dataclass itself, such as a declarative class of SQLAlchemy's, may have more
        names = list(hints)
    else:
        return None
    arguments = _type_arguments(owner)
    return {name: _declared(hints.get(name), arguments) for name in names if not name.startswith("_")}


def is_composite(owner: Declared) -> bool:
    """Whether values of the type have several fields of their own."""
    return isinstance(owner, type) and is_dataclass(owner)


def is_leaf(owner: Declared) -> bool:
    """Whether values of the type are compared as a whole: text, numbers, one-field values and the like."""
    return isinstance(owner, type) and issubclass(owner, (*_LEAVES, ScalarValue))


def unknown_field(owner: type, name: str, known: Mapping[str, Declared]) -> str:
    """What to say when a criterion asks for a field that is not there."""
    if not known:
        return (
            f"{owner.__name__}.{name} cannot be used in a criterion, which compares whole fields:"
            " compare the field itself, or write contains(field, text) or starts_with(field, text)"
        )
    from difflib import get_close_matches  # noqa: PLC0415 - for the one who misspelt

    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(known)}"
    return f"{owner.__name__} has no stored field {name!r}: {hint}"


def _type_arguments(owner: type) -> dict[object, object]:
    """What stands for each type variable of the class's bases: ``User(AggregateRoot[UserId])`` says it of the id."""
    arguments: dict[object, object] = {}
    for cls in owner.__mro__:
        for base in cls.__dict__.get("__orig_bases__", ()):
            variables = getattr(get_origin(base), "__parameters__", ())
            arguments = {**dict(zip(variables, get_args(base), strict=False)), **arguments}
    return arguments


def _declared(hint: object, arguments: Mapping[object, object]) -> Declared:
    if isinstance(hint, TypeVar):
        meant = arguments.get(hint)
        return None if meant is hint else _declared(meant, arguments)
    if get_origin(hint) in (Union, UnionType):
        present = [member for member in get_args(hint) if member is not NoneType]
        hint = present[0] if len(present) == 1 else None
    hint = getattr(hint, "__supertype__", hint)
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Collection | Iterable) and inner:
        held = _declared(inner[1 if issubclass(origin, Mapping) else 0], arguments)
        return Items(held if isinstance(held, type) else None)
    return hint if isinstance(hint, type) and hint is not Any and get_origin(hint) is None else None


def _value_type(scalar: Any) -> type | None:
    return getattr(scalar, "value_type", None)


_known: Callable[..., Mapping[str, Declared] | None] = lru_cache(maxsize=1024)(_derive)
