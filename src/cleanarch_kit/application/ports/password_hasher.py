"""Turning passwords into what may be stored."""

from typing import Protocol

from cleanarch_kit.domain.values.secret import Secret

__all__ = ["PasswordHasher"]


class PasswordHasher(Protocol):
    """Hashes passwords slowly on purpose, without holding up the event loop.

    Neither method keeps, logs or shows a password. A call that is cancelled leaves nothing behind, though the work
    already begun may run to its end in the background.
    """

    async def hash(self, password: Secret | str) -> str:
        """Hash a password with a salt of its own: two calls never give the same text.

        Returns:
            Plain ASCII that holds everything `verify` needs, such as salt and cost.

        Raises:
            InvalidValueError: this algorithm cannot hash the password as a whole. No part is ever dropped in silence.
        """
        ...

    async def verify(self, password: Secret | str, hashed: str) -> bool:
        """Tell whether this is the password that was hashed.

        Whatever is given is answered with True or False: text that is no hash of this algorithm matches nothing, and
        neither does a password that `hash` would refuse.
        """
        ...
