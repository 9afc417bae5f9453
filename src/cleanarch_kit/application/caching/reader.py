"""From a call to its value: found in the cache, being computed already, or computed now."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Generic, TypeVar

from cleanarch_kit.application.caching.computation import Computation, Recipe
from cleanarch_kit.application.caching.immutability import is_immutable
from cleanarch_kit.application.caching.store import CacheStore
from cleanarch_kit.application.ports.cache import CacheEntry
from cleanarch_kit.application.ports.unit_of_work import UnitOfWork, current_unit_of_work
from cleanarch_kit.errors import SerializationError

__all__ = ["CacheReader", "is_bypassed"]

T = TypeVar("T")

_NOTHING: Mapping[str, object] = {}


class CacheReader(Generic[T]):
    """Reads values of one kind through a cache, each computed once for all who ask at the same time.

    Outside a unit of work a computation has a task of its own, so that a caller who is cancelled disturbs nobody.
    Inside one it belongs to the caller: it may use the unit's connection, which must not outlive the unit. There it is
    cancelled with the caller, and the next one who waits begins anew. A unit that has changed something neither reads
    the cache nor fills it; one that has only read still reads the cache, and does not fill it, because what it sees
    may be older than the last invalidation.

    Args:
        store: the cache.
        recipe: the kind of values.
    """

    def __init__(self, store: CacheStore, recipe: Recipe[T]) -> None:
        self._store = store
        self._recipe = recipe
        self._backend = store.backend
        self._guard = store.guard
        self._flights = store.flights
        self._statistics = store.statistics
        self._decode = recipe.codec.decode
        self._may_share = True
        self._is_plain = recipe.policy.is_plain

    async def get(
        self,
        name: str,
        tags: tuple[str, ...],
        function: Callable[..., Awaitable[T]],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] = _NOTHING,
    ) -> T:
        """The value under a name: from the cache, or computed and stored.

        Args:
            name: name of the entry.
            tags: names of its tags.
            function: computes the value; what it raises is raised.
            args: what it is called with.
            kwargs: what it is called with.
        """
        unit = current_unit_of_work.get()
        guard = self._guard
        if (unit is not None and unit.changed) or not (guard.healthy or guard.usable(tags)):
            return await self._bypass(partial(function, *args, **kwargs))
        landings = self._flights.landings
        try:
            (entry,), versions = await self._backend.get_many((name,), tags)
        except Exception as error:
            guard.failed(error)
            return await self._bypass(partial(function, *args, **kwargs))
        if not guard.healthy:
            guard.succeeded()
        if entry is not None and entry.versions == versions:
            if not (self._is_plain or self._is_fresh(entry)):
                return await self._renew(name, tags, entry, partial(function, *args, **kwargs), unit)
            decoded = entry.decoded
            if decoded is not None and decoded[0] is self:
                self._statistics.hits += 1
                value: T = decoded[1]
                return value
            try:
                value = self._decode(entry.value)
            except SerializationError:
                self._statistics.undecodable += 1
            else:
                self._statistics.hits += 1
                if self._may_share:
                    self._share(entry, value)
                return value
        return await self._miss(name, tags, versions, landings, partial(function, *args, **kwargs), unit)

    async def refresh(self, name: str, tags: tuple[str, ...], compute: Callable[[], Awaitable[T]]) -> T:
        """Compute the value now and store it. What computations that began earlier store is not valid."""
        unit = current_unit_of_work.get()
        if unit is not None and (unit.changed or unit.has_read):
            return await self._bypass(compute)
        await self._guard.delete((name,), tags[:1])
        versions = await self._store.versions(tags) if self._guard.usable(tags) else None
        if versions is None:
            return await self._bypass(compute)
        computation = Computation(self._store, self._recipe, name, tags, versions, compute)
        return self._recipe.hand_out(await computation.compute())

    def hand_out(self, value: T) -> T:
        """A computed value as it would be if it came from the cache."""
        return self._recipe.hand_out(self._recipe.encode(value))

    async def _bypass(self, compute: Callable[[], Awaitable[T]]) -> T:
        self._statistics.bypassed += 1
        return self.hand_out(await compute())

    async def _miss(
        self,
        name: str,
        tags: tuple[str, ...],
        found: tuple[str | None, ...],
        landings: int,
        compute: Callable[[], Awaitable[T]],
        unit: UnitOfWork | None,
    ) -> T:
        if unit is not None and unit.has_read:
            self._statistics.misses += 1
            return self.hand_out(await compute())
        while True:
            versions = tuple(version for version in found if version is not None)
            if len(versions) < len(tags):
                given = await self._store.versions(tags)
                if given is None:
                    return await self._bypass(compute)
                versions = given
            if not self._flights.has_landed((name, self._recipe.label), landings):
                break
            landings = self._flights.landings  # what was looked for has been stored since it was looked for
            again = await self._store.read(name, tags)
            if again is None:
                return await self._bypass(compute)
            entry, found = again
            if entry is not None and entry.versions == found and (old := self._recipe.restore(entry)):
                self._statistics.hits += 1
                return old.value
        self._statistics.misses += 1
        computation = Computation(self._store, self._recipe, name, tags, versions, compute)
        return await self._join(name, versions, computation, unit)

    async def _renew(
        self,
        name: str,
        tags: tuple[str, ...],
        entry: CacheEntry,
        compute: Callable[[], Awaitable[T]],
        unit: UnitOfWork | None,
    ) -> T:
        """Give out a value whose time is over while a new one is computed, or wait for that one."""
        flights, flight = self._flights, (name, self._recipe.label)
        policy, now = self._recipe.policy, self._store.now()
        computation = Computation(self._store, self._recipe, name, tags, entry.versions, compute, old=entry)
        is_running = flights.is_running(flight, entry.versions)
        may_wait = now < entry.fresh_until + policy.stale
        if may_wait and (is_running or unit is None):
            old = self._recipe.restore(entry)
            if old is not None:
                if not is_running:
                    flights.begin(flight, entry.versions, computation.run)
                if entry.fresh_until > now:
                    self._statistics.hits += 1
                else:
                    self._statistics.stale += 1
                return old.value
        self._statistics.misses += 1
        if unit is not None and unit.has_read:
            return self.hand_out(await compute())
        return await self._join(name, entry.versions, computation, unit)

    async def _join(
        self, name: str, versions: tuple[str, ...], computation: Computation[T], unit: UnitOfWork | None
    ) -> T:
        computed = await self._flights.run((name, self._recipe.label), versions, computation.run, detached=unit is None)
        return self._recipe.hand_out(computed)

    def _share(self, entry: CacheEntry, value: T) -> None:
        """Keep a decoded value with an entry that is met a second time, if callers may share it."""
        if entry.decoded is None:
            object.__setattr__(entry, "decoded", (None, None))
        elif is_immutable(value):
            object.__setattr__(entry, "decoded", (self, value))
        else:
            self._may_share = False

    def _is_fresh(self, entry: CacheEntry) -> bool:
        now = self._store.now()
        return now < entry.fresh_until and not self._recipe.policy.is_due(entry, now)


def is_bypassed() -> bool:
    """Whether the unit of work around has changed something, so that what it sees is not what others see."""
    unit = current_unit_of_work.get()
    return unit is not None and unit.changed
