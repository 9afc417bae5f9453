"""What stands between a cache and a backend that fails: faults stay here, and no invalidation gets lost."""

import logging
from asyncio import CancelledError, Task, create_task, get_running_loop, sleep
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from random import SystemRandom
from time import monotonic

from cleanarch_kit.application.caching.circuit_breaker import CircuitBreaker
from cleanarch_kit.application.ports.cache import CacheBackend

__all__ = ["CacheGuard"]

_logger = logging.getLogger("cleanarch_kit.cache")
_random = SystemRandom()

_MOST_UNSENT = 10_000
_TAGS_PER_CALL = 500
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0


class CacheGuard:
    """Watches over a backend on behalf of one cache.

    An invalidation that does not get through is remembered and sent again, by a task of its own, until it does. As
    long as it waits, entries that hang on its tags are neither read nor joined in this process. When more than 10,000
    tags wait, they are given up for clearing the whole namespace.

    Args:
        backend: the backend to watch over.
        prefix: beginning of every name in the cache's namespace.
        clock: seconds that only ever grow; for tests.
    """

    def __init__(self, backend: CacheBackend, prefix: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._backend = backend
        self._prefix = prefix
        self._circuit = CircuitBreaker(clock=clock)
        self._unsent: dict[str, object] = {}
        self._unsent_clear: object | None = None
        self._sender: Task[None] | None = None
        self.faults = 0
        """How many calls have failed so far."""
        self.healthy = True
        """Whether nothing is wrong at all. Where it is False, ask `usable`."""

    def usable(self, tags: Iterable[str]) -> bool:
        """Whether what hangs on these tags may be read from the backend now."""
        if self._waiting:
            self._ensure_sender()
            if self._unsent_clear is not None or not self._unsent.keys().isdisjoint(tags):
                return False
        return self._circuit.allows()

    def failed(self, error: Exception) -> None:
        """Take note that a call of the backend failed."""
        self.faults += 1
        was_open = self._circuit.is_open
        self._circuit.failed()
        self.healthy = False
        if self._circuit.is_open and not was_open:
            _logger.warning("the cache backend fails (%s): calls go on without it", type(error).__name__)

    def succeeded(self) -> None:
        """Take note that a call of the backend succeeded."""
        if self._circuit.is_open:
            _logger.warning("the cache backend works again")
        self._circuit.succeeded()
        self.healthy = not self._waiting

    async def delete(self, keys: Sequence[str], tags: Sequence[str]) -> None:
        """Delete entries and tag versions, now or as soon as the backend works again. Raises no fault."""
        if not self._circuit.allows():
            self._remember(tags)
            return
        try:
            await self._backend.delete_many(keys, tags)
        except Exception as error:
            self.failed(error)
            self._remember(tags)
        except CancelledError:  # nobody knows whether it arrived
            self._remember(tags)
            raise
        else:
            self.succeeded()

    async def clear(self) -> None:
        """Delete everything in the namespace, now or as soon as the backend works again. Raises no fault."""
        if not self._circuit.allows():
            self._remember_clear()
            return
        try:
            await self._backend.clear(self._prefix)
        except Exception as error:
            self.failed(error)
            self._remember_clear()
        except CancelledError:
            self._remember_clear()
            raise
        else:
            self.succeeded()

    async def close(self) -> None:
        """Try a last time to send what waits. What then still waits stays valid until its time to live is over."""
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None
        if not self._waiting:
            return
        try:
            while self._waiting:
                await self._send()
        except Exception as error:
            _logger.error(
                "invalidations were lost, entries stay as they are until they expire: the cache backend failed (%s)",
                type(error).__name__,
            )

    @property
    def _waiting(self) -> bool:
        return bool(self._unsent) or self._unsent_clear is not None

    def _remember(self, tags: Sequence[str]) -> None:
        self._unsent.update(dict.fromkeys(tags, object()))
        if len(self._unsent) > _MOST_UNSENT:
            self._remember_clear()
        self.healthy = False
        self._ensure_sender()

    def _remember_clear(self) -> None:
        self._unsent.clear()
        self._unsent_clear = object()
        self.healthy = False
        self._ensure_sender()

    def _ensure_sender(self) -> None:
        sender = self._sender
        if sender is None or sender.done() or sender.get_loop() is not get_running_loop():
            self._sender = create_task(self._send_all())

    async def _send_all(self) -> None:
        pause = _FIRST_PAUSE
        while self._waiting:
            await sleep(_random.uniform(pause / 2, pause))
            try:
                await self._send()
            except Exception as error:
                self.failed(error)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self.succeeded()
                pause = _FIRST_PAUSE

    async def _send(self) -> None:
        if (clear := self._unsent_clear) is not None:
            await self._backend.clear(self._prefix)
            if self._unsent_clear is clear:
                self._unsent_clear = None
            return
        batch = dict(islice(self._unsent.items(), _TAGS_PER_CALL))
        await self._backend.delete_many((), tuple(batch))
        for tag, mark in batch.items():
            if self._unsent.get(tag) is mark:
                del self._unsent[tag]
