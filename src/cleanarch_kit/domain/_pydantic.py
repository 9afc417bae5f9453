"""What pydantic asks of a value object, as plain data.

pydantic looks for two class methods on a type, `__get_pydantic_core_schema__` and `__get_pydantic_json_schema__`,
and takes a dict from each. Building these dicts needs no import, so the domain stays free of pydantic, and the wire
format of a value does not depend on which module was imported first.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

__all__ = ["JSON_SCHEMAS", "MASK", "composite_schema", "json_value", "masked_schema", "scalar_schema"]

MASK = "**********"
"""What is shown in place of what must not be seen."""

JSON_SCHEMAS: dict[type, dict[str, object]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Decimal: {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
}
"""JSON schema of each plain type that a one-field value may wrap."""


def json_value(plain: object) -> object:
    """The JSON form of a plain value: itself where JSON has it, else its canonical text."""
    if plain is None or isinstance(plain, str | int | float):
        return plain
    if isinstance(plain, date):
        return plain.isoformat()
    return str(plain)


def scalar_schema(value_type: type, build: Callable[[object], object], plain: Callable[[object], object]) -> object:
    """Core schema of a one-field value: an instance passes, everything else goes through its constructor.

    Args:
        value_type: the value object's class.
        build: makes a value from what came in, or raises a `ValueError`.
        plain: takes the JSON form out of a value.
    """

    def validate(value: object) -> object:
        return value if isinstance(value, value_type) else build(value)

    return _with_serialization(_plain_validator(validate), plain)


def masked_schema(value_type: type, build: Callable[[object], object], plain: Callable[[object], object]) -> object:
    """Like `scalar_schema`, for values whose input must not show up in an error.

    pydantic puts the input of the failing step into the error. So the first step hides it, and the second, which may
    fail, sees nothing but the cover.
    """

    def unmask(cover: object) -> object:
        hidden = cover.hidden if isinstance(cover, _Masked) else cover
        return hidden if isinstance(hidden, value_type) else build(hidden)

    steps = [_plain_validator(_Masked), _plain_validator(unmask)]
    return _with_serialization({"type": "chain", "steps": steps}, plain)


def composite_schema(cls: type, parts: Mapping[str, Mapping[str, object]]) -> object:
    """Core schema of a frozen slotted dataclass whose fields must not be converted on their way in.

    pydantic's own would make the integer 1 of 1.0, of "1" and of true. To wrap that one is no way out: from the second
    field of the type on, pydantic refers to the schema inside the wrapping.

    Args:
        cls: the dataclass.
        parts: core schema of each field.
    """
    fields = [{"type": "dataclass-field", "name": name, "schema": dict(schema)} for name, schema in parts.items()]
    return {
        "type": "dataclass",
        "cls": cls,
        "ref": f"{cls.__module__}.{cls.__qualname__}:{id(cls)}",
        "schema": {"type": "dataclass-args", "dataclass_name": cls.__name__, "fields": fields},
        "fields": list(parts),
        "post_init": True,
        "slots": True,
        "frozen": True,
    }


class _Masked(str):
    """Text that shows asterisks and carries something else."""

    __slots__ = ("hidden",)
    hidden: object

    def __new__(cls, hidden: object) -> "_Masked":
        cover = super().__new__(cls, MASK)
        cover.hidden = hidden
        return cover


def _plain_validator(function: Callable[[object], object]) -> dict[str, object]:
    return {"type": "function-plain", "function": {"type": "no-info", "function": function}}


def _with_serialization(schema: dict[str, object], plain: Callable[[object], object]) -> dict[str, object]:
    return {**schema, "serialization": {"type": "function-plain", "function": plain, "when_used": "json"}}
