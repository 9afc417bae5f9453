"""`InMemoryIdempotencyStore`: remembers requests in this process."""

from datetime import datetime, timedelta

from cleanarch_kit.application.ports.idempotency import IdempotencyClaim
from cleanarch_kit.domain.clock import Clock, SystemClock
from cleanarch_kit.errors import IdempotencyConflictError

__all__ = ["InMemoryIdempotencyStore"]


class InMemoryIdempotencyStore:
    """Remembers requests as long as this process lives; an `IdempotencyStore`.

    A key that somebody else holds is refused at once. It knows nothing of units of work, so give it to an
    `Idempotency` outside of the scope.

    Args:
        keep: how long a result is kept after it was stored.
        lease: how long a claim holds that is neither completed nor released; more than a handler ever takes.
        clock: tells the time.
    """

    def __init__(
        self,
        *,
        keep: timedelta = timedelta(days=1),
        lease: timedelta = timedelta(minutes=5),
        clock: Clock | None = None,
    ) -> None:
        self._keep = keep
        self._lease = lease
        self._clock = clock or SystemClock()
        self._claims: dict[str, _Claim] = {}

    async def claim(self, key: str, /) -> IdempotencyClaim:
        """Claim a key, or get its result. See `IdempotencyStore`."""
        now = self._clock.now()
        known = self._claims.get(key)
        if known is not None and now < known.ends_at:
            if known.result is None:
                raise IdempotencyConflictError
            return known
        self._forget_ended(now)
        claim = self._claims[key] = _Claim(self, key, now + self._lease)
        return claim

    def complete(self, claim: "_Claim", result: bytes) -> None:
        """Keep a result under the claim's key, unless somebody else holds the key by now."""
        if self._claims.setdefault(claim.key, claim) is not claim:
            raise IdempotencyConflictError
        claim.result = result
        claim.ends_at = self._clock.now() + self._keep

    def release(self, claim: "_Claim") -> None:
        """Free the claim's key, unless somebody else holds it by now."""
        if self._claims.get(claim.key) is claim:
            del self._claims[claim.key]

    def _forget_ended(self, now: datetime) -> None:
        for key in [key for key, claim in self._claims.items() if claim.ends_at <= now]:
            del self._claims[key]


class _Claim:
    def __init__(self, store: InMemoryIdempotencyStore, key: str, ends_at: datetime) -> None:
        self._store = store
        self.key = key
        self.ends_at = ends_at
        self.result: bytes | None = None

    async def complete(self, result: bytes, /) -> None:
        self._store.complete(self, result)

    async def release(self) -> None:
        self._store.release(self)
