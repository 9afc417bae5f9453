"""The order of rows, as SQL has it."""

from collections.abc import Sequence
from typing import Any

from cleanarch_kit.domain.criteria import OrderKey

__all__ = ["position"]


class _Descending:
    """Turns an order round."""

    __slots__ = ("_value",)
    __hash__ = object.__hash__

    def __init__(self, value: Any) -> None:  # Any: whatever has an order
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self._value == other._value)

    def __lt__(self, other: "_Descending") -> bool:
        return bool(other._value < self._value)


def position(keys: Sequence[OrderKey], values: Sequence[Any]) -> tuple[tuple[int, object], ...]:
    """The place of some values in an order; places compare as the order wants it, nothing included."""
    return tuple(map(_place, keys, values))


def _place(key: OrderKey, value: object) -> tuple[int, object]:
    if value is None:
        return (0 if key.nulls_first else 2), 0
    return 1, _Descending(value) if key.descending else value
