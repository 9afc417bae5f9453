import asyncio

import pytest

from cleanarch_kit.adapters.memory import InMemoryCacheBackend
from cleanarch_kit.application import CacheBackend, CacheEntry
from cleanarch_kit.errors import DefinitionError
from cleanarch_kit.testing.contracts.cache import CacheBackendContract


class Seconds:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


ENTRY = CacheEntry(b"1", (), (), 0.0)


class TestInMemoryCacheBackend(CacheBackendContract):
    @pytest.fixture(autouse=True)
    def _clock(self) -> None:
        self.seconds = Seconds()

    def open_backend(self) -> CacheBackend:
        return InMemoryCacheBackend(clock=self.seconds)

    async def let_pass(self, seconds: float) -> None:
        self.seconds.now += seconds


async def found(backend: CacheBackend, *names: str) -> list[bool]:
    entries, _ = await backend.get_many(names)
    return [entry is not None for entry in entries]


async def test_the_entry_used_longest_ago_makes_room() -> None:
    backend = InMemoryCacheBackend(max_entries=3)
    await backend.set_many({"a": ENTRY, "b": ENTRY, "c": ENTRY}, 60)
    await backend.get_many(["a"])
    await backend.set_many({"b": ENTRY}, 60)
    await backend.set_many({"d": ENTRY}, 60)
    assert await found(backend, "a", "b", "c", "d") == [True, True, False, True]


async def test_more_entries_at_once_than_there_is_room() -> None:
    backend = InMemoryCacheBackend(max_entries=2)
    await backend.set_many(dict.fromkeys("abcde", ENTRY), 60)
    assert await found(backend, *"abcde") == [False, False, False, True, True]


async def test_versions_are_bounded_and_those_in_use_stay() -> None:
    backend = InMemoryCacheBackend(max_entries=2)
    first = await backend.tag_versions(["in use"])
    for number in range(100):
        await backend.set_many({"k": CacheEntry(b"1", ("in use", "unknown"), (*first, "?"), 0.0)}, 60)
        await backend.tag_versions([f"passing {number}"])
    _, versions = await backend.get_many([], ["in use", "passing 0", "passing 99"])
    assert versions[0] == first[0]
    assert versions[1] is None
    assert versions[2] is not None
    many = await backend.tag_versions([f"many {number}" for number in range(100)])
    assert len(set(many)) == 100
    _, kept = await backend.get_many([], [f"many {number}" for number in range(100)])
    assert sum(version is not None for version in kept) == 8


async def test_an_expired_entry_makes_room_when_it_is_asked_for() -> None:
    seconds = Seconds()
    backend = InMemoryCacheBackend(max_entries=2, clock=seconds)
    await backend.set_many({"old": ENTRY}, 1)
    await backend.set_many({"a": ENTRY}, 60)
    seconds.now += 1
    assert await found(backend, "old") == [False]
    await backend.set_many({"b": ENTRY}, 60)
    assert await found(backend, "a", "b") == [True, True]


async def test_a_read_never_suspends() -> None:
    """So that a thousand callers who miss at once are all there before the first computation begins."""
    backend = InMemoryCacheBackend()
    with pytest.raises(StopIteration):
        backend.get_many(["a"], ["b"]).send(None)


async def test_the_same_entry_is_returned_again() -> None:
    backend = InMemoryCacheBackend()
    await backend.set_many({"a": ENTRY}, 60)
    (first,), _ = await backend.get_many(["a"])
    (second,), _ = await backend.get_many(["a"])
    assert first is second is ENTRY


async def test_closing_forgets_everything() -> None:
    backend = InMemoryCacheBackend()
    await backend.set_many({"a": ENTRY}, 60)
    versions = await backend.tag_versions(["t"])
    async with backend.lock("l", 60):
        await backend.close()
        assert await found(backend, "a") == [False]
        assert await backend.tag_versions(["t"]) != versions
        async with backend.lock("l", 60) as is_mine:
            assert is_mine


@pytest.mark.parametrize("max_entries", [0, -1])
def test_there_is_room_for_one_entry_at_least(max_entries: int) -> None:
    with pytest.raises(DefinitionError, match=f"max_entries must be at least 1, not {max_entries}"):
        InMemoryCacheBackend(max_entries=max_entries)


def test_one_backend_in_one_loop_after_another() -> None:
    backend = InMemoryCacheBackend()
    asyncio.run(backend.set_many({"a": ENTRY}, 60))
    assert asyncio.run(found(backend, "a")) == [True]
