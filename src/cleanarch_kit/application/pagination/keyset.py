"""An order in which every entity has a place of its own, and pages along it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar

from cleanarch_kit.application.pagination.pages import CursorPage, CursorRequest
from cleanarch_kit.domain.criteria import Field, Ordering, OrderKey
from cleanarch_kit.domain.field_types import fields_of
from cleanarch_kit.domain.tracing import trace_ordering
from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["Keyset", "cursor_page", "keyset_of"]

T = TypeVar("T")

_ID = ("id",)


@dataclass(frozen=True, slots=True)
class Keyset:
    """An order that ends with the identity.

    Attributes:
        keys: the order keys; the last one, or the last ones for an identity of several parts, are the identity.
        types: plain types of the keys, None where they are not known.
        fingerprint: tells cursors of this order from those of others; the same in every process.
    """

    keys: tuple[OrderKey, ...]
    types: tuple[type | None, ...]
    fingerprint: str


def keyset_of(ordering: Ordering[T] | None, entity_type: type[T], id_type: type | None) -> Keyset:
    """Complete an order with the identity, in the direction of the key before it.

    What stands behind an explicit identity is dropped, since it orders nothing.

    Args:
        ordering: the order that was asked for, None for that of the identity alone.
        entity_type: type of the entities.
        id_type: type of their identity, if it is known.

    Raises:
        TypeError: the ordering gives something else than fields.
    """
    keys = () if ordering is None else trace_ordering(ordering, entity_type)
    owner: type = entity_type
    return _completed(keys, owner, id_type)


@lru_cache(maxsize=1024)
def _completed(keys: tuple[OrderKey, ...], entity_type: type, id_type: type | None) -> Keyset:
    paths = [key.field.path for key in keys]
    if _ID in paths:
        keys = keys[: paths.index(_ID) + 1]
    else:
        descending = bool(keys) and keys[-1].descending
        keys += tuple(OrderKey(Field(path), descending, nulls_first=False) for path in _identity(id_type))
    shape = repr((entity_type.__qualname__, [(key.field.path, key.descending, key.nulls_first) for key in keys]))
    types = tuple(_plain_type(entity_type, id_type, key.field.path) for key in keys)
    return Keyset(keys, types, sha256(shape.encode()).hexdigest()[:16])


def _identity(id_type: type[Any] | None) -> list[tuple[str, ...]]:
    if id_type is not None and is_dataclass(id_type):
        return [(*_ID, part.name) for part in fields(id_type)]
    return [_ID]


def _plain_type(entity_type: type, id_type: type | None, path: tuple[str, ...]) -> type | None:
    owners: list[type | None] = [entity_type]
    for name in path:
        owner = owners[-1]
        known = None if owner is None else (fields_of(owner) or {}).get(name)
        known = known if isinstance(known, type) else None
        owners.append(id_type if len(owners) == 1 and name == "id" and id_type is not None else known)
    return _content_type(owners[-1])


def _content_type(kind: type | None) -> type | None:
    """What values of a type are compared by: the content of one-field values and enum members, else themselves."""
    if kind is not None and ScalarValue in kind.__mro__:
        content: type | None = getattr(kind, "value_type", None)
        return content
    if kind is not None and Enum in kind.__mro__:
        members: Mapping[str, Enum] = getattr(kind, "__members__", {})
        contents: set[type] = {type(member.value) for member in members.values()}
        return contents.pop() if len(contents) == 1 else None
    return kind


def cursor_page(found: Sequence[T], request: CursorRequest, cursor_of: Callable[[T], str]) -> CursorPage[T]:
    """Make a page of what was found.

    Args:
        found: up to one more than the page holds, beginning next to the cursor: for ``before`` in reverse order.
        request: what was asked for.
        cursor_of: the cursor of one of them.
    """
    backwards = request.before is not None
    more = len(found) > request.size
    items = tuple(found[: request.size])
    if not items:
        return CursorPage((), None, None)
    if backwards:
        items = items[::-1]
    follows, precedes = (True, more) if backwards else (more, request.after is not None)
    return CursorPage(items, cursor_of(items[-1]) if follows else None, cursor_of(items[0]) if precedes else None)
