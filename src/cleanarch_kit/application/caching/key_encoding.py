"""Values as parts of a cache key: two different values never give the same text."""

import dataclasses
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from typing import Any
from urllib.parse import quote
from uuid import UUID

from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import DefinitionError

__all__ = [
    "ENCODERS",
    "MAX_LENGTH",
    "check_type",
    "declared_fields",
    "encode",
    "encode_literal",
    "shorten",
]

_Encoder = Callable[[Any], str]

MAX_LENGTH = 200
"""Longer names are cut and end in a digest of the whole."""

_WITH_VALUE: tuple[type, ...] = (Enum, ScalarValue)


def encode(value: object) -> str:
    """Write a value as part of a key.

    An int, a bool, None and a UUID stand as they are, text stands behind ``=``, everything else in the parentheses
    of its type: ``5``, ``True``, ``None``, ``01890a5d-...``, ``=Ada``, ``UserId(01890a5d-...)``,
    ``Money(1999,=EUR)``. Of what stands between two values in a template (``: / | ; # !``, a space) nothing occurs
    in the text of a value. Enums, value objects and dataclasses are told apart by their qualified name within their
    module; other subclasses of plain types count as the plain type, because they are equal to it.

    Raises:
        DefinitionError: the value, or something in it, is of a type that has no lasting text: the text of an object
            of a plain class is its address.
    """
    kind = type(value)
    return (ENCODERS.get(kind) or _encoder_of(kind))(value)


def check_type(value: object) -> object:
    """Return the value itself if its type has a lasting text.

    Raises:
        DefinitionError: it has none. See `encode`.
    """
    if type(value) not in ENCODERS:
        _encoder_of(type(value))
    return value


def encode_literal(text: str) -> str:
    """A template's own text as part of a key: what marks a digest is escaped, the rest stays."""
    return text.replace("%", "%25")


def shorten(name: str) -> str:
    """A name of bounded length: itself, or its beginning and, behind ``%#``, a digest of the whole."""
    if len(name) <= MAX_LENGTH and "%#" not in name:
        return name
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
    return f"{name[: MAX_LENGTH - len(digest) - 2]}%#{digest}"


def declared_fields(kind: type) -> tuple[str, ...]:
    """Names of the fields that make a value of this type what it is; empty where it does not declare them."""
    if hasattr(kind, "__dataclass_fields__"):
        return tuple(field.name for field in dataclasses.fields(kind) if field.compare)
    if attributes := getattr(kind, "__attrs_attrs__", None):
        return tuple(attribute.name for attribute in attributes if attribute.eq)
    return tuple(getattr(kind, "__struct_fields__", None) or getattr(kind, "model_fields", None) or ())


def _text(value: str) -> str:
    return f"={value}" if value.isalnum() else "=" + quote(value, safe="@+", errors="surrogatepass")


def _time(name: str, value: datetime | time) -> str:
    return f"{name}({value.isoformat().replace(':', '.')},{value.fold})"


def _parts(name: str, values: Iterable[object]) -> str:
    return f"{name}({','.join(map(encode, values))})"


def _set(name: str, values: Iterable[object]) -> str:
    return f"{name}({','.join(sorted(map(encode, values)))})"


ENCODERS: dict[type, _Encoder] = {
    str: _text,
    bool: str,
    int: str,
    type(None): str,
    UUID: str,
    float: lambda value: f"float({float.__repr__(value)})",
    Decimal: lambda value: f"Decimal({value})",
    bytes: lambda value: f"bytes({value.hex()})",
    datetime: lambda value: _time("datetime", value),
    date: lambda value: f"date({value.isoformat()})",
    time: lambda value: _time("time", value),
    timedelta: lambda value: f"timedelta({value.days},{value.seconds},{value.microseconds})",
    tuple: lambda value: _parts("", value),
    list: lambda value: _parts("list", value),
    frozenset: lambda value: _set("frozenset", value),
    set: lambda value: _set("set", value),
    dict: lambda value: _set("dict", value.items()),
}
"""How the values of each type are written. Types are added as they are met."""

_PLAIN = tuple(ENCODERS.items())


def _encoder_of(kind: type) -> _Encoder:
    encoder = _wrapped(kind) or _inherited(kind)
    if encoder is None:
        raise DefinitionError(
            f"a {kind.__qualname__} has no lasting text for a cache key: name one of its attributes in the template,"
            " as in {parameter.attribute}, or put the parameter into ignore="
        )
    ENCODERS[kind] = encoder
    return encoder


def _wrapped(kind: type) -> _Encoder | None:
    name = quote(kind.__qualname__, safe="<>")
    if issubclass(kind, _WITH_VALUE):
        return lambda value: f"{name}({encode(value.value)})"
    if fields := declared_fields(kind):
        return lambda value: _parts(name, [getattr(value, field) for field in fields])
    return None


def _inherited(kind: type) -> _Encoder | None:
    if issubclass(kind, str):
        return lambda value: _text(str.__str__(value))
    if issubclass(kind, int):
        return lambda value: str(int.__int__(value))
    return next((encoder for plain, encoder in _PLAIN if issubclass(kind, plain)), None)
