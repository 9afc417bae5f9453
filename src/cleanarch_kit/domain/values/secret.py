"""`Secret`: text that does not show itself."""

from typing import Final, NoReturn, Self

from cleanarch_kit.domain._primitives import text
from cleanarch_kit.domain._pydantic import MASK, masked_schema
from cleanarch_kit.errors import InvalidValueError

__all__ = ["Secret"]

_LONGEST: Final = 65_536


class Secret:
    """A password, a token, a key: text that shows asterisks wherever a value shows itself.

    `repr`, `str`, `format`, logging, JSON and the errors of pydantic show no part of it and not its length. What is
    needed in the clear is taken out by `reveal`, which is easy to search for. Equality is tested in constant time.
    A secret has no order and no column; store what a `PasswordHasher` makes of it. Pickle carries it in the
    clear, as it must to bring it to another process.

    Args:
        value: 1 to 65536 characters.

    Raises:
        InvalidValueError: it is no text, or empty, or too long; never with the input.
    """

    __slots__ = ("_revealed",)

    _revealed: str

    def __init__(self, value: str) -> None:
        revealed = text(type(self).__name__, value)
        if not 1 <= len(revealed) <= _LONGEST:
            raise InvalidValueError(type(self).__name__, f"must have from 1 to {_LONGEST} characters")
        object.__setattr__(self, "_revealed", revealed)

    def reveal(self) -> str:
        """The text in the clear."""
        return self._revealed

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        from hmac import compare_digest  # noqa: PLC0415 - brings OpenSSL, for the few that compare secrets

        return compare_digest(self._revealed.encode(), other._revealed.encode())

    def __hash__(self) -> int:
        return hash((type(self), self._revealed))

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK!r})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: build a new one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: build a new one")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._revealed,)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> object:
        return masked_schema(cls, lambda value: cls(text(cls.__name__, value)), lambda _: MASK)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, object]:
        return {
            "title": cls.__name__,
            "type": "string",
            "format": "password",
            "writeOnly": True,
            "minLength": 1,
            "maxLength": _LONGEST,
        }
