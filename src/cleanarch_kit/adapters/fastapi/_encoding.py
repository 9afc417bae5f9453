"""Values in answers of routes without a response model, which FastAPI writes by a table of its own."""

from fastapi import encoders

from cleanarch_kit.application.hooks import json_default
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.domain.values.secret import Secret

__all__: list[str] = []

_encoders: dict[object, object] | None = getattr(encoders, "encoders_by_class_tuples", None)
if _encoders is not None:  # it is not documented, and an application without it wants a response model
    _encoders[json_default] = (ScalarValue, Secret)  # `Money` and other dataclasses are known to it
