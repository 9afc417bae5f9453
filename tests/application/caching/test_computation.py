import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel, field_validator

from cleanarch_kit.adapters.memory import InMemoryCacheBackend
from cleanarch_kit.application import CacheEntry, Codec
from cleanarch_kit.application.caching.computation import Computation, Computed, Recipe
from cleanarch_kit.application.caching.policy import CachePolicy
from cleanarch_kit.application.caching.store import CacheStore
from cleanarch_kit.errors import DomainError, InvalidValueError, NotFoundError, TransientError

SECRET = "hunter2"
NAME, TAGS = "ns:=k", ("ns:=k", "ns:#t")


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Backend(InMemoryCacheBackend):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[float] = []
        self.lock_fails_at: str | None = None
        self.attempts = 0
        self.asked_ten_times = asyncio.Event()

    async def set_many(self, entries: Mapping[str, CacheEntry], ttl: float) -> None:
        self.kept.append(ttl)
        await super().set_many(entries, ttl)

    @asynccontextmanager
    async def lock(self, name: str, lease: float) -> AsyncGenerator[bool]:
        self.attempts += 1
        if self.attempts == 10:
            self.asked_ten_times.set()
        if self.lock_fails_at == "begin":
            raise ConnectionError(SECRET)
        async with super().lock(name, lease) as is_mine:
            yield is_mine
        if self.lock_fails_at == "end":
            raise ConnectionError(SECRET)


class OneWay(BaseModel):
    """Written as what it does not read."""

    value: int

    @field_validator("value")
    @classmethod
    def refuse(cls, value: int) -> int:
        if value == 13:
            raise ValueError(SECRET)
        return value


class Bench:
    """A store with one entry to compute."""

    def __init__(self) -> None:
        self.backend = Backend()
        self.clock = Clock()
        self.store = CacheStore(self.backend, "ns", self.clock)

    async def computation(
        self,
        compute: Callable[[], Awaitable[int]],
        policy: CachePolicy = CachePolicy(60),  # noqa: B008 - a value
        old: CacheEntry | None = None,
    ) -> Computation[int]:
        versions = await self.backend.tag_versions(TAGS)
        return Computation(self.store, Recipe("a number", Codec[int](int), policy), NAME, TAGS, versions, compute, old)

    async def old(self, fresh_for: float, value: bytes = b"1") -> CacheEntry:
        versions = await self.backend.tag_versions(TAGS)
        return CacheEntry(value, TAGS, versions, self.store.now() + fresh_for)

    async def entry(self) -> CacheEntry | None:
        (entry,), _ = await self.backend.get_many([NAME])
        return entry


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def seven() -> int:
    return 7


def failing(error: Exception) -> Callable[[], Awaitable[int]]:
    async def fail() -> int:
        raise error

    return fail


class TestRecipe:
    def test_a_value_is_handed_out_as_it_would_be_read(self) -> None:
        recipe = Recipe("a list", Codec[list[int]](list[int]), CachePolicy(60))
        value = [1]
        handed = recipe.hand_out(recipe.encode(value))
        assert handed == value
        assert handed is not value

    def test_a_value_without_a_form_is_handed_out_as_it_is_and_told_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        recipe = Recipe("users.get", Codec[object](int), CachePolicy(60))
        for _ in range(2):
            assert recipe.hand_out(recipe.encode(SECRET)) == SECRET
        (record,) = caplog.records
        assert record.getMessage() == "users.get is not cached: int must be of its declared type and have a JSON form"
        assert record.levelno == logging.WARNING

    def test_a_value_that_cannot_be_read_again_is_handed_out_as_it_is(self, caplog: pytest.LogCaptureFixture) -> None:
        recipe = Recipe("users.get", Codec[OneWay](OneWay), CachePolicy(60))
        value = OneWay.model_construct(value=13)
        for _ in range(2):
            assert recipe.hand_out(recipe.encode(value)) is value
        assert len(caplog.records) == 1
        assert SECRET not in caplog.text

    def test_an_entry_of_another_type_is_not_restored(self) -> None:
        recipe = Recipe("a number", Codec[int](int), CachePolicy(60))
        assert recipe.restore(CacheEntry(b'"x"', (), (), 0.0)) is None
        assert recipe.restore(CacheEntry(b"5", (), (), 0.0)) == Computed(5, b"5")


class TestComputing:
    async def test_the_entry_has_the_versions_of_before(self, bench: Bench) -> None:
        async def invalidated_meanwhile() -> int:
            await bench.backend.delete_many([], ["ns:#t"])
            return 7

        computation = await bench.computation(invalidated_meanwhile)
        before = await bench.backend.tag_versions(TAGS)
        assert await computation.run() == Computed(7, b"7")
        entry = await bench.entry()
        assert entry is not None
        assert (entry.value, entry.tags, entry.versions) == (b"7", TAGS, before)
        assert await bench.backend.tag_versions(TAGS) != before

    async def test_it_is_fresh_and_kept_for_as_long_as_the_policy_says(self, bench: Bench) -> None:
        computation = await bench.computation(seven, CachePolicy(60, stale=30, stale_on_error=100))
        await computation.run()
        entry = await bench.entry()
        assert entry is not None
        assert entry.fresh_until == bench.store.now() + 60
        assert 0 <= entry.load_time < 5
        assert bench.backend.kept == [160]

    async def test_jitter_takes_off_the_same_from_both(self, bench: Bench) -> None:
        computation = await bench.computation(seven, CachePolicy(60, jitter=0.5, stale=30))
        await computation.run()
        entry = await bench.entry()
        assert entry is not None
        assert bench.backend.kept[0] == pytest.approx(entry.fresh_until - bench.store.now() + 30)
        assert 30 <= entry.fresh_until - bench.store.now() <= 60

    async def test_a_value_without_a_form_is_not_stored(self, bench: Bench) -> None:
        versions = await bench.backend.tag_versions(TAGS)
        recipe = Recipe("a number", Codec[object](int), CachePolicy(60))

        async def text() -> object:
            return SECRET

        computation = Computation(bench.store, recipe, NAME, TAGS, versions, text)
        assert await computation.run() == Computed(SECRET, None)
        assert bench.backend.kept == []

    async def test_an_error_is_raised_and_nothing_stored(self, bench: Bench) -> None:
        computation = await bench.computation(failing(LookupError()))
        with pytest.raises(LookupError):
            await computation.run()
        assert bench.backend.kept == []


class TestOldValues:
    async def test_a_fault_is_answered_with_the_old_value(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        policy = CachePolicy(60, stale_on_error=100)
        computation = await bench.computation(failing(TransientError(SECRET)), policy, await bench.old(-50))
        assert await computation.run() == Computed(1, b"1")
        assert [record.getMessage() for record in caplog.records] == [
            "a number failed (TransientError): the old value is used"
        ]
        assert bench.backend.kept == []

    @pytest.mark.parametrize("error", [DomainError(), NotFoundError("User", 1), InvalidValueError("Email", "must not")])
    async def test_an_answer_is_no_fault(self, bench: Bench, error: Exception) -> None:
        policy = CachePolicy(60, stale_on_error=100)
        computation = await bench.computation(failing(error), policy, await bench.old(-50))
        with pytest.raises(type(error)):
            await computation.run()

    async def test_an_old_value_has_its_time(self, bench: Bench) -> None:
        policy = CachePolicy(60, stale=20, stale_on_error=100)
        computation = await bench.computation(failing(LookupError()), policy, await bench.old(-99))
        assert await computation.run() == Computed(1, b"1")
        bench.clock.time += timedelta(seconds=1)
        with pytest.raises(LookupError):
            await computation.run()

    async def test_an_old_value_of_another_type_is_none(self, bench: Bench) -> None:
        policy = CachePolicy(60, stale_on_error=100)
        computation = await bench.computation(failing(LookupError()), policy, await bench.old(-50, b'"x"'))
        with pytest.raises(LookupError):
            await computation.run()

    async def test_a_new_value_is_better(self, bench: Bench) -> None:
        computation = await bench.computation(seven, CachePolicy(60, stale_on_error=100), await bench.old(-50))
        assert await computation.run() == Computed(7, b"7")


LOCKED = CachePolicy(60, lock=True)


class TestInTurn:
    async def test_one_computes_and_the_others_wait_for_its_value(self, bench: Bench) -> None:
        calls = 0

        async def slow() -> int:
            nonlocal calls
            calls += 1
            await bench.backend.asked_ten_times.wait()
            return 7

        tasks = [asyncio.create_task((await bench.computation(slow, LOCKED)).run()) for _ in range(4)]
        assert await asyncio.gather(*tasks) == [Computed(7, b"7")] * 4
        assert calls == 1
        assert bench.backend._locks == {}

    async def test_the_next_one_computes_when_the_first_fails(self, bench: Bench) -> None:
        go_on = asyncio.Event()

        async def fail() -> int:
            await go_on.wait()
            raise LookupError

        first = asyncio.create_task((await bench.computation(fail, LOCKED)).run())
        await asyncio.sleep(0)
        second = asyncio.create_task((await bench.computation(seven, LOCKED)).run())
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(LookupError):
            await first
        assert await second == Computed(7, b"7")

    async def test_the_next_one_computes_when_the_first_is_cancelled(self, bench: Bench) -> None:
        async def hang() -> int:
            await asyncio.Event().wait()
            return 0

        first = asyncio.create_task((await bench.computation(hang, LOCKED)).run())
        await asyncio.sleep(0)
        second = asyncio.create_task((await bench.computation(seven, LOCKED)).run())
        await asyncio.sleep(0)
        first.cancel()
        assert await second == Computed(7, b"7")

    async def test_nobody_waits_longer_than_a_lease(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cleanarch_kit.application.caching.computation.LEASE", 0.05)
        async with bench.backend.lock(NAME, 3600) as is_mine:
            assert is_mine
            computation = await bench.computation(seven, LOCKED)
            assert await asyncio.wait_for(computation.run(), 5) == Computed(7, b"7")

    async def test_whoever_has_the_lock_looks_first(self, bench: Bench) -> None:
        computation = await bench.computation(failing(LookupError()), LOCKED)
        versions = await bench.backend.tag_versions(TAGS)
        await bench.backend.set_many({NAME: CacheEntry(b"5", TAGS, versions, bench.store.now() + 9)}, 60)
        assert await computation.run() == Computed(5, b"5")

    @pytest.mark.parametrize("stored", [b"stale", b"invalid", b'"other type"'])
    async def test_what_may_not_be_used_is_not_found(self, bench: Bench, stored: bytes) -> None:
        computation = await bench.computation(seven, LOCKED)
        versions = await bench.backend.tag_versions(TAGS)
        now = bench.store.now()
        entry = {
            b"stale": CacheEntry(b"5", TAGS, versions, now),
            b"invalid": CacheEntry(b"5", TAGS, ("old", *versions[1:]), now + 9),
        }.get(stored, CacheEntry(stored, TAGS, versions, now + 9))
        await bench.backend.set_many({NAME: entry}, 60)
        assert await computation.run() == Computed(7, b"7")

    async def test_the_versions_are_those_of_when_the_lock_was_had(self, bench: Bench) -> None:
        """An invalidation while it waited does not make its own value invalid."""
        computation = await bench.computation(seven, LOCKED)
        await bench.backend.delete_many([], TAGS)
        await computation.run()
        entry = await bench.entry()
        assert entry is not None
        assert entry.versions == await bench.backend.tag_versions(TAGS)

    @pytest.mark.parametrize("when", ["begin", "end"])
    async def test_a_lock_that_fails_stops_nobody(self, bench: Bench, when: str) -> None:
        bench.backend.lock_fails_at = when
        computation = await bench.computation(seven, LOCKED)
        assert await computation.run() == Computed(7, b"7")
        assert bench.store.guard.faults == 1

    async def test_a_lock_that_fails_hides_no_error(self, bench: Bench) -> None:
        bench.backend.lock_fails_at = "end"
        computation = await bench.computation(failing(LookupError()), LOCKED)
        with pytest.raises(LookupError):
            await computation.run()

    async def test_with_an_old_value_nobody_waits(self, bench: Bench) -> None:
        policy = CachePolicy(60, stale=100, lock=True)
        async with bench.backend.lock(NAME, 3600):
            computation = await bench.computation(failing(LookupError()), policy, await bench.old(-5))
            assert await computation.run() == Computed(1, b"1")

    async def test_an_old_value_of_another_type_is_waited_for(self, bench: Bench) -> None:
        policy = CachePolicy(60, stale=100, lock=True)
        lock = bench.backend.lock(NAME, 3600)
        await lock.__aenter__()
        computation = await bench.computation(seven, policy, await bench.old(-5, b'"x"'))
        task = asyncio.create_task(computation.run())
        await asyncio.sleep(0)
        await lock.__aexit__(None, None, None)
        assert await task == Computed(7, b"7")

    async def test_a_backend_that_fails_meanwhile_stops_nobody(self, bench: Bench) -> None:
        computation = await bench.computation(seven, LOCKED)
        for _ in range(3):
            bench.store.guard.failed(ConnectionError())
        assert await computation.run() == Computed(7, b"7")
        assert bench.backend.kept == []
