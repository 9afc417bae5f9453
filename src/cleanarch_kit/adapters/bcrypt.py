"""Password hashing with bcrypt (extra ``bcrypt``)."""

import asyncio

from cleanarch_kit.application.extras import require

require("bcrypt", extra="bcrypt")

import bcrypt

from cleanarch_kit.domain.values.secret import Secret
from cleanarch_kit.errors import InvalidValueError

__all__ = ["BcryptPasswordHasher"]

_MAX_BYTES = 72


class BcryptPasswordHasher:
    """Hashes in a thread, so that the event loop goes on meanwhile; satisfies `PasswordHasher`.

    The hashes are ordinary ones (``$2b$``), which any other bcrypt can verify. Nothing is hashed in advance to make
    long passwords fit: bcrypt reads at most 72 bytes and stops at a NUL, so a password beyond that is refused.

    Args:
        rounds: the cost as a power of two, 4 to 31; each further round doubles the time. A hash keeps the cost that it
            was made with.
    """

    def __init__(self, rounds: int = 12) -> None:
        if not 4 <= rounds <= 31:
            raise ValueError("rounds must be from 4 to 31; 12 takes some hundred milliseconds")
        self._rounds = rounds

    async def hash(self, password: Secret | str) -> str:
        """Hash a password of at most 72 bytes in UTF-8 and without a NUL.

        Raises:
            InvalidValueError: the password is longer, holds a NUL, or is no Unicode text.
        """
        encoded = _encode(password)
        return (await asyncio.to_thread(self._hash, encoded)).decode("ascii")

    async def verify(self, password: Secret | str, hashed: str) -> bool:
        """Tell whether this is the password that was hashed; never raises because of what it is given."""
        try:
            encoded = _encode(password)
        except InvalidValueError:
            return False
        return await asyncio.to_thread(_matches, encoded, hashed)

    def _hash(self, encoded: bytes) -> bytes:
        return bcrypt.hashpw(encoded, bcrypt.gensalt(self._rounds))


def _encode(password: Secret | str) -> bytes:
    encoded = _utf8(password.reveal() if isinstance(password, Secret) else password)
    if encoded is None:
        raise InvalidValueError("Password", "must be Unicode text without lone surrogates")
    if len(encoded) > _MAX_BYTES:
        raise InvalidValueError("Password", f"must have at most {_MAX_BYTES} bytes in UTF-8")
    if b"\0" in encoded:
        raise InvalidValueError("Password", "must not contain a NUL character")
    return encoded


def _utf8(text: str) -> bytes | None:
    """The text in UTF-8; None instead of an error, which would hold the text."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def _matches(encoded: bytes, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(encoded, hashed.encode("ascii"))
    except ValueError:  # also UnicodeEncodeError: whatever this is, bcrypt did not make it
        return False
