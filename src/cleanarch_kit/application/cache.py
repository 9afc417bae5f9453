"""The cache: typed values under keys, invalidated by tags."""

from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from cleanarch_kit.application.caching.computation import Recipe
from cleanarch_kit.application.caching.policy import CachePolicy, Duration, seconds
from cleanarch_kit.application.caching.reader import CacheReader, is_bypassed
from cleanarch_kit.application.caching.store import CacheStatistics, CacheStore
from cleanarch_kit.application.ports.cache import CacheBackend, CacheEntry
from cleanarch_kit.application.serialization import Codec
from cleanarch_kit.domain.clock import Clock, SystemClock
from cleanarch_kit.errors import DefinitionError, SerializationError

__all__ = ["Cache", "current_cache"]

T = TypeVar("T")
D = TypeVar("D")

_MAX_READERS = 100


class Cache:
    """Typed values in a cache backend, under keys of one namespace.

    Values are stored as JSON by their type, so that what is read is always a copy, of the type that was asked for.
    ``None`` is a value. A value that an invalidation concerns is never read again, even where it is stored after the
    invalidation by somebody who had computed it before. Faults of the backend are not raised: what cannot be read is
    not there, what cannot be stored is not stored, and what cannot be invalidated is not read in this process and is
    invalidated as soon as the backend works again.

    ``async with cache:`` makes it the cache of every `cached` function that is called inside and has no other; when
    the last such block ends, computations that still run in the background are cancelled. The backend stays open:
    whoever opened it closes it.

    Made for one event loop at a time.
    """

    def __init__(self, backend: CacheBackend, *, namespace: str, clock: Clock | None = None) -> None:
        """Put a cache on a backend.

        Args:
            backend: where the values are kept; it may be shared by caches of different namespaces.
            namespace: keeps keys and tags apart from those of other caches. Change it when the meaning of stored
                values changes in a way that their types do not show.
            clock: tells when a value is stale; the machine's clock by default.

        Raises:
            DefinitionError: the namespace is empty or longer than 64 characters.
        """
        self.store = CacheStore(backend, namespace, clock or SystemClock())
        """Where `cached` functions and their computations meet; not for use cases."""
        self._codecs: dict[object, Codec[Any]] = {}
        self._readers: dict[object, CacheReader[Any]] = {}
        self._blocks = 0

    @property
    def statistics(self) -> CacheStatistics:
        """What this cache has done so far in this process; a copy."""
        return replace(self.store.statistics, faults=self.store.guard.faults)

    @overload
    async def get(self, key: str, value_type: type[T]) -> T | None: ...
    @overload
    async def get(self, key: str, value_type: type[T], default: D) -> T | D: ...
    async def get(self, key: str, value_type: type[T], default: D | None = None) -> T | D | None:
        """Read a value.

        Args:
            key: its key.
            value_type: its type. What is stored under the key and is not of this type is not there.
            default: what to return where it is not there.
        """
        entry = await self._valid_entry(key)
        if entry is None:
            self.store.statistics.misses += 1
            return default
        if entry.value == b"null":
            self.store.statistics.hits += 1
            return None
        try:
            value = self._codec(value_type).decode(entry.value)
        except SerializationError:
            self.store.statistics.undecodable += 1
            self.store.statistics.misses += 1
            return default
        self.store.statistics.hits += 1
        return value

    async def exists(self, key: str) -> bool:
        """Whether there is a valid value under a key."""
        return await self._valid_entry(key) is not None

    async def set(
        self, key: str, value: T, value_type: type[T] | None = None, *, ttl: Duration, tags: Sequence[str] = ()
    ) -> None:
        """Store a value. What computations that began earlier store under the key is not valid.

        Args:
            key: its key.
            value: the value.
            value_type: its type; by default the class of the value. Say it for a container, which does not know what
                it holds: ``list[UserId]``.
            ttl: how long, in seconds or as a timedelta.
            tags: what it depends on.

        Raises:
            DefinitionError: ``ttl`` is not more than 0.
            SerializationError: the value is not of its type, or holds something without a JSON form.
        """
        policy = CachePolicy(seconds(ttl))
        data = self._codec(value_type or type(value)).encode(value)
        store = self.store
        name, names = store.names(key, _tuple(tags))
        await store.guard.delete((name,), names[:1])
        if is_bypassed() or not store.guard.usable(names):
            return
        if versions := await store.versions(names):
            entry = CacheEntry(data, names, versions, store.now() + policy.ttl)
            await store.write(name, entry, policy.ttl)

    async def get_or_set(
        self,
        key: str,
        value_type: type[T],
        compute: Callable[[], Awaitable[T]],
        *,
        ttl: Duration,
        tags: Sequence[str] = (),
    ) -> T:
        """Read a value, or compute and store it, once for all who ask at the same time.

        Args:
            key: its key.
            value_type: its type.
            compute: computes it; what it raises is raised.
            ttl: how long it is stored, in seconds or as a timedelta.
            tags: what it depends on; the same for every call with this key.

        Raises:
            DefinitionError: ``ttl`` is not more than 0.
        """
        name, names = self.store.names(key, _tuple(tags))
        return await self._reader(value_type, seconds(ttl)).get(name, names, compute)

    async def delete(self, *keys: str) -> None:
        """Remove values. Computations under way do not bring them back."""
        named = [self.store.names(key) for key in keys]
        if named:
            await self.store.guard.delete([name for name, _ in named], [own for _, (own,) in named])

    async def invalidate(self, *tags: str) -> None:
        """Make every value that depends on one of the tags invalid. Computations under way do not bring them back.

        It takes effect at once: inside a unit of work call ``uow.invalidate(*tags)``, which takes effect after the
        commit and not after a rollback.
        """
        if tags:
            await self.store.guard.delete((), self.store.tag_names(tags))

    async def clear_namespace(self) -> None:
        """Remove everything in this namespace, for every process. Costs a walk over all names of the backend."""
        await self.store.guard.clear()

    async def __aenter__(self) -> Self:
        self._blocks += 1
        _opened.set(_Opened(self, _opened.get()))
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        opened = _opened.get()
        if opened is not None and opened.cache is self:  # another context, where a fixture or a server ends it
            _opened.set(opened.outer)
        self._blocks -= 1
        if self._blocks == 0:
            await self.store.flights.close()
            await self.store.guard.close()

    def _codec(self, value_type: type[T]) -> Codec[T]:
        codec = self._codecs.get(value_type)
        if codec is None:
            codec = self._codecs[value_type] = Codec(value_type)
        return codec

    def _reader(self, value_type: type[T], ttl: float) -> CacheReader[T]:
        reader = self._readers.get((value_type, ttl))
        if reader is None:
            if len(self._readers) >= _MAX_READERS:
                self._readers.clear()
            recipe = Recipe(f"what get_or_set gets as {value_type}", self._codec(value_type), CachePolicy(ttl))
            reader = self._readers[value_type, ttl] = CacheReader(self.store, recipe)
        return reader

    async def _valid_entry(self, key: str) -> CacheEntry | None:
        name, tags = self.store.names(key)
        while not is_bypassed() and (found := await self.store.read(name, tags)) is not None:
            entry, versions = found
            if entry is None or entry.tags == tags:
                is_valid = entry is not None and entry.versions == versions and self.store.now() < entry.fresh_until
                return entry if is_valid else None
            tags = entry.tags  # it depends on more than its key
        return None


@dataclass(frozen=True, slots=True)
class _Opened:
    cache: Cache
    outer: "_Opened | None"


_opened: ContextVar[_Opened | None] = ContextVar("opened_caches", default=None)


def current_cache() -> Cache | None:
    """The cache of the innermost ``async with cache:`` around, or None."""
    opened = _opened.get()
    return None if opened is None else opened.cache


def _tuple(tags: Sequence[str]) -> tuple[str, ...]:
    if isinstance(tags, str):
        raise DefinitionError("tags= takes a tuple of texts, not one text")
    return tuple(tags)
