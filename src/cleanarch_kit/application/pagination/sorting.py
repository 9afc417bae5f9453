"""The order that a client may ask for by name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

from cleanarch_kit.domain.criteria import Ordering, OrderKey
from cleanarch_kit.domain.tracing import trace_ordering
from cleanarch_kit.errors import InvalidSortError

__all__ = ["SortFields", "ordering_from_text"]

T = TypeVar("T")

SortFields: TypeAlias = Mapping[str, Ordering[T]]
"""An allow-list: the names that text from outside may use, each with the order that it stands for."""


def ordering_from_text(fields: SortFields[T], text: str | None) -> Ordering[T] | None:
    """The order that a text such as ``"-created,name"`` asks for.

    Args:
        fields: the names that are allowed.
        text: names with a comma between them, each with a minus sign in front for the opposite direction. None or
            empty for no order.

    Raises:
        InvalidSortError: a name is not allowed, or stands there twice.
    """
    if not text:
        return None
    names = text.split(",", maxsplit=len(fields))
    bare = [name.removeprefix("-") for name in names]
    if len(set(bare)) < len(bare) or not fields.keys() >= set(bare):
        raise InvalidSortError(tuple(fields))

    def ordering(_: T) -> tuple[OrderKey, ...]:
        return tuple(key for name in names for key in _keys(fields, name))

    return ordering


def _keys(fields: SortFields[T], name: str) -> tuple[OrderKey, ...]:
    reverse = name.startswith("-")
    keys = trace_ordering(fields[name.removeprefix("-")])
    return tuple(replace(key, descending=key.descending is not reverse) for key in keys)
