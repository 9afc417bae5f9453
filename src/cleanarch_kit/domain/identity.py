"""Identities: `EntityId` and the UUIDs of version 7 that it is made of."""

import os
import re
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Self
from uuid import UUID

from cleanarch_kit.domain.clock import unix_nanoseconds
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import InvalidValueError

__all__ = ["EntityId", "Uuid7Generator", "uuid7"]

_CANONICAL = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_VERSION_AND_VARIANT = (7 << 76) | (0b10 << 62)
_COUNTER_BITS = 42
_COUNTER_LIMIT = 1 << _COUNTER_BITS


class Uuid7Generator:
    """Makes UUIDs of version 7 (RFC 9562) that strictly increase, whichever thread asks.

    48 bits of milliseconds are followed by a counter of 42 bits and 32 random bits (method 1 of section 6.2). Each
    millisecond the counter starts at a random place in its lower half; within one it steps by one. When the clock
    stands still or steps back, the last millisecond is kept and the counter goes on, so that order never breaks.

    Args:
        time_ns: nanoseconds since 1970; the machine's clock by default.
    """

    __slots__ = ("_counter", "_lock", "_milliseconds", "_time_ns")

    def __init__(self, time_ns: Callable[[], int] = unix_nanoseconds) -> None:
        self._time_ns = time_ns
        self._lock = Lock()
        self._milliseconds = -1
        self._counter = 0

    def __call__(self) -> UUID:
        """The next one. Greater than every one this generator has given before."""
        noise = int.from_bytes(os.urandom(10), "big")
        with self._lock:
            now = self._time_ns() // 1_000_000
            if now > self._milliseconds:
                self._milliseconds = now
                self._counter = noise >> (80 - _COUNTER_BITS + 1)
            else:
                self._counter += 1
                if self._counter >= _COUNTER_LIMIT:
                    self._milliseconds += 1
                    self._counter = 0
            milliseconds, counter = self._milliseconds, self._counter
        high, low = counter >> 30, counter & 0x3FFFFFFF
        return UUID(int=milliseconds << 80 | high << 64 | low << 32 | noise & 0xFFFFFFFF | _VERSION_AND_VARIANT)

    def part(self) -> None:
        """Part from the parent after a fork: its lock may be held for ever here, and its counter goes on there."""
        self._lock = Lock()
        self._counter += int.from_bytes(os.urandom(4), "big")


uuid7 = Uuid7Generator()
"""The process's generator: ``uuid7()`` gives a `UUID` greater than all it gave before."""

# where there is no fork, there is nothing to register with: dict takes the keyword and forgets it
getattr(os, "register_at_fork", dict)(after_in_child=uuid7.part)


class EntityId(ScalarValue[UUID]):
    """Identity of an entity. Give each aggregate its own: ``class UserId(EntityId): ...``.

    Ids of different classes are never equal and never interchangeable to a type checker. New ids are UUIDs of
    version 7: they increase with time, so that an index on them stays compact. As text the canonical form with
    hyphens is taken, in either case, and given in lower case; braces, ``urn:`` and missing hyphens are refused.
    A `UUID` of any version is taken as it is.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(self, value: UUID | str) -> None:
            """Take a UUID, or its canonical text.

            Raises:
                InvalidValueError: it is neither.
            """
            ...

    @classmethod
    def new(cls) -> Self:
        """A new id, greater than every id this process has made before."""
        return cls.restore(uuid7())

    @classmethod
    def validate(cls, value: object) -> UUID:
        """Return the UUID. See `ScalarValue.validate`."""
        if isinstance(value, UUID):
            return value
        if isinstance(value, str) and _CANONICAL(value):
            return UUID(int=int(value.replace("-", ""), 16))
        raise InvalidValueError(
            cls.__name__, "must be a UUID in its canonical form, such as 01890a5d-ac96-774b-bcce-b302099a8057"
        )

    def __reduce__(self) -> tuple[object, ...]:
        # a driver gives a subclass of its own, which need not be installed where the pickle is read
        plain = self.value if type(self.value) is UUID else UUID(int=self.value.int)
        return type(self).restore, (plain,)
