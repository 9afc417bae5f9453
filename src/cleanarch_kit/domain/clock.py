"""The clock: the only place that asks the machine for the time."""

import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock", "unix_nanoseconds"]


class Clock(Protocol):
    """Tells the time. Take one as a dependency where a rule depends on the time, so that a test can set it."""

    def now(self) -> datetime:
        """The present instant: aware, in UTC. It may stand still or step back, as a machine's clock does."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> datetime:
        """The present instant in UTC, with microseconds."""
        return datetime.now(UTC)


def unix_nanoseconds() -> int:
    """Nanoseconds since 1970 by the machine's clock."""
    return time.time_ns()
