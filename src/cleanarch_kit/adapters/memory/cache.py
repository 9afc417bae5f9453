"""A cache in the memory of one process."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from time import monotonic

from cleanarch_kit.application.ports.cache import CacheEntry
from cleanarch_kit.errors import DefinitionError

__all__ = ["InMemoryCacheBackend"]

_TAGS_PER_ENTRY = 4


class InMemoryCacheBackend:
    """Keeps the entries used last, up to a number of them, in the memory of this process.

    Made for one event loop. Entries are bytes and immutable, so what a caller does to a value never reaches the next
    caller. Nothing runs in the background: what has expired is removed when it is asked for, or when room is needed.
    """

    def __init__(self, *, max_entries: int = 10_000, clock: Callable[[], float] = monotonic) -> None:
        """Create an empty backend.

        Args:
            max_entries: entries that are kept; beyond it the one that was used longest ago goes. Four times as many
                tag versions are kept.
            clock: seconds that only ever grow; for tests.

        Raises:
            DefinitionError: ``max_entries`` is less than 1.
        """
        if max_entries < 1:
            raise DefinitionError(f"max_entries must be at least 1, not {max_entries}")
        self._max_entries = max_entries
        self._max_versions = max_entries * _TAGS_PER_ENTRY
        self._clock = clock
        self._entries: OrderedDict[str, tuple[CacheEntry, float]] = OrderedDict()
        self._versions: OrderedDict[str, str] = OrderedDict()
        self._version_of = self._versions.get
        self._locks: dict[str, tuple[object, float]] = {}
        self._numbers = count(1)

    async def get_many(
        self, keys: Sequence[str], tags: Sequence[str] = ()
    ) -> tuple[Sequence[CacheEntry | None], tuple[str | None, ...]]:
        """See `CacheBackend`."""
        now = self._clock()
        entries = self._entries
        found: list[CacheEntry | None] = []
        for key in keys:
            kept = entries.get(key)
            if kept is None:
                found.append(None)
            elif kept[1] > now:
                entries.move_to_end(key)
                found.append(kept[0])
            else:
                del entries[key]
                found.append(None)
        return found, (self._version_of(tags[0]),) if len(tags) == 1 else tuple(map(self._version_of, tags))

    async def set_many(self, entries: Mapping[str, CacheEntry], ttl: float) -> None:
        """See `CacheBackend`."""
        expires = self._clock() + ttl
        for key, entry in entries.items():
            self._entries[key] = (entry, expires)
            self._entries.move_to_end(key)
            for tag in entry.tags:
                if tag in self._versions:
                    self._versions.move_to_end(tag)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    async def delete_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> None:
        """See `CacheBackend`."""
        for key in keys:
            self._entries.pop(key, None)
        for tag in tags:
            self._versions.pop(tag, None)

    async def tag_versions(self, tags: Sequence[str]) -> tuple[str, ...]:
        """See `CacheBackend`."""
        versions = self._versions
        for tag in tags:
            if tag not in versions:
                versions[tag] = str(next(self._numbers))
            versions.move_to_end(tag)
        current = tuple(versions[tag] for tag in tags)
        while len(versions) > self._max_versions:
            versions.popitem(last=False)
        return current

    async def clear(self, prefix: str) -> None:
        """See `CacheBackend`."""
        for key in [key for key in self._entries if key.startswith(prefix)]:
            del self._entries[key]
        for tag in [tag for tag in self._versions if tag.startswith(prefix)]:
            del self._versions[tag]

    @asynccontextmanager
    async def lock(self, name: str, lease: float) -> AsyncGenerator[bool]:
        """See `CacheBackend`."""
        now = self._clock()
        held = self._locks.get(name)
        if held is not None and held[1] > now:
            yield False
            return
        mine = (object(), now + lease)
        self._locks[name] = mine
        try:
            yield True
        finally:
            if self._locks.get(name) is mine:
                del self._locks[name]

    async def close(self) -> None:
        """Forget everything. See `CacheBackend`."""
        self._entries.clear()
        self._versions.clear()
        self._locks.clear()
