"""Values in answers of routes without a response model, which FastAPI writes by a table of its own."""

from fastapi.encoders import encoders_by_class_tuples

from cleanarch_kit.application.hooks import json_default
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.domain.values.secret import Secret

__all__: list[str] = []

encoders_by_class_tuples[json_default] = (ScalarValue, Secret)  # `Money` and other dataclasses are known to it
