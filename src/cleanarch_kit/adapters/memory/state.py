"""Copies in and out: what is stored shares nothing with the objects that were stored."""

import copy
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, Final, NamedTuple
from uuid import UUID

from cleanarch_kit.domain.entity import Entity
from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["State", "capture", "field_states", "rebuild", "restore", "with_fields"]

_ATOMS: Final = frozenset(
    {NoneType, bool, int, float, complex, str, bytes, Decimal, UUID, datetime, date, time, timedelta, type}
)


class State(NamedTuple):
    """What an object was made of when it was captured; equal to another if type and parts are.

    Attributes:
        kind: type of the object.
        parts: its captured parts: a tuple, or a dict by name or key.
    """

    kind: type[Any]
    parts: Any  # Any: a tuple, a dict, or for a type unknown to us a private copy


class _Unset(Enum):
    UNSET = "a field that has no value"


def capture(value: Any) -> Any:  # noqa: ANN401 - any object that a field may hold
    """The state of a value, deep; values that cannot change stand for themselves."""
    kind = type(value)
    if kind in _ATOMS or isinstance(value, Enum | ScalarValue) or _is_frozen_value(value):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return State(kind, tuple(map(capture, value)) if isinstance(value, list | tuple) else frozenset(value))
    if isinstance(value, dict):
        return State(kind, {key: capture(item) for key, item in value.items()})
    if is_dataclass(kind):
        return State(kind, {name: capture(getattr(value, name, _Unset.UNSET)) for name in _stored_fields(kind)})
    names = _attributes(value)
    if names is None:
        return State(kind, copy.deepcopy(value))
    return State(kind, {name: capture(getattr(value, name)) for name in names})


def rebuild(state: Any) -> Any:  # noqa: ANN401 - any object that a field may hold
    """A new value with a state, made without running a constructor."""
    if type(state) is not State:
        return state
    kind, parts = state
    if isinstance(parts, dict) and not issubclass(kind, dict):
        made = object.__new__(kind)
        restore(made, state)
        return made
    if isinstance(parts, dict):
        return kind({key: rebuild(item) for key, item in parts.items()})
    if issubclass(kind, tuple):
        return tuple.__new__(kind, map(rebuild, parts))
    if issubclass(kind, list | set | frozenset):
        return kind(map(rebuild, parts))
    return copy.deepcopy(parts)


def restore(entity: object, state: State) -> None:
    """Give an object the state of another one of its type, frozen or not."""
    for name, part in state.parts.items():
        if part is not _Unset.UNSET:
            object.__setattr__(entity, name, rebuild(part))
    for name, default in _defaults(state.kind):
        if not hasattr(entity, name):
            object.__setattr__(entity, name, default())


def field_states(state: State) -> dict[str, object]:
    """The captured fields of an entity."""
    parts: dict[str, object] = state.parts
    return parts


def with_fields(state: State, changes: dict[str, object]) -> State:
    """The state of an entity with some fields in another one."""
    return State(state.kind, {**state.parts, **changes})


def _is_frozen_value(value: object) -> bool:
    """Whether it is a frozen dataclass, all the way down, that is compared by its fields."""
    if not _is_frozen_type(type(value)):
        return False
    try:
        hash(value)
    except TypeError:  # it holds something that can change
        return False
    return True


@lru_cache(maxsize=None)
def _is_frozen_type(kind: type) -> bool:
    parameters = getattr(kind, "__dataclass_params__", None)
    return bool(parameters and parameters.frozen and parameters.eq) and not issubclass(kind, Entity)


@lru_cache(maxsize=None)
def _stored_fields(kind: type[Any]) -> tuple[str, ...]:
    """Every field, but for private ones that the constructor does not take: those are none of the store's business."""
    return tuple(field.name for field in fields(kind) if field.init or not field.name.startswith("_"))


@lru_cache(maxsize=None)
def _defaults(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    if not is_dataclass(kind):
        return ()
    stored = _stored_fields(kind)
    return tuple(
        (
            field.name,
            field.default_factory if field.default_factory is not MISSING else lambda field=field: field.default,
        )
        for field in fields(kind)
        if field.name not in stored and (field.default_factory is not MISSING or field.default is not MISSING)
    )


def _attributes(value: object) -> list[str] | None:
    """Names of an object's attributes, or None where it keeps its state out of sight."""
    slots = [name for owner in type(value).__mro__ for name in _slots(owner) if hasattr(value, name)]
    if hasattr(value, "__dict__"):
        return [*slots, *vars(value)]
    return slots or None


def _slots(owner: type) -> Iterator[str]:
    slots: str | tuple[str, ...] = owner.__dict__.get("__slots__", ())
    for name in (slots,) if isinstance(slots, str) else slots:
        if name not in ("__dict__", "__weakref__"):
            yield f"_{owner.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
