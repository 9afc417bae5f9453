"""Where cached values are kept: bytes under names, and the versions of the tags that they hang on."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["CacheBackend", "CacheEntry"]


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A value as it is stored, with what decides whether it may still be used.

    Attributes:
        value: the value as bytes.
        tags: names of the tags it hangs on.
        versions: the version that each tag had before the value was computed, in the same order. An entry is valid
            only while all of them are still the current ones.
        fresh_until: POSIX time from which on it counts as stale. A backend does not look at it.
        load_time: seconds that it took to compute the value. A backend does not look at it.
        decoded: who decoded the value, and the result: kept where that is immutable and the backend returns this very
            object again and again. A backend neither stores it nor looks at it.
    """

    value: bytes
    tags: tuple[str, ...]
    versions: tuple[str, ...]
    fresh_until: float
    load_time: float = 0.0
    decoded: tuple[object, Any] | None = field(default=None, init=False, repr=False, compare=False)


class CacheBackend(Protocol):
    """A store of entries and of tag versions.

    Entries, tags and locks have names in spaces of their own: an entry, a tag and a lock of one name have nothing to
    do with each other. A tag has a version from the first time that somebody asks for it until it is deleted, or the
    store forgets it. Each version is one that no tag ever had before, so that an entry which was computed under an
    earlier one never becomes valid again. Forgetting is always allowed: it costs a computation and nothing else.

    Every method may raise any exception when the store fails, does so within a bounded time, and may be repeated
    after a failure without harm. A cancelled call leaves the backend usable.
    """

    async def get_many(
        self, keys: Sequence[str], tags: Sequence[str] = ()
    ) -> tuple[Sequence[CacheEntry | None], tuple[str | None, ...]]:
        """Read entries and the current versions of tags, all as they are at one moment.

        Returns:
            One entry per key and one version per tag, in the order asked for; None for what is not there. Data under
            a key that is no entry counts as not there.
        """
        ...

    async def set_many(self, entries: Mapping[str, CacheEntry], ttl: float) -> None:
        """Store entries for ``ttl`` seconds (more than 0), replacing those of the same names.

        The versions of their tags are kept at least as long, memory permitting. No tag gets a version by this.
        """
        ...

    async def delete_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> None:
        """Remove entries, and the current versions of tags: every entry that hangs on one of the tags is invalid.

        Names that are not there are no error.
        """
        ...

    async def tag_versions(self, tags: Sequence[str]) -> tuple[str, ...]:
        """The current versions of tags, in the order asked for. A tag that has none gets one."""
        ...

    async def clear(self, prefix: str) -> None:
        """Remove every entry and every tag version whose name starts with ``prefix``, taken literally."""
        ...

    def lock(self, name: str, lease: float) -> AbstractAsyncContextManager[bool]:
        """Try once to hold a lock, for the length of the block and never longer than ``lease`` seconds.

        The block gets True where the lock was free, False where somebody else holds it. It is given back on every way
        out of the block, unless the lease ran out and somebody else holds it by then.
        """
        ...

    async def close(self) -> None:
        """Release what the backend opened itself. Closing twice is no error."""
        ...
