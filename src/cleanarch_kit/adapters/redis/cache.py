"""A cache in Redis, shared by processes."""

import re
from asyncio import Future
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from secrets import token_urlsafe
from typing import Self

from redis.asyncio import Redis

from cleanarch_kit.adapters.redis._scripts import CLEAR, RELEASE_LOCK, SET_ENTRIES, TAG_VERSIONS
from cleanarch_kit.adapters.redis.entry_format import decode_entry, encode_entry
from cleanarch_kit.adapters.redis.timed_client import TimedClient, client_maker
from cleanarch_kit.application.ports.cache import CacheEntry

__all__ = ["RedisCacheBackend"]

_VERSION_LIFETIME = 300_000
_NAMES_PER_STEP = 1_000
_GLOB = re.compile(rb"[*?\[\]\\^-]")


class RedisCacheBackend:
    """Keeps entries and tag versions in a Redis server (4 or newer, or Valkey; not a cluster).

    Entries lie under ``cache:v:``, the versions of tags under ``cache:t:`` and locks under ``cache:l:``, each with a
    time to live. Versions are random and never come twice. Reading an entry with its tags is one MGET. Nothing is
    retried, and a command that has not ended in time is given up, whatever server and network do: `Cache` goes on
    without it. What is read counts as data from outside: what is no entry is not there.

    It may be used in one event loop after another, and in a child process after a fork: there it opens connections
    of its own, unless the client was passed in.
    """

    def __init__(self, client: Redis, *, timeout: float = 0.5, concurrency: int = 16) -> None:
        """Use a client that somebody else made. It stays open when the backend is closed.

        Args:
            client: must not decode responses. Its own retries and timeouts are cut off by ``timeout``.
            timeout: seconds after which a command is given up, connecting included, waiting for its turn not.
            concurrency: commands under way at one time; others wait their turn. No more than the client's pool has
                connections.

        Raises:
            DefinitionError: the client decodes responses.
        """
        self._client = TimedClient("RedisCacheBackend", client, timeout=timeout, concurrency=concurrency)

    @classmethod
    def from_url(cls, url: str, *, timeout: float = 0.5, concurrency: int = 16) -> Self:
        """Open connections of its own, as they are needed; `close` closes them.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``.
            timeout: seconds after which a command is given up, connecting included, waiting for its turn not.
            concurrency: commands under way at one time, and connections at most; others wait their turn.

        Raises:
            DefinitionError: the URL asks for decoded responses.
            ValueError: it is no URL of Redis.
        """
        make_client = client_maker(url, concurrency)
        backend = cls(make_client(), timeout=timeout, concurrency=concurrency)
        backend._client.own(make_client)
        return backend

    async def get_many(
        self, keys: Sequence[str], tags: Sequence[str] = ()
    ) -> tuple[Sequence[CacheEntry | None], tuple[str | None, ...]]:
        """See `CacheBackend`."""
        names = [*map(_entry, keys), *map(_tag, tags)]
        if not names:
            return [], ()
        found = await self._client.run(lambda client: client.mget(names))
        return [decode_entry(data) for data in found[: len(keys)]], tuple(map(_version, found[len(keys) :]))

    async def set_many(self, entries: Mapping[str, CacheEntry], ttl: float) -> None:
        """See `CacheBackend`."""
        if not entries:
            return
        others = {tag for entry in entries.values() for tag in entry.tags}.difference(entries)
        names = [*map(_entry, entries), *map(_tag, entries), *map(_tag, others)]
        data = [*map(encode_entry, entries.values())]
        await self._client.run(lambda client: client.eval(SET_ENTRIES, len(names), *names, _milliseconds(ttl), *data))

    async def delete_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> None:
        """See `CacheBackend`."""
        names = [*map(_entry, keys), *map(_tag, tags)]
        if names:
            await self._client.run(lambda client: client.unlink(*names))

    async def tag_versions(self, tags: Sequence[str]) -> tuple[str, ...]:
        """See `CacheBackend`."""
        if not tags:
            return ()
        names = [*map(_tag, tags)]
        new = [token_urlsafe(12) for _ in names]
        versions = await self._client.run(
            lambda client: client.eval(TAG_VERSIONS, len(names), *names, _VERSION_LIFETIME, *new)
        )
        return tuple(str(version, "ascii", "replace") for version in versions)

    async def clear(self, prefix: str) -> None:
        """See `CacheBackend`. Walks over all names of the database, a thousand at a step, and blocks nobody."""
        pattern = b"cache:[vt]:" + _GLOB.sub(rb"\\\g<0>", _bytes(prefix)) + b"*"
        cursor = b"0"

        def step(client: Redis) -> Awaitable[bytes]:
            return client.eval(CLEAR, 0, cursor, pattern, _NAMES_PER_STEP)

        while (cursor := await self._client.run(step)) != b"0":
            pass

    @asynccontextmanager
    async def lock(self, name: str, lease: float) -> AsyncGenerator[bool]:
        """See `CacheBackend`."""
        key, token = b"cache:l:" + _bytes(name), token_urlsafe(12)
        try:
            taken = await self._client.run(lambda client: client.set(key, token, nx=True, px=_milliseconds(lease)))
        except BaseException:
            _ = self._release(key, token)  # it may be held, and nobody know
            raise
        if not taken:
            yield False
            return
        try:
            yield True
        finally:
            await self._release(key, token)

    async def close(self) -> None:
        """See `CacheBackend`. A client that was passed in stays open."""
        await self._client.close()

    def _release(self, key: bytes, token: str) -> Future[None]:
        """Begin to give back a lock; it goes on when whoever waits for it is cancelled, and else the lease ends it."""
        return self._client.begin(self._client.run(lambda client: client.eval(RELEASE_LOCK, 1, key, token)))


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _entry(name: str) -> bytes:
    return b"cache:v:" + _bytes(name)


def _tag(name: str) -> bytes:
    return b"cache:t:" + _bytes(name)


def _version(data: bytes | str | None) -> str | None:
    return str(data, "ascii", "replace") if isinstance(data, bytes) else None


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1_000))
