"""A nudge from whoever commits to whoever waits, within one process."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from threading import Lock

__all__ = ["Signal", "WakeUp"]


class Signal:
    """One waiter's memory of having been nudged: a nudge that comes before the wait is not lost."""

    def __init__(self) -> None:
        """Belongs to the event loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def set(self) -> None:
        """Nudge; from any thread."""
        with suppress(RuntimeError):  # a loop that is closed waits for nothing
            self._loop.call_soon_threadsafe(self._event.set)

    def clear(self) -> None:
        """Forget earlier nudges."""
        self._event.clear()

    async def wait(self, seconds: float) -> None:
        """Return at the next nudge since `clear`, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()


class WakeUp:
    """Nudges all who wait. It is only a hint: who waits looks now and then all the same."""

    def __init__(self) -> None:
        self._signals: frozenset[Signal] = frozenset()
        self._lock = Lock()

    def notify(self) -> None:
        """Nudge everyone; from any thread. Never blocks and never raises."""
        for signal in self._signals:
            signal.set()

    @contextmanager
    def subscribe(self) -> Generator[Signal]:
        """A block in which a signal is nudged."""
        signal = Signal()
        with self._lock:
            self._signals |= {signal}
        try:
            yield signal
        finally:
            with self._lock:
                self._signals -= {signal}
