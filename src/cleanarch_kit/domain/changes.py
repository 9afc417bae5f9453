"""Changing many entities at once: what a lambda over the entity says about it, field by field."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeAlias, TypeVar, cast

from cleanarch_kit.domain._primitives import text
from cleanarch_kit.domain.criteria import Field
from cleanarch_kit.domain.field_types import Declared, Items, fields_of, is_composite
from cleanarch_kit.domain.stand_ins import TracedCondition, TracedField, traced_field
from cleanarch_kit.domain.value_object import ScalarValue

__all__ = ["Assignment", "ChangedField", "Changes", "change", "trace_changes"]

T = TypeVar("T")

_KEPT = {
    "id": "an entity keeps its identity: delete it, and add another one",
    "version": "the version is not assigned: it is counted with every change",
}
_OWNED = "it holds objects, which are changed through their aggregate"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A field of the entity, and the value that it gets: plain, a value object, an enum member, or None."""

    field: Field
    value: object


Changes: TypeAlias = Callable[[T], Assignment | tuple[Assignment, ...]]
"""A lambda over the entity that says what becomes of it, for example ``lambda u: change(u.active).to(False)``; in a
tuple where several fields change."""


class ChangedField(Generic[T]):
    """A field that is about to get a value. Made by `change`."""

    __slots__ = ("_declared", "_field")

    def __init__(self, field: Field, declared: type | None) -> None:
        self._field = field
        self._declared = declared

    def to(self, value: T) -> Assignment:
        """Give every entity this value, which is known before: it is no other field.

        Raises:
            TypeError: the field cannot have this value.
            InvalidValueError: it is text that no store can hold.
        """
        return Assignment(self._field, _checked(value, self._field, self._declared))


def change(field: T) -> ChangedField[T]:
    """Change a field of many entities: ``change(u.role).to("guest")``.

    The field is changed as a whole: a part of a value is not, because the value would not be checked.

    Raises:
        TypeError: it is no field of the entity, or one that cannot be changed.
    """
    traced, declared = traced_field(field, "change()")
    name, *parts = traced.path
    if parts:
        raise TypeError(f"{traced} is a part of a value, which is changed as a whole: change(u.{name}).to(value)")
    reason = _KEPT.get(name) or (_OWNED if _holds_objects(declared) else None)
    if reason:
        raise TypeError(f"{traced} cannot be changed: {reason}")
    return ChangedField(traced, None if isinstance(declared, Items) else declared)


def trace_changes(changes: Changes[T], entity: type[T] | None = None) -> tuple[Assignment, ...]:
    """Call a lambda that changes an entity with a stand-in, and return what it changes.

    Args:
        changes: the lambda.
        entity: the entity's class. With it, an unknown field is an error here; without it, the adapter's.

    Raises:
        TypeError: the lambda gives something else than changes, or changes a field twice.
    """
    result: object = changes(cast("T", TracedField(Field(()), entity)))
    entries: tuple[object, ...] = cast("tuple[object, ...]", result) if isinstance(result, tuple) else (result,)
    found = tuple(entry for entry in entries if isinstance(entry, Assignment))
    if not found or len(found) < len(entries):
        raise TypeError("changes are written as lambda u: change(u.name).to(value), several of them in a tuple")
    if len({assignment.field for assignment in found}) < len(found):
        raise TypeError("a field is changed once: two values are given for the same one")
    return found


def _holds_objects(declared: Declared) -> bool:
    """Whether a field holds what an aggregate owns: several objects, or one with an identity."""
    if isinstance(declared, Items):
        return declared.type is not None and bool(fields_of(declared.type))
    return is_composite(declared) and declared is not None and "id" in (fields_of(declared) or ())


def _checked(value: object, field: Field, declared: type | None) -> object:
    if isinstance(value, TracedField | TracedCondition):
        raise TypeError(f"change(u.{field}) takes a value that is known before, not another field")
    if value is None:
        return None
    if declared is not None and _is_value_class(declared) and not isinstance(value, declared):
        raise TypeError(f"change(u.{field}) takes a {declared.__name__}, not a value of type {type(value).__name__}")
    return text("text in a change", value) if isinstance(value, str) and not isinstance(value, Enum) else value


def _is_value_class(declared: type[object]) -> bool:
    return issubclass(declared, ScalarValue | Enum) or is_composite(declared)
