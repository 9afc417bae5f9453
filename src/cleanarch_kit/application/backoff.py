"""How long to wait before the next attempt."""

from collections.abc import Callable
from random import SystemRandom
from typing import TypeAlias

__all__ = ["Backoff", "full_jitter", "jittered"]

Backoff: TypeAlias = Callable[[int], float]
"""From the number of attempts made so far, 1 or more, to the seconds until the next."""

_between = SystemRandom().uniform
_ENOUGH_DOUBLINGS = 60


def full_jitter(first: float = 1.0, longest: float = 300.0) -> Backoff:
    """Exponential backoff that spreads waiters over the whole interval, so that they do not come back together.

    Args:
        first: upper bound of the first wait, in seconds; it doubles with each attempt.
        longest: upper bound of every wait, in seconds.

    Returns:
        A function that draws a wait between zero and the bound of that attempt.
    """

    def wait(attempts: int) -> float:
        return _between(0.0, min(longest, first * 2.0 ** min(attempts - 1, _ENOUGH_DOUBLINGS)))

    return wait


def jittered(seconds: float) -> float:
    """Half to one and a half times as many seconds, so that pollers drift apart."""
    return seconds * _between(0.5, 1.5)
