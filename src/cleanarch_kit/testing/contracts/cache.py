"""What every `CacheBackend` promises, as tests."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from cleanarch_kit.application.ports.cache import CacheBackend, CacheEntry

__all__ = ["CacheBackendContract"]

_NAMES = (
    "plain",
    "",
    "with:colon",
    "a*",
    "a?",
    "[a]",
    "a\\",
    "%41",
    "a b",
    "zwölf",
    "\U0001f600",
    "n\nl",
    "nul\0",
    "\ud800",
)
_LONG = 30.0


class CacheBackendContract(ABC):
    """Tests for a cache backend.

    Derive a test class from it and open your backend there:

        class TestMyCacheBackend(CacheBackendContract):
            def open_backend(self) -> CacheBackend:
                return MyCacheBackend(...)

    They need pytest-asyncio in its automatic mode. A store that others use at the same time is no problem: all names
    begin with a prefix that is made for each test, and what is under it is removed at the end.
    """

    @abstractmethod
    def open_backend(self) -> CacheBackend:
        """A backend to test; it is closed after each test."""

    async def let_pass(self, seconds: float) -> None:
        """Let time pass for the backend. Override it where its clock can be set."""
        await asyncio.sleep(seconds)

    @pytest.fixture
    def prefix(self) -> str:
        """The beginning of all names in one test."""
        return f"contract-{uuid4().hex}:"

    @pytest.fixture
    async def backend(self, prefix: str) -> AsyncIterator[CacheBackend]:
        """The backend of one test."""
        backend = self.open_backend()
        try:
            yield backend
        finally:
            await backend.clear(prefix)
            await backend.close()

    async def test_an_entry_is_read_as_it_was_stored(self, backend: CacheBackend, prefix: str) -> None:
        entry = CacheEntry(b"\x00\xff\n|{}", (f"{prefix}one", f"{prefix}two"), ("1", "2"), 1_700_000_000.25, 0.125)
        await backend.set_many({f"{prefix}k": entry}, _LONG)
        entries, versions = await backend.get_many([f"{prefix}k"])
        assert list(entries) == [entry]
        assert versions == ()

    async def test_values_of_every_size_are_kept(self, backend: CacheBackend, prefix: str) -> None:
        values = {f"{prefix}{size}": CacheEntry(b"x" * size, (), (), 0.0) for size in (0, 1, 1_000_000)}
        await backend.set_many(values, _LONG)
        entries, _ = await backend.get_many(list(values))
        assert list(entries) == list(values.values())

    async def test_what_is_not_there_is_none_in_its_place(self, backend: CacheBackend, prefix: str) -> None:
        entry = CacheEntry(b"1", (), (), 0.0)
        await backend.set_many({f"{prefix}b": entry}, _LONG)
        entries, versions = await backend.get_many(
            [f"{prefix}a", f"{prefix}b", f"{prefix}a", f"{prefix}b"], [f"{prefix}t"]
        )
        assert list(entries) == [None, entry, None, entry]
        assert versions == (None,)

    async def test_nothing_is_asked_for(self, backend: CacheBackend) -> None:
        entries, versions = await backend.get_many([])
        assert (list(entries), versions) == ([], ())
        assert await backend.tag_versions([]) == ()
        await backend.set_many({}, _LONG)
        await backend.delete_many([])

    async def test_storing_again_replaces(self, backend: CacheBackend, prefix: str) -> None:
        first, second = CacheEntry(b"1", (), (), 1.0), CacheEntry(b"2", (), (), 2.0)
        await backend.set_many({f"{prefix}k": first}, _LONG)
        await backend.set_many({f"{prefix}k": second}, _LONG)
        entries, _ = await backend.get_many([f"{prefix}k"])
        assert list(entries) == [second]

    async def test_an_entry_is_gone_after_its_time(self, backend: CacheBackend, prefix: str) -> None:
        await backend.set_many({f"{prefix}short": CacheEntry(b"1", (), (), 0.0)}, 0.1)
        await backend.set_many({f"{prefix}long": CacheEntry(b"1", (), (), 0.0)}, _LONG)
        entries, _ = await backend.get_many([f"{prefix}short"])
        assert entries[0] is not None
        await self.let_pass(0.15)
        entries, _ = await backend.get_many([f"{prefix}short", f"{prefix}long"])
        assert entries[0] is None
        assert entries[1] is not None

    async def test_storing_again_begins_a_new_time(self, backend: CacheBackend, prefix: str) -> None:
        entry = CacheEntry(b"1", (), (), 0.0)
        await backend.set_many({f"{prefix}k": entry}, 0.1)
        await backend.set_many({f"{prefix}k": entry}, _LONG)
        await self.let_pass(0.15)
        entries, _ = await backend.get_many([f"{prefix}k"])
        assert entries[0] == entry

    async def test_deleted_entries_are_gone_and_others_stay(self, backend: CacheBackend, prefix: str) -> None:
        names = [f"{prefix}{name}" for name in ("a", "b", "c")]
        await backend.set_many({name: CacheEntry(b"1", (), (), 0.0) for name in names}, _LONG)
        await backend.delete_many([names[0], names[2], f"{prefix}missing"])
        entries, _ = await backend.get_many(names)
        assert [entry is not None for entry in entries] == [False, True, False]

    async def test_a_tag_keeps_its_version(self, backend: CacheBackend, prefix: str) -> None:
        tags = [f"{prefix}a", f"{prefix}b"]
        versions = await backend.tag_versions(tags)
        assert await backend.tag_versions(tags) == versions
        assert await backend.tag_versions(tags[::-1]) == versions[::-1]
        _, read = await backend.get_many([], [*tags, f"{prefix}c"])
        assert read == (*versions, None)

    async def test_reading_gives_no_tag_a_version(self, backend: CacheBackend, prefix: str) -> None:
        for _ in range(2):
            _, versions = await backend.get_many([], [f"{prefix}t"])
            assert versions == (None,)

    async def test_storing_gives_no_tag_a_version(self, backend: CacheBackend, prefix: str) -> None:
        await backend.set_many({f"{prefix}k": CacheEntry(b"1", (f"{prefix}t",), ("old",), 0.0)}, _LONG)
        _, versions = await backend.get_many([], [f"{prefix}t"])
        assert versions == (None,)

    async def test_no_version_comes_twice(self, backend: CacheBackend, prefix: str) -> None:
        seen: set[str] = set()
        tags = [f"{prefix}a", f"{prefix}b"]
        for _ in range(50):
            versions = await backend.tag_versions(tags)
            assert seen.isdisjoint(versions)
            seen.update(versions)
            await backend.delete_many([], tags)
        assert len(seen) == 100

    async def test_all_who_ask_at_once_get_the_same_version(self, backend: CacheBackend, prefix: str) -> None:
        tags = [f"{prefix}a", f"{prefix}b"]
        answers = await asyncio.gather(*(backend.tag_versions(tags) for _ in range(30)))
        assert len(set(answers)) == 1

    async def test_versions_last_as_long_as_entries(self, backend: CacheBackend, prefix: str) -> None:
        tags = (f"{prefix}t",)
        versions = await backend.tag_versions(tags)
        entry = CacheEntry(b"1", tags, versions, 0.0)
        await backend.set_many({f"{prefix}k": entry}, 0.3)
        await self.let_pass(0.2)
        entries, read = await backend.get_many([f"{prefix}k"], tags)
        assert list(entries) == [entry]
        assert read == versions

    async def test_entries_tags_and_locks_of_one_name_are_apart(self, backend: CacheBackend, prefix: str) -> None:
        name = f"{prefix}same"
        entry = CacheEntry(b"1", (), (), 0.0)
        await backend.set_many({name: entry}, _LONG)
        versions = await backend.tag_versions([name])
        async with backend.lock(name, _LONG) as is_mine:
            assert is_mine
            entries, read = await backend.get_many([name], [name])
            assert (list(entries), read) == ([entry], versions)
            await backend.delete_many([name])
            assert await backend.tag_versions([name]) == versions
            await backend.set_many({name: entry}, _LONG)
            await backend.delete_many([], [name])
            entries, read = await backend.get_many([name], [name])
            assert (list(entries), read) == ([entry], (None,))

    @pytest.mark.parametrize("name", _NAMES)
    async def test_a_name_is_any_text(self, backend: CacheBackend, prefix: str, name: str) -> None:
        mine, others = f"{prefix}{name}", [f"{prefix}{other}" for other in _NAMES if other != name]
        tags = (mine,)
        versions = await backend.tag_versions(tags)
        entry = CacheEntry(b"1", tags, versions, 0.0)
        await backend.set_many({mine: entry}, _LONG)
        entries, read = await backend.get_many([mine, *others], [mine, *others])
        assert list(entries) == [entry, *[None] * len(others)]
        assert read == (*versions, *[None] * len(others))
        async with backend.lock(mine, _LONG) as is_mine, backend.lock(others[0], _LONG) as is_mine_too:
            assert (is_mine, is_mine_too) == (True, True)

    @pytest.mark.parametrize("name", _NAMES)
    async def test_clearing_takes_a_prefix_literally(self, backend: CacheBackend, prefix: str, name: str) -> None:
        inside, outside = f"{prefix}{name}.inside", f"{prefix}x{name}.outside"
        for stored in (inside, outside):
            await backend.set_many({stored: CacheEntry(b"1", (), (), 0.0)}, _LONG)
            await backend.tag_versions([stored])
        await backend.clear(f"{prefix}{name}.")
        entries, versions = await backend.get_many([inside, outside], [inside, outside])
        assert [entry is not None for entry in entries] == [False, True]
        assert [version is not None for version in versions] == [False, True]

    async def test_clearing_reaches_every_name(self, backend: CacheBackend, prefix: str) -> None:
        names = [f"{prefix}{number}" for number in range(2_000)]
        await backend.set_many({name: CacheEntry(b"1", (), (), 0.0) for name in names}, _LONG)
        await backend.tag_versions(names)
        await backend.clear(prefix)
        entries, versions = await backend.get_many(names, names)
        assert set(entries) == {None}
        assert set(versions) == {None}

    async def test_one_holds_a_lock_at_a_time(self, backend: CacheBackend, prefix: str) -> None:
        async with backend.lock(f"{prefix}l", _LONG) as first:
            async with backend.lock(f"{prefix}l", _LONG) as second:
                assert (first, second) == (True, False)
            async with backend.lock(f"{prefix}l", _LONG) as third:  # the one who found it held did not give it back
                assert not third
        async with backend.lock(f"{prefix}l", _LONG) as fourth:
            assert fourth

    async def test_a_lock_is_given_back_on_every_way_out(self, backend: CacheBackend, prefix: str) -> None:
        with pytest.raises(LookupError):
            async with backend.lock(f"{prefix}l", _LONG):
                raise LookupError
        held = asyncio.Event()

        async def hold() -> None:
            async with backend.lock(f"{prefix}l", _LONG) as is_mine:
                held.set()
                assert is_mine
                await asyncio.Event().wait()

        holder = asyncio.create_task(hold())
        await held.wait()
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder
        async with backend.lock(f"{prefix}l", _LONG) as is_mine:
            assert is_mine

    async def test_a_lock_ends_with_its_lease(self, backend: CacheBackend, prefix: str) -> None:
        async with backend.lock(f"{prefix}l", 0.1) as first:
            await self.let_pass(0.15)
            async with backend.lock(f"{prefix}l", _LONG) as second:
                assert (first, second) == (True, True)

    async def test_a_lock_is_not_taken_from_the_next_holder(self, backend: CacheBackend, prefix: str) -> None:
        first = backend.lock(f"{prefix}l", 0.1)
        assert await first.__aenter__()
        await self.let_pass(0.15)
        async with backend.lock(f"{prefix}l", _LONG) as second:
            assert second
            await first.__aexit__(None, None, None)
            async with backend.lock(f"{prefix}l", _LONG) as third:
                assert not third

    async def test_a_cancelled_call_leaves_the_backend_usable(self, backend: CacheBackend, prefix: str) -> None:
        entry = CacheEntry(b"1", (), (), 0.0)
        for suspensions in range(6):
            for call in (
                backend.set_many({f"{prefix}k": entry}, _LONG),
                backend.get_many([f"{prefix}other"], [f"{prefix}t"]),
                backend.tag_versions([f"{prefix}t"]),
                backend.delete_many([f"{prefix}other"]),
            ):
                task = asyncio.ensure_future(call)
                for _ in range(suspensions):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            await backend.set_many({f"{prefix}k": entry}, _LONG)
            entries, versions = await backend.get_many([f"{prefix}k"], [f"{prefix}t"])
            assert list(entries) == [entry]
            assert versions == await backend.tag_versions([f"{prefix}t"]) or versions == (None,)

    async def test_closing_twice_is_no_error(self) -> None:
        backend = self.open_backend()
        await backend.close()
        await backend.close()
