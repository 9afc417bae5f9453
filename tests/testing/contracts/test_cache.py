"""The contract is worth what it catches: each broken backend fails the test that is meant for it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from fnmatch import fnmatch

import pytest

from cleanarch_kit.adapters.memory import InMemoryCacheBackend
from cleanarch_kit.application import CacheBackend, CacheEntry
from cleanarch_kit.testing.contracts.cache import CacheBackendContract

Found = tuple[Sequence[CacheEntry | None], tuple[str | None, ...]]


class Counting(InMemoryCacheBackend):
    """Versions begin at 1 again when a tag was forgotten."""

    async def tag_versions(self, tags: Sequence[str]) -> tuple[str, ...]:
        for tag in tags:
            self._versions.setdefault(tag, "1")
        return tuple(self._versions[tag] for tag in tags)


class GivingVersionsToReaders(InMemoryCacheBackend):
    async def get_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> Found:
        await self.tag_versions(tags)
        return await super().get_many(keys, tags)


class KeepingForEver(InMemoryCacheBackend):
    async def set_many(self, entries: Mapping[str, CacheEntry], ttl: float) -> None:
        await super().set_many(entries, 1e9)


class Globbing(InMemoryCacheBackend):
    async def clear(self, prefix: str) -> None:
        for kept in (self._entries, self._versions):
            for name in [name for name in kept if fnmatch(name, f"{prefix}*")]:
                del kept[name]


class OneSpace(InMemoryCacheBackend):
    """Deleting an entry deletes the tag of the same name."""

    async def delete_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> None:
        await super().delete_many([*keys, *tags], [*keys, *tags])


class Losing(InMemoryCacheBackend):
    """Forgets when a value was stored and how long it took."""

    async def set_many(self, entries: Mapping[str, CacheEntry], ttl: float) -> None:
        await super().set_many(
            {key: CacheEntry(entry.value, entry.tags, entry.versions, 0.0) for key, entry in entries.items()}, ttl
        )


class Ascii(InMemoryCacheBackend):
    async def get_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> Found:
        return await super().get_many([key.encode("ascii", "replace").decode() for key in keys], tags)


class Refusing(InMemoryCacheBackend):
    async def delete_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> None:
        if any(key not in self._entries for key in keys):
            raise KeyError
        await super().delete_many(keys, tags)


class Unlocked(InMemoryCacheBackend):
    @asynccontextmanager
    async def lock(self, name: str, lease: float) -> AsyncGenerator[bool]:
        yield True


class LockedForGood(InMemoryCacheBackend):
    @asynccontextmanager
    async def lock(self, name: str, lease: float) -> AsyncGenerator[bool]:
        if name in self._locks:
            yield False
        else:
            self._locks[name] = (None, 0.0)
            yield True


class GivingBackWhatIsNotItsOwn(InMemoryCacheBackend):
    @asynccontextmanager
    async def lock(self, name: str, lease: float) -> AsyncGenerator[bool]:
        now = self._clock()
        held = self._locks.get(name)
        if held is not None and held[1] > now:
            yield False
            return
        self._locks[name] = (None, now + lease)
        try:
            yield True
        finally:
            self._locks.pop(name, None)


class Hanging(InMemoryCacheBackend):
    """A call that is cancelled leaves the backend locked."""

    busy = False

    async def get_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> Found:
        if self.busy:
            raise ConnectionError
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False
        return await super().get_many(keys, tags)


class Contract(CacheBackendContract):
    def __init__(self, backend: type[InMemoryCacheBackend]) -> None:
        self._backend = backend
        self._now = 0.0

    def open_backend(self) -> CacheBackend:
        return self._backend(clock=lambda: self._now)

    async def let_pass(self, seconds: float) -> None:
        self._now += seconds


PLAIN: dict[str, Callable[[Contract], Callable[[CacheBackend, str], Awaitable[None]]]] = {
    "no version twice": lambda contract: contract.test_no_version_comes_twice,
    "reading": lambda contract: contract.test_reading_gives_no_tag_a_version,
    "time": lambda contract: contract.test_an_entry_is_gone_after_its_time,
    "spaces": lambda contract: contract.test_entries_tags_and_locks_of_one_name_are_apart,
    "as stored": lambda contract: contract.test_an_entry_is_read_as_it_was_stored,
    "deleting": lambda contract: contract.test_deleted_entries_are_gone_and_others_stay,
    "one holder": lambda contract: contract.test_one_holds_a_lock_at_a_time,
    "given back": lambda contract: contract.test_a_lock_is_given_back_on_every_way_out,
    "next holder": lambda contract: contract.test_a_lock_is_not_taken_from_the_next_holder,
    "cancelled": lambda contract: contract.test_a_cancelled_call_leaves_the_backend_usable,
    "clearing": lambda contract: (
        lambda backend, prefix: contract.test_clearing_takes_a_prefix_literally(backend, prefix, "[a]")
    ),
    "names": lambda contract: lambda backend, prefix: contract.test_a_name_is_any_text(backend, prefix, "zwölf"),
}


@pytest.mark.parametrize("test", PLAIN)
async def test_a_good_backend_passes(test: str) -> None:
    contract = Contract(InMemoryCacheBackend)
    await PLAIN[test](contract)(contract.open_backend(), "p:")


@pytest.mark.parametrize(
    ("backend", "test"),
    [
        (Counting, "no version twice"),
        (GivingVersionsToReaders, "reading"),
        (KeepingForEver, "time"),
        (OneSpace, "spaces"),
        (Losing, "as stored"),
        (Refusing, "deleting"),
        (Unlocked, "one holder"),
        (LockedForGood, "given back"),
        (GivingBackWhatIsNotItsOwn, "next holder"),
        (Hanging, "cancelled"),
        (Globbing, "clearing"),
        (Ascii, "names"),
    ],
)
async def test_a_broken_backend_is_caught(backend: type[InMemoryCacheBackend], test: str) -> None:
    contract = Contract(backend)
    with pytest.raises((AssertionError, KeyError, ConnectionError)):
        await PLAIN[test](contract)(contract.open_backend(), "p:")
