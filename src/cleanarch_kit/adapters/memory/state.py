"""Copies in and out: what is stored shares nothing with the objects that were stored."""

import copy
from collections.abc import Hashable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["Held", "State", "capture", "rebuild", "restore"]

Held: TypeAlias = Any
"""Whatever a field of an entity may hold: it knows nothing of this module."""


class State(NamedTuple):
    """What an object was made of when it was captured; equal to another if type and parts are.

    Attributes:
        kind: type of the object.
        parts: its captured parts; for an entity a mapping by field.
    """

    kind: type[Held]
    parts: Held


class _Form:
    """How objects of a type are taken apart and put together; as it stands, for types that copy themselves."""

    def __init__(self, kind: type[Held]) -> None:
        self.kind = kind

    def take(self, value: Held) -> Held:
        return copy.deepcopy(value)

    def make(self, parts: Held) -> Held:
        return copy.deepcopy(parts)

    def renew(self, value: Held, parts: Held) -> Held:  # noqa: ARG002 - most are made anew
        """A value with this state, if it may be, the one that there is."""
        return self.make(parts)


def capture(value: Held) -> Held:
    """The state of a value, deep; a value that cannot change stands for itself."""
    kind: type[Held] = value.__class__
    form = _form(kind)
    return value if form is None else State(kind, form.take(value))


def rebuild(state: Held) -> Held:
    """A new value with a state, made without running a constructor."""
    if type(state) is not State:
        return state
    form = _form(state.kind)
    return state if form is None else form.make(state.parts)


def restore(entity: object, state: State) -> None:
    """Give an object the state of another one of its type, frozen or not.

    Objects in it that can be changed stay the same as far as they are still there: those of one id, or of one key in
    a dict.
    """
    for name, part in state.parts.items():
        object.__setattr__(entity, name, _renewed(getattr(entity, name, None), part))


def _renewed(value: Held, state: Held) -> Held:
    form = _form(state.kind) if type(state) is State else None
    return rebuild(state) if form is None or value.__class__ is not state.kind else form.renew(value, state.parts)


class _Items(_Form):
    def take(self, value: Held) -> Held:
        return tuple(map(capture, value))

    def make(self, parts: Held) -> Held:
        return self.kind(map(rebuild, parts))

    def renew(self, value: Held, parts: Held) -> Held:
        known = {identity: item for item in value if (identity := _identity(item)) is not None}
        states: Held = parts.values() if hasattr(parts, "values") else parts
        renewed = (_renewed(known.get(_identity(state)), state) for state in states)
        return self.kind(*renewed) if hasattr(self.kind, "_fields") else self.kind(renewed)


class _NamedItems(_Items):
    def make(self, parts: Held) -> Held:
        return self.kind(*map(rebuild, parts))


class _Members(_Items):
    def take(self, value: Held) -> Held:
        return {member: capture(member) for member in value}

    def make(self, parts: Held) -> Held:
        return self.kind(map(rebuild, parts.values()))


class _Entries(_Form):
    def take(self, value: Held) -> Held:
        return {key: capture(item) for key, item in value.items()}

    def make(self, parts: Held) -> Held:
        made = self.kind()
        made.update((key, rebuild(item)) for key, item in parts.items())
        return made

    def renew(self, value: Held, parts: Held) -> Held:
        made = self.kind()
        made.update((key, _renewed(value.get(key), item)) for key, item in parts.items())
        return made


class _Attributes(_Form):
    """A plain object: whatever attributes it has."""

    def take(self, value: Held) -> Held:
        return {name: capture(getattr(value, name)) for name in self.names(value)}

    def make(self, parts: Held) -> Held:
        made = object.__new__(self.kind)
        restore(made, State(self.kind, parts))
        return made

    def renew(self, value: Held, parts: Held) -> Held:
        frozen = is_dataclass(self.kind) and getattr(self.kind, "__dataclass_params__").frozen  # noqa: B009 - untold
        if frozen or _identity(value) != _identity(State(self.kind, parts)):
            return self.make(parts)
        restore(value, State(self.kind, parts))
        return value

    def names(self, value: Held) -> Iterator[str]:
        for owner in self.kind.__mro__:
            yield from (name for name in _slots(owner) if hasattr(value, name))
        yield from getattr(value, "__dict__", ())


class _Fields(_Attributes):
    """A dataclass: all fields but the private ones that its constructor does not take."""

    def __init__(self, kind: type[Held]) -> None:
        super().__init__(kind)
        its_fields: tuple[Field[Held], ...] = fields(kind)
        self._names = [field.name for field in its_fields if field.init or not field.name.startswith("_")]
        self._defaults: list[tuple[str, Held, Held]] = [
            (field.name, field.default_factory, field.default)
            for field in its_fields
            if field.name not in self._names and not (field.default is field.default_factory is MISSING)
        ]

    def make(self, parts: Held) -> Held:
        made = super().make(parts)
        for name, factory, default in self._defaults:
            object.__setattr__(made, name, default if factory is MISSING else factory())
        return made

    def names(self, value: Held) -> Iterator[str]:
        return (name for name in self._names if hasattr(value, name))


_UNCHANGING: tuple[type[Held], ...] = (
    *(NoneType, bool, int, float, complex, str, bytes, Decimal, UUID, date, datetime, time, timedelta, type),
    *(Enum, ScalarValue),
)
_BUILT_IN: dict[type[Held], type[_Form]] = {
    list: _Items,
    tuple: _Items,
    set: _Members,
    frozenset: _Members,
    dict: _Entries,
}
_forms: dict[type[Held], _Form | None] = {}


def _form(kind: type[Held]) -> _Form | None:
    """The form of a type, or None where its values cannot change."""
    if kind not in _forms:
        _forms[kind] = None if issubclass(kind, _UNCHANGING) else _form_class(kind)(kind)
    return _forms[kind]


def _form_class(kind: type[Held]) -> type[_Form]:
    if kind in _BUILT_IN:
        return _BUILT_IN[kind]
    if is_dataclass(kind):
        return _Fields
    copies_itself = any(hook is not getattr(object, hook.__name__) for hook in (kind.__reduce__, kind.__reduce_ex__))
    if copies_itself:
        return _Form
    if hasattr(kind, "_fields"):
        return _NamedItems
    return next((form for base, form in _BUILT_IN.items() if issubclass(kind, base)), _Attributes)


def _identity(value: Held) -> Held:
    """The id of an object, or of that of which this is the state; None where it has none to be found by."""
    found = rebuild(value.parts.get("id")) if _is_state_of_object(value) else getattr(value, "id", None)
    return found if isinstance(found, Hashable) else None


def _is_state_of_object(value: Held) -> bool:
    return type(value) is State and isinstance(_form(value.kind), _Attributes)


def _slots(owner: type[Held]) -> Iterator[str]:
    slots: Held = owner.__dict__.get("__slots__", ())
    for name in (slots,) if isinstance(slots, str) else slots:
        if name in ("__dict__", "__weakref__"):
            continue
        mangled = name.startswith("__") and not name.endswith("__")
        yield f"_{owner.__name__.lstrip('_')}{name}" if mangled else name
