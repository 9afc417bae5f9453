"""`NonEmptyStr`: text that says something."""

from collections.abc import Mapping
from typing import ClassVar

from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import InvalidValueError

__all__ = ["NonEmptyStr"]


class NonEmptyStr(ScalarValue[str]):
    """Text with at least one visible character, without the white space around it.

    A thousand characters at most; a subclass sets its own limit: ``class Title(NonEmptyStr): max_length = 80``.
    """

    __slots__ = ()

    max_length = 1000
    json_schema: ClassVar[Mapping[str, object]] = {"minLength": 1}

    @classmethod
    def validate(cls, value: object) -> str:
        """Return the text without the white space around it. See `ScalarValue.validate`."""
        text = super().validate(value.strip() if isinstance(value, str) else value)
        if not any(character.isprintable() and not character.isspace() for character in text):
            raise InvalidValueError(cls.__name__, "must have at least one visible character")
        return text
