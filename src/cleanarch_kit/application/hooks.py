"""Hooks that teach JSON, msgspec and Celery the kit's value objects.

pydantic needs none of them, and so FastAPI does not either.

    json.dumps(order, default=json_default)
    msgspec.json.encode(order, enc_hook=enc_hook)
    msgspec.json.decode(data, type=Order, dec_hook=dec_hook)
    kombu.utils.json.register_type(Email, "Email", enc_hook, Email.parse)
"""

from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from cleanarch_kit.domain._pydantic import json_value
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.domain.values.secret import Secret

__all__ = ["dec_hook", "enc_hook", "json_default"]


def enc_hook(value: object) -> object:
    """The plain form of a value object, for ``msgspec.json.encode(..., enc_hook=enc_hook)``.

    A one-field value becomes what it holds, a secret asterisks. Dataclasses, `Money` among them, msgspec knows.

    Raises:
        NotImplementedError: it is nothing of ours; that is how msgspec is told.
    """
    given: Any = value
    if isinstance(value, ScalarValue):
        return given.value
    if isinstance(value, Secret):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no plain form")


def dec_hook(kind: type, value: object) -> object:
    """A value object from its plain form, for ``msgspec.json.decode(..., dec_hook=dec_hook)``.

    Raises:
        InvalidValueError: the value object refuses it; msgspec makes a `ValidationError` with a path of it.
        NotImplementedError: the type is none of ours; that is how msgspec is told.
    """
    built: Any = kind
    if issubclass(kind, ScalarValue):
        return built.parse(value)
    if issubclass(kind, Secret):
        return built(value)
    raise NotImplementedError(f"{kind.__name__} is built from no plain form")


def json_default(value: object) -> object:
    """The JSON form of a value that `json` does not know, for ``json.dumps(..., default=json_default)``.

    Value objects, ids and secrets as `enc_hook` has them; decimals, UUIDs and times as text; enum members as what
    they hold; dataclasses, such as `Money` and events, as an object of their public fields.

    Raises:
        TypeError: it has no JSON form.
    """
    given: object = value
    if isinstance(value, ScalarValue | Secret):
        return json_value(enc_hook(given))
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value) if not field.name.startswith("_")}
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
