"""How long a cached value is used, and what happens when its time is over."""

from dataclasses import dataclass
from datetime import timedelta
from math import isfinite, log
from random import SystemRandom

from cleanarch_kit.application.ports.cache import CacheEntry
from cleanarch_kit.errors import DefinitionError

__all__ = ["CachePolicy", "Duration", "seconds"]

Duration = float | timedelta
"""Seconds, or a timedelta."""

_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How long a cached value is used, and what happens when its time is over. All times are seconds.

    Attributes:
        ttl: how long a value is fresh, at most.
        jitter: the share of ``ttl`` that is taken off at random, so that values stored together do not expire
            together.
        stale: how long after that the old value is still given out while a new one is computed.
        stale_on_error: how long after that the old value is given out when no new one can be computed.
        early: whether a value in demand is computed anew shortly before its time is over.
        lock: whether only one process computes at a time.
    """

    ttl: float
    jitter: float = 0.0
    stale: float = 0.0
    stale_on_error: float = 0.0
    early: bool = False
    lock: bool = False

    def __post_init__(self) -> None:
        if not (isfinite(self.ttl) and self.ttl > 0):
            raise DefinitionError(f"ttl must be more than 0 seconds, not {self.ttl}")
        if not 0 <= self.jitter < 1:
            raise DefinitionError(f"jitter is a share of ttl: at least 0 and less than 1, not {self.jitter}")
        for name, value in (("stale", self.stale), ("stale_on_error", self.stale_on_error)):
            if not (isfinite(value) and value >= 0):
                raise DefinitionError(f"{name} must not be less than 0 seconds, not {value}")

    @property
    def is_plain(self) -> bool:
        """Whether a value is fresh for as long as the backend keeps it."""
        return not (self.stale or self.stale_on_error or self.early)

    def fresh_for(self) -> float:
        """How long the next value is fresh; another number each time where there is a jitter."""
        return self.ttl * (1 - self.jitter * _random.random())

    @property
    def kept_after(self) -> float:
        """How long a value is kept when it is no longer fresh."""
        return max(self.stale, self.stale_on_error)

    def is_due(self, entry: CacheEntry, now: float) -> bool:
        """Whether a fresh value is to be computed anew already, by chance (XFetch).

        The chance grows as the end comes near, and begins the sooner the longer the computation takes; the more
        callers there are, the earlier one of them hits it.
        """
        return self.early and now - entry.load_time * log(1 - _random.random()) >= entry.fresh_until


def seconds(value: Duration) -> float:
    """A duration as seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value
