"""Port of idempotency: remembers which requests were handled, and with what result."""

from typing import Protocol

__all__ = ["IdempotencyClaim", "IdempotencyStore"]


class IdempotencyClaim(Protocol):
    """The right to handle a request, or the result that it had."""

    @property
    def result(self) -> bytes | None:
        """What `complete` stored for this request; None if the holder of this claim is to handle it."""
        ...

    async def complete(self, result: bytes, /) -> None:
        """Store the result, so that it is what every later claim of the same key finds.

        Raises:
            IdempotencyConflictError: the claim had ended by itself, and somebody else took the key meanwhile. What they
                did stays.
        """
        ...

    async def release(self) -> None:
        """Give the claim back: nothing was done, and the next one who asks may do it."""
        ...


class IdempotencyStore(Protocol):
    """Remembers requests by key.

    Of all who claim one key, one gets a claim without a result. The others wait until that one is completed or
    released, or are refused at once: which of the two, the store documents. A claim that its holder neither completes
    nor releases, because the process died, ends by itself.
    """

    async def claim(self, key: str, /) -> IdempotencyClaim:
        """Claim a key, or get its result.

        Raises:
            IdempotencyConflictError: somebody else holds it.
        """
        ...
