"""Which values can be handed to several callers at once."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TypeGuard
from uuid import UUID

from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["is_immutable"]

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, Decimal, UUID, date, datetime, time, timedelta})


def is_immutable(value: object) -> bool:
    """Whether nothing in a value can be changed, down to its last part, so that callers may share it.

    Tuples, frozen sets, enums, value objects and frozen dataclasses are, if all that they hold is. Of other types it
    is not known, and False is the answer.
    """
    if type(value) in _PLAIN or isinstance(value, Enum | ScalarValue):
        return True
    if _is_container(value):
        return all(map(is_immutable, value))
    parameters = getattr(value, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        return False
    return all(is_immutable(getattr(value, name, None)) for name in getattr(value, "__dataclass_fields__", ()))


def _is_container(value: object) -> TypeGuard[Iterable[object]]:
    return isinstance(value, tuple | frozenset)
