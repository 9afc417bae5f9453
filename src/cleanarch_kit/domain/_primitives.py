"""What a plain value must be before any value object looks at it.

Text that no database and no JSON parser can hold, numbers that are not numbers and times without a zone are refused
here, once, for every value object.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Final
from uuid import UUID

from cleanarch_kit.errors import InvalidValueError

__all__ = ["PRIMITIVES", "aware_datetime", "decimal_number", "from_wire", "integer", "plain_date", "text"]


def text(owner: str, value: object) -> str:
    """Text without NUL and without lone surrogates, as an exact `str`."""
    if not isinstance(value, str):
        raise InvalidValueError(owner, "must be text")
    if "\0" in value:
        raise InvalidValueError(owner, "must not contain NUL")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidValueError(owner, "must not contain lone surrogates") from None
    return value if type(value) is str else str.__str__(value)


def integer(owner: str, value: object) -> int:
    """An integer that is no bool."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValueError(owner, "must be an integer")
    return value


def decimal_number(owner: str, value: object) -> Decimal:
    """A finite `Decimal`; a float never becomes one silently."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise InvalidValueError(owner, "must be finite")
        return value
    if isinstance(value, float):
        raise InvalidValueError(owner, "must not be a float: pass a Decimal, an integer or text")
    raise InvalidValueError(owner, "must be a Decimal")


def aware_datetime(owner: str, value: object) -> datetime:
    """A `datetime` with a time zone, expressed in UTC."""
    if not isinstance(value, datetime):
        raise InvalidValueError(owner, "must be a datetime")
    if value.tzinfo is UTC:
        return value
    if value.utcoffset() is None:
        raise InvalidValueError(owner, "must have a time zone: a naive datetime names no instant")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidValueError(owner, "is out of range in UTC") from None


def plain_date(owner: str, value: object) -> date:
    """A `date` that is no `datetime`."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidValueError(owner, "must be a date without a time")
    return value


def _float(owner: str, value: object) -> float:
    if not isinstance(value, float):
        raise InvalidValueError(owner, "must be a float")
    if not isfinite(value):
        raise InvalidValueError(owner, "must be finite")
    return value


def _bool(owner: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValueError(owner, "must be true or false")
    return value


def _uuid(owner: str, value: object) -> UUID:
    if not isinstance(value, UUID):
        raise InvalidValueError(owner, "must be a UUID")
    return value


PRIMITIVES: Final[Mapping[type, Callable[[str, object], object]]] = {
    str: text,
    int: integer,
    float: _float,
    bool: _bool,
    Decimal: decimal_number,
    UUID: _uuid,
    datetime: aware_datetime,
    date: plain_date,
}
"""The check of each plain type that a one-field value may wrap."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII).fullmatch
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII).fullmatch
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE).fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII).fullmatch
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,15}(?:Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII).fullmatch

_READERS: Final[Mapping[type, tuple[Callable[[str], object], Callable[[str], object]]]] = {
    int: (_INTEGER, int),
    float: (_NUMBER, float),
    bool: ({"true": True, "false": True}.get, lambda written: written == "true"),
    Decimal: (_NUMBER, Decimal),
    UUID: (_UUID, UUID),
    datetime: (_DATETIME, datetime.fromisoformat),
    date: (_DATE, date.fromisoformat),
}


def from_wire(plain: type, value: object) -> object:
    """A plain value from the form in which JSON or a URL carries it; what is no such form comes back as it is."""
    if isinstance(value, str) and plain in _READERS:
        matches, read = _READERS[plain]
        try:
            return read(value) if matches(value) else value
        except ValueError:
            return value
    if plain is float and type(value) is int and abs(value) <= 2**53:
        return float(value)
    return value
