"""What a criterion may compare a field with."""

from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from uuid import UUID

from cleanarch_kit.domain._primitives import text
from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["operand"]

_PLAIN = (bool, int, float, Decimal, str, bytes, UUID, datetime, date, time, timedelta, Enum, ScalarValue)


def operand(value: object, field: str) -> object:
    """Return a value that a field may be compared with.

    Raises:
        TypeError: its type cannot be stored in a field.
        InvalidValueError: it is text that no store can hold.
    """
    given = value
    if isinstance(value, str) and not isinstance(value, Enum):
        return text("text in a criterion", value)
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise TypeError(f"{field} is compared with a naive datetime, which names no instant: give it a time zone")
    if isinstance(value, float | Decimal) and not isfinite(value):
        raise TypeError(f"{field} is compared with {value}, which equals and orders nothing: use a finite number")
    if isinstance(value, _PLAIN) or (is_dataclass(value) and not isinstance(value, type)):
        return given
    raise TypeError(
        f"{field} cannot be compared with a value of type {type(value).__name__}:"
        " use a plain value, a value object or an enum member; for several values write one_of(field, values)"
    )
