"""Computing a value for the cache: once among processes, stored under the tag versions read before, or kept old."""

import logging
from asyncio import sleep
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import SystemRandom
from time import monotonic
from typing import Generic, TypeVar

from cleanarch_kit.application.caching.policy import CachePolicy
from cleanarch_kit.application.caching.store import CacheStore
from cleanarch_kit.application.ports.cache import CacheEntry
from cleanarch_kit.application.serialization import Codec
from cleanarch_kit.errors import DomainError, InputError, NotFoundError, SerializationError

__all__ = ["LEASE", "Computation", "Computed", "Recipe"]

T = TypeVar("T")

_logger = logging.getLogger("cleanarch_kit.cache")
_random = SystemRandom()

LEASE = 10.0
"""Seconds for which one process keeps others from computing, and that others wait at most."""

_FIRST_WAIT = 0.02
_LONGEST_WAIT = 0.25

_ANSWERS = (DomainError, InputError, NotFoundError)


@dataclass(frozen=True, slots=True)
class Computed(Generic[T]):
    """A value, and its form as data; None where it has none."""

    value: T
    data: bytes | None


class Recipe(Generic[T]):
    """What all computations of one kind have in common.

    Args:
        label: what is computed, for the log.
        codec: turns values into data and back.
        policy: how long values are used.
    """

    def __init__(self, label: str, codec: Codec[T], policy: CachePolicy) -> None:
        self.label = label
        self.codec = codec
        self.policy = policy
        self._has_complained = False

    def encode(self, value: T) -> Computed[T]:
        """A value with its form as data. One that has none is reported once, and not cached."""
        try:
            return Computed(value, self.codec.encode(value))
        except SerializationError as error:
            self._complain(error)
            return Computed(value, None)

    def hand_out(self, computed: Computed[T]) -> T:
        """A copy of the value, of the same type as one that was read from the cache."""
        if computed.data is None:
            return computed.value
        try:
            return self.codec.decode(computed.data)
        except SerializationError as error:
            self._complain(error)
            return computed.value

    def restore(self, entry: CacheEntry) -> Computed[T] | None:
        """The value of an entry; None where it is not of the expected type."""
        try:
            return Computed(self.codec.decode(entry.value), entry.value)
        except SerializationError:
            return None

    def _complain(self, error: SerializationError) -> None:
        if not self._has_complained:
            self._has_complained = True
            _logger.warning("%s is not cached: %s", self.label, error)


class Computation(Generic[T]):
    """One computation of one entry.

    Args:
        store: the cache.
        recipe: what it has in common with others.
        name: name of the entry.
        tags: names of its tags.
        versions: their versions, read before.
        compute: computes the value.
        old: the entry that there is now, where its value may be given out if there is no newer one.
    """

    def __init__(
        self,
        store: CacheStore,
        recipe: Recipe[T],
        name: str,
        tags: tuple[str, ...],
        versions: tuple[str, ...],
        compute: Callable[[], Awaitable[T]],
        old: CacheEntry | None = None,
    ) -> None:
        self._store = store
        self._recipe = recipe
        self._name = name
        self._tags = tags
        self._versions = versions
        self._compute = compute
        self._old = old

    async def run(self) -> Computed[T]:
        """Compute and store, in turn with other processes where the policy asks for it."""
        if self._recipe.policy.lock:
            return await self._run_in_turn()
        return await self.compute()

    async def compute(self) -> Computed[T]:
        """Compute and store.

        The entry carries the tag versions from before the computation: where one of them was invalidated meanwhile,
        it is never valid.
        """
        began = monotonic()
        try:
            value = await self._compute()
        except Exception as error:
            old = self._old_instead_of(error)
            if old is None:
                raise
            return old
        load_time = monotonic() - began
        computed = self._recipe.encode(value)
        if computed.data is not None:
            policy = self._recipe.policy
            fresh_for = policy.fresh_for()
            fresh_until = self._store.now() + fresh_for
            entry = CacheEntry(computed.data, self._tags, self._versions, fresh_until, load_time)
            await self._store.write(self._name, entry, fresh_for + policy.kept_after)
        return computed

    def _old_instead_of(self, error: Exception) -> Computed[T] | None:
        """The old value, where the computation failed by a fault. That there is no such user is no fault."""
        if self._old is None or isinstance(error, _ANSWERS):
            return None
        if self._store.now() >= self._old.fresh_until + self._recipe.policy.kept_after:
            return None
        old = self._recipe.restore(self._old)
        if old is not None:
            _logger.warning("%s failed (%s): the old value is used", self._recipe.label, type(error).__name__)
        return old

    async def _run_in_turn(self) -> Computed[T]:
        give_up = monotonic() + LEASE
        wait = _FIRST_WAIT
        while True:
            async with self._lock() as is_mine:
                if is_mine or monotonic() >= give_up:
                    return await self._found() or await self.compute()
            if self._old is not None and (old := self._recipe.restore(self._old)):
                return old
            await sleep(_random.uniform(wait / 2, wait))
            wait = min(wait * 1.5, _LONGEST_WAIT)
            if found := await self._found():
                return found

    async def _found(self) -> Computed[T] | None:
        """What another process has stored meanwhile. Takes over the tag versions of now."""
        found = await self._store.read(self._name, self._tags)
        if found is None:
            return None
        entry, versions = found
        if None in versions:
            versions = await self._store.versions(self._tags) or self._versions
        self._versions = tuple(version or "" for version in versions)
        if entry is None or entry.tags != self._tags or entry.versions != self._versions:
            return None
        newer_than = self._store.now() if self._old is None else self._old.fresh_until
        return self._recipe.restore(entry) if entry.fresh_until > newer_than else None

    @asynccontextmanager
    async def _lock(self) -> AsyncGenerator[bool]:
        """Hold the lock of this entry, or find it held. A lock that cannot be asked for counts as held by us."""
        lock = self._store.backend.lock(self._name, LEASE)
        try:
            is_mine = await lock.__aenter__()
        except Exception as error:
            self._store.guard.failed(error)
            yield True
            return
        try:
            yield is_mine
        finally:
            try:
                await lock.__aexit__(None, None, None)
            except Exception as error:
                self._store.guard.failed(error)
