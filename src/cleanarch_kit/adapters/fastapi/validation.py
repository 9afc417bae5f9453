"""What a client reads about a request that does not fit: fields and rules, never what it sent."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast, get_args

from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from cleanarch_kit.adapters.fastapi.problems import FieldError
from cleanarch_kit.errors import InputError, InvalidCursorError, InvalidSortError, InvalidValueError

__all__ = ["field_errors", "field_errors_of_input"]

_FIXED_TEXTS = frozenset(get_args(ErrorType)) - {"value_error", "assertion_error", "union_tag_invalid"}
_TALKATIVE = ("_parsing", "_invalid", "_violation", "_encoding")
_UNSAYABLE = "is not acceptable"
_LONGEST_NAME = 100
_SHORTEST_ECHO = 3
_LARGEST_NUMBER = 10**18


def field_errors(errors: Sequence[ErrorDetails]) -> list[FieldError]:
    """Turn the errors of a ``RequestValidationError`` into fields and messages without the input."""
    return [FieldError(field=_name(error), message=_message(error)) for error in errors]


def field_errors_of_input(error: InputError) -> list[FieldError]:
    """The field that an input error of cleanarch_kit is about.

    A value object does not know where its input came from: refused outside the parsing of a request, the field is
    named after its type, ``UserName`` as ``user_name``.
    """
    match error:
        case InvalidValueError(value_type=value_type):
            return [FieldError(field=_snake_case(value_type), message=str(error))]
        case InvalidCursorError():
            return [FieldError(field="cursor", message=str(error))]
        case InvalidSortError():
            return [FieldError(field="sort", message=str(error))]
        case _:
            field = getattr(error, "field", None)
            return [FieldError(field=field, message=str(error))] if isinstance(field, str) else []


def _name(error: ErrorDetails) -> str:
    source, *path = map(str, error["loc"] or ("body",))
    if error["type"] == "json_invalid" or not path:  # where invalid JSON breaks is a position, not a field
        return source
    name = ".".join(path)[:_LONGEST_NAME]  # an unknown key is named, and it is the client's own text
    return "".join(character if character.isprintable() else "?" for character in name)


def _message(error: ErrorDetails) -> str:
    kind, message = error["type"], error["msg"]
    if kind in _FIXED_TEXTS:
        if kind.endswith(_TALKATIVE):  # "Input should be a valid UUID, invalid character: found `x` at 1"
            return message.partition(",")[0].partition(":")[0]
        return message
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return _UNSAYABLE if _echoes(message, error.get("input")) else message


def _echoes(message: str, given: object) -> bool:
    """Whether a message that a validator of the application wrote holds what the client sent, in any case."""
    folded = message.casefold()
    return any(len(text) >= _SHORTEST_ECHO and text.casefold() in folded for text in map(_text, _parts(given)))


def _parts(given: object) -> Iterable[object]:
    if isinstance(given, Mapping):
        return cast("Mapping[object, object]", given).values()
    return cast("list[object]", given) if isinstance(given, list) else [given]


def _text(part: object) -> str:
    if isinstance(part, int | float) and not isinstance(part, bool) and abs(part) < _LARGEST_NUMBER:
        return str(part)
    return part if isinstance(part, str) else ""


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
