"""One namespace of a cache backend: its names, its faults, and what is counted."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from cleanarch_kit.application.caching.guard import CacheGuard
from cleanarch_kit.application.caching.key_encoding import shorten
from cleanarch_kit.application.caching.key_template import KeyTemplate
from cleanarch_kit.application.caching.single_flight import SingleFlight
from cleanarch_kit.application.ports.cache import CacheBackend, CacheEntry
from cleanarch_kit.domain.clock import Clock
from cleanarch_kit.errors import DefinitionError

__all__ = ["CacheStatistics", "CacheStore"]

_MAX_NAMESPACE = 64


@dataclass(slots=True)
class CacheStatistics:
    """What a cache has done since it was built.

    Attributes:
        hits: reads that found a fresh value.
        misses: reads that found none, or one that was invalidated.
        stale: reads that were answered with a value whose time was over.
        bypassed: calls that went past the cache, because its backend failed, an invalidation was still waiting to
            be sent, or the unit of work had changed something.
        undecodable: entries that were not a value of the expected type; each is a miss as well.
        faults: calls of the backend that failed.
    """

    hits: int = 0
    misses: int = 0
    stale: int = 0
    bypassed: int = 0
    undecodable: int = 0
    faults: int = 0


class CacheStore:
    """A backend as one cache sees it: under names of its own, and without exceptions.

    Args:
        backend: where the entries are.
        namespace: what all names begin with, escaped.
        clock: tells whether a value is stale.

    Raises:
        DefinitionError: the namespace is empty or too long.
    """

    def __init__(self, backend: CacheBackend, namespace: str, clock: Clock) -> None:
        escaped = quote(namespace, safe="")
        if not 0 < len(escaped) <= _MAX_NAMESPACE:
            raise DefinitionError(f"the namespace of a cache must have 1 to {_MAX_NAMESPACE} characters when escaped")
        self.backend = backend
        self.key_prefix = f"{escaped}:="
        self.tag_prefix = f"{escaped}:#"
        self.guard = CacheGuard(backend, f"{escaped}:")
        self.flights = SingleFlight()
        self.statistics = CacheStatistics()
        self._clock = clock

    def names(self, key: str, tags: tuple[str, ...] = ()) -> tuple[str, tuple[str, ...]]:
        """Name of the entry of a key, and the names of its tags: first its own, which is the same."""
        name = shorten(self.key_prefix + key)
        return name, (name, *self.tag_names(tags))

    def tag_names(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Names of tags."""
        return tuple(shorten(self.tag_prefix + tag) for tag in tags)

    def compile_names(self, template: KeyTemplate) -> Callable[..., tuple[str, tuple[str, ...]]]:
        """Make a function that takes the arguments of a call and returns the names of its entry and of its tags."""
        return template.compile_names(self.key_prefix, self.tag_prefix)

    def now(self) -> float:
        """POSIX time."""
        return self._clock.now().timestamp()

    async def read(self, name: str, tags: tuple[str, ...]) -> tuple[CacheEntry | None, tuple[str | None, ...]] | None:
        """An entry and the current versions of tags; None where the backend fails, or is better left alone."""
        guard = self.guard
        if not guard.healthy and not guard.usable(tags):
            return None
        try:
            (entry,), versions = await self.backend.get_many((name,), tags)
        except Exception as error:
            guard.failed(error)
            return None
        if not guard.healthy:
            guard.succeeded()
        return entry, versions

    async def versions(self, tags: tuple[str, ...]) -> tuple[str, ...] | None:
        """The versions of tags, which those that have none are given; None where the backend fails."""
        try:
            return await self.backend.tag_versions(tags)
        except Exception as error:
            self.guard.failed(error)
            return None

    async def write(self, name: str, entry: CacheEntry, keep: float) -> None:
        """Store an entry for some seconds, or not where the backend fails."""
        if not self.guard.healthy and not self.guard.usable(entry.tags):
            return
        try:
            await self.backend.set_many({name: entry}, keep)
        except Exception as error:
            self.guard.failed(error)
