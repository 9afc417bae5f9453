"""What is known of a class's fields, so that a criterion's misspelt field is an error on every adapter alike."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["fields_of", "is_composite", "unknown_field"]

_LEAVES = (str, bytes, int, float, complex, Decimal, UUID, datetime, date, time, timedelta, Enum)


def fields_of(owner: type[object]) -> Mapping[str, type | None] | None:
    """The public fields of a class and their types (None where that is no plain class); None if nothing is known."""
    return _known(owner)


def _derive(owner: type[object]) -> Mapping[str, type | None] | None:
    if issubclass(owner, ScalarValue):
        return {"value": _value_type(owner)}
    if issubclass(owner, _LEAVES):
        return {}
    try:
        hints: dict[str, object] = get_type_hints(owner)
    except (NameError, TypeError):
        hints = {}
    if is_dataclass(owner):
        names = [field.name for field in fields(owner)]
    elif hints:
        names = list(hints)
    else:
        return None
    arguments = _type_arguments(owner)
    return {name: _plain_class(hints.get(name), arguments) for name in names if not name.startswith("_")}


def is_composite(owner: type | None) -> bool:
    """Whether values of the type have several fields of their own."""
    return owner is not None and is_dataclass(owner)


def unknown_field(owner: type, name: str, known: Mapping[str, type | None]) -> str:
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


def _plain_class(hint: object, arguments: Mapping[object, object]) -> type | None:
    if isinstance(hint, TypeVar):
        meant = arguments.get(hint)
        return None if meant is hint else _plain_class(meant, arguments)
    if get_origin(hint) in (Union, UnionType):
        present = [member for member in get_args(hint) if member is not NoneType]
        hint = present[0] if len(present) == 1 else None
    hint = getattr(hint, "__supertype__", hint)
    return hint if isinstance(hint, type) and hint is not Any and get_origin(hint) is None else None


def _value_type(scalar: Any) -> type | None:
    return getattr(scalar, "value_type", None)


_known: Callable[..., Mapping[str, type | None] | None] = lru_cache(maxsize=1024)(_derive)
