"""Locks that transactions hold until they end, as a database has them."""

import asyncio
from collections.abc import Iterable

from cleanarch_kit.errors import TransientError

__all__ = ["LockTable"]


class LockTable:
    """Gives each key to one owner at a time. Owners are told apart as objects."""

    def __init__(self) -> None:
        self._owners: dict[object, object] = {}
        self._awaited: dict[object, object] = {}
        self._waiters: dict[object, list[asyncio.Future[None]]] = {}

    def owner_of(self, key: object) -> object | None:
        """Who has this key, or None."""
        return self._owners.get(key)

    async def acquire(self, key: object, owner: object) -> None:
        """Wait until the key is free, and take it.

        Raises:
            TransientError: its owner waits, directly or not, for the one who asks.
        """
        while self._owners.setdefault(key, owner) is not owner:
            self._refuse_deadlock(key, owner)
            released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.setdefault(key, []).append(released)
            self._awaited[owner] = key
            try:
                await released
            finally:
                del self._awaited[owner]

    def release(self, keys: Iterable[object]) -> None:
        """Set keys free; those who wait try again in the order in which they came."""
        for key in keys:
            self._owners.pop(key, None)
            for released in self._waiters.pop(key, ()):
                if not released.done():
                    released.set_result(None)

    def _refuse_deadlock(self, key: object, owner: object) -> None:
        awaited: object | None = key
        while awaited is not None and (holder := self._owners.get(awaited)) is not None:
            if holder is owner:
                raise TransientError("deadlock")
            awaited = self._awaited.get(holder)
