"""A breaker that leaves a failing service alone for a while."""

from collections.abc import Callable
from time import monotonic

__all__ = ["CircuitBreaker"]


class CircuitBreaker:
    """Opens after three faults in a row, and lets one call through now and then to see whether it works again.

    The first pause is half a second; each call that is let through doubles it, up to 30 seconds, until one succeeds.

    Args:
        clock: seconds that only ever grow; for tests.
    """

    FAULTS = 3
    FIRST_PAUSE = 0.5
    LONGEST_PAUSE = 30.0

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._faults = 0
        self._pause = self.FIRST_PAUSE
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._faults >= self.FAULTS

    def allows(self) -> bool:
        """Whether to make a call now. Where the circuit is open, True stands for one call only."""
        if self._faults < self.FAULTS:
            return True
        now = self._clock()
        if now < self._open_until:
            return False
        self._pause = min(self._pause * 2, self.LONGEST_PAUSE)
        self._open_until = now + self._pause
        return True

    def failed(self) -> None:
        """A call failed."""
        self._faults += 1
        if self._faults == self.FAULTS:
            self._open_until = self._clock() + self._pause

    def succeeded(self) -> None:
        """A call succeeded."""
        self._faults = 0
        self._pause = self.FIRST_PAUSE
