from cleanarch_kit.domain import Secret
from cleanarch_kit.errors import InvalidValueError

__all__ = ["Password"]


class Password(Secret):
    """A password that somebody chose. It shows itself nowhere, see `Secret`; what is stored is its hash.

    How long it may be depends on who hashes it, and is said there.
    """

    __slots__ = ()

    def __init__(self, value: str) -> None:
        """Take a password of at least 8 characters."""
        super().__init__(value)
        if len(value) < 8:
            raise InvalidValueError(type(self).__name__, "must have at least 8 characters")
