from cleanarch_kit.domain import NonEmptyStr
from cleanarch_kit.errors import InvalidValueError

__all__ = ["UserName"]


class UserName(NonEmptyStr):
    """What somebody wants to be called: up to 200 printable characters, without white space around them."""

    __slots__ = ()

    max_length = 200

    @classmethod
    def validate(cls, value: object) -> str:
        """Return the name without the white space around it."""
        name = super().validate(value)
        if not name.isprintable():
            raise InvalidValueError(cls.__name__, "must not contain control characters")
        return name
