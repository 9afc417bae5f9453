"""`RedisIdempotencyStore`: requests remembered by all processes that share a Redis."""

from datetime import timedelta
from secrets import token_urlsafe
from typing import Self

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from cleanarch_kit.adapters.redis._scripts import CLAIM, COMPLETE, RELEASE_LOCK
from cleanarch_kit.adapters.redis.timed_client import TimedClient, client_maker
from cleanarch_kit.application.ports.idempotency import IdempotencyClaim
from cleanarch_kit.errors import DefinitionError, IdempotencyConflictError, TransientError

__all__ = ["RedisIdempotencyStore"]

_NO_REPLY = (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError)
_TAKEN = 0
_DAY = timedelta(days=1)
_LEASE = timedelta(minutes=5)


class RedisIdempotencyStore:
    """Remembers requests in a Redis server (4 or newer, or Valkey; not a cluster); an `IdempotencyStore`.

    A key that somebody else holds is refused at once. It knows nothing of units of work, so give it to an
    `Idempotency` outside of the scope. Where an effect must happen exactly once, keep its result in the effect's own
    transaction instead: this store forgets what its server loses by a crash or a failover, or evicts.

    Each claim has a random token, which every command carries. So a command whose reply was lost is sent once more
    without doing anything twice, and who finishes after the claim had ended, and somebody else took it, overwrites
    nothing. A claim whose caller was cancelled before it knew that it had one is given back.

    Every key lies under `prefix` and has a time to live, `lease` until it is completed and `keep` from then on. Time is
    the server's. It may be used in one event loop after another, like `RedisCacheBackend`.

    Args:
        client: made by somebody else, and stays open when this is closed. It must not decode responses.
        prefix: what its keys begin with; programs that share a server need different ones.
        keep: how long a result is kept after it was stored.
        lease: how long a claim holds that is neither completed nor released; more than a handler ever takes.
        timeout: seconds after which a command is given up, connecting included, waiting for its turn not.
        concurrency: commands under way at one time; others wait their turn.

    Raises:
        DefinitionError: the client decodes responses, or `keep` or `lease` is less than a millisecond.
    """

    def __init__(
        self,
        client: Redis,
        *,
        prefix: str = "idempotency:",
        keep: timedelta = _DAY,
        lease: timedelta = _LEASE,
        timeout: float = 2.0,
        concurrency: int = 16,
    ) -> None:
        self._client = TimedClient("RedisIdempotencyStore", client, timeout=timeout, concurrency=concurrency)
        self._prefix = prefix
        self._keep = _milliseconds("keep", keep)
        self._lease = _milliseconds("lease", lease)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        prefix: str = "idempotency:",
        keep: timedelta = _DAY,
        lease: timedelta = _LEASE,
        timeout: float = 2.0,
        concurrency: int = 16,
    ) -> Self:
        """Open connections of its own, as they are needed; `close` closes them.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``.
            prefix: see the class, as for the rest.
            keep: how long a result is kept.
            lease: how long a claim holds.
            timeout: seconds for a command.
            concurrency: commands under way at one time, and half the connections there may be.

        Raises:
            DefinitionError: the URL asks for decoded responses, or as from the constructor.
            ValueError: it is no URL of Redis.
        """
        make_client = client_maker(url, concurrency)
        store = cls(make_client(), prefix=prefix, keep=keep, lease=lease, timeout=timeout, concurrency=concurrency)
        store._client.own(make_client)
        return store

    async def claim(self, key: str, /) -> IdempotencyClaim:
        """Claim a key, or get its result. See `IdempotencyStore`.

        Raises:
            TransientError: Redis could not be asked. If the claim was granted all the same it is given back, or ends
                by itself where that fails too.
        """
        claim = _Claim(self, f"{self._prefix}{key}".encode("utf-8", "surrogatepass"))
        try:
            answer = await self.ask(CLAIM, claim.name, claim.token, self._lease)
        except BaseException:
            _ = self._client.begin(claim.release())  # it may be held, and nobody know
            raise
        if answer == _TAKEN:
            raise IdempotencyConflictError
        if isinstance(answer, bytes):
            claim.result = answer
        return claim

    async def close(self) -> None:
        """Close what was opened; nothing can be claimed after that. A client that was passed in stays open."""
        await self._client.close()

    async def ask(self, script: str, name: bytes, *arguments: bytes | str | int) -> object:
        """Run a script for one key, and once more if no reply came: each may be repeated under its token.

        Raises:
            TransientError: it did not succeed.
        """

        async def once(client: Redis) -> object:
            answer: object = await client.eval(script, 1, name, *arguments)
            return answer

        try:
            try:
                return await self._client.run(once)
            except _NO_REPLY:
                return await self._client.run(once)
        except (RedisError, *_NO_REPLY) as error:
            failure = TransientError(
                "Redis does not answer" if isinstance(error, _NO_REPLY) else "Redis refused a command"
            )
            failure.orig = error
        raise failure

    async def complete(self, claim: "_Claim", result: bytes) -> None:
        """Keep a result under the claim's key, unless somebody else holds the key by now."""
        if await self.ask(COMPLETE, claim.name, claim.token, self._keep, result) == _TAKEN:
            raise IdempotencyConflictError


class _Claim:
    def __init__(self, store: RedisIdempotencyStore, name: bytes) -> None:
        self._store = store
        self.name = name
        self.token = token_urlsafe(12)  # always 16 characters, as the scripts know
        self.result: bytes | None = None

    async def complete(self, result: bytes, /) -> None:
        await self._store.complete(self, result)

    async def release(self) -> None:
        await self._store.ask(RELEASE_LOCK, self.name, f"?{self.token}")


def _milliseconds(name: str, duration: timedelta) -> int:
    milliseconds = duration // timedelta(milliseconds=1)
    if milliseconds < 1:
        raise DefinitionError(f"{name} must be a millisecond or more: Redis forgets at once what has no time to live")
    return milliseconds
