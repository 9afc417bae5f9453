import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from cleanarch_kit.adapters.memory import InMemoryCacheBackend, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.application import CacheEntry, Codec
from cleanarch_kit.application.caching.computation import Recipe
from cleanarch_kit.application.caching.policy import CachePolicy
from cleanarch_kit.application.caching.reader import CacheReader, is_bypassed
from cleanarch_kit.application.caching.store import CacheStatistics, CacheStore
from cleanarch_kit.testing.cancellation import cancel_everywhere

KEY, TAG = "ns:=k", "ns:#t"
TAGS = (KEY, TAG)


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Backend(InMemoryCacheBackend):
    """Suspends in every call, and fails on demand."""

    def __init__(self, suspensions: int = 1) -> None:
        super().__init__()
        self.suspensions = suspensions
        self.failing: set[str] = set()
        self.slow_answers: list[asyncio.Event] = []

    async def _called(self, name: str) -> None:
        for _ in range(self.suspensions):
            await asyncio.sleep(0)
        if name in self.failing:
            raise ConnectionError

    async def get_many(
        self, keys: Sequence[str], tags: Sequence[str] = ()
    ) -> tuple[Sequence[CacheEntry | None], tuple[str | None, ...]]:
        await self._called("get_many")
        found = await super().get_many(keys, tags)
        if self.slow_answers:
            await self.slow_answers.pop().wait()
        return found

    async def set_many(self, entries: Mapping[str, CacheEntry], ttl: float) -> None:
        await self._called("set_many")
        await super().set_many(entries, ttl)

    async def delete_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> None:
        await self._called("delete_many")
        await super().delete_many(keys, tags)

    async def tag_versions(self, tags: Sequence[str]) -> tuple[str, ...]:
        await self._called("tag_versions")
        return await super().tag_versions(tags)


class Unit(InMemoryUnitOfWork):
    """Says of itself what it is told to."""

    def __init__(self, *, changed: bool = False, has_read: bool = False) -> None:
        super().__init__(InMemoryStore())
        self._says_changed = changed
        self._says_read = has_read

    @property
    def changed(self) -> bool:
        return self._says_changed

    @property
    def has_read(self) -> bool:
        return self._says_read


class Bench:
    """A reader, and what it reads."""

    def __init__(self, policy: CachePolicy = CachePolicy(60), backend: Backend | None = None) -> None:  # noqa: B008
        self.backend = backend or Backend()
        self.clock = Clock()
        self.store = CacheStore(self.backend, "ns", self.clock)
        self.reader = CacheReader(self.store, Recipe("numbers", Codec[list[int]](list[int]), policy))
        self.row = 1
        self.calls = 0
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def load(self) -> list[int]:
        self.calls += 1
        row = self.row
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [row]

    def get(self) -> Coroutine[Any, Any, list[int]]:
        return self.reader.get(KEY, TAGS, self.load)

    def refresh(self) -> Coroutine[Any, Any, list[int]]:
        return self.reader.refresh(KEY, TAGS, self.load)

    async def invalidate(self) -> None:
        await self.backend.delete_many([], [TAG])

    def pass_time(self, seconds: float) -> None:
        self.clock.time += timedelta(seconds=seconds)

    @property
    def counted(self) -> CacheStatistics:
        return self.store.statistics


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class TestHitsAndMisses:
    async def test_computed_once(self) -> None:
        bench = Bench()
        assert [await bench.get() for _ in range(3)] == [[1]] * 3
        assert bench.calls == 1
        assert bench.counted == CacheStatistics(hits=2, misses=1)

    async def test_everybody_has_a_copy_of_his_own(self) -> None:
        bench = Bench()
        results = [*await asyncio.gather(bench.get(), bench.get()), await bench.get(), await bench.get()]
        for result in results:
            assert result == [1]
            result.append(2)
        assert bench.calls == 1

    async def test_an_error_is_not_stored(self) -> None:
        bench = Bench()
        bench.error = LookupError()
        with pytest.raises(LookupError):
            await bench.get()
        bench.error = None
        assert await bench.get() == [1]

    @pytest.mark.parametrize("garbage", [b"", b"{", b'"x"', b"\xff", b'{"a":1}', b"[1e400]", b"[" * 100_000])
    async def test_what_does_not_decode_is_a_miss(self, garbage: bytes) -> None:
        bench = Bench()
        await bench.get()
        versions = await bench.backend.tag_versions(TAGS)
        await bench.backend.set_many({KEY: CacheEntry(garbage, TAGS, versions, 0.0)}, 60)
        assert await bench.get() == [1]
        assert await bench.get() == [1]
        assert bench.calls == 2
        assert bench.counted == CacheStatistics(hits=1, misses=2, undecodable=1)

    async def test_an_entry_under_other_versions_is_a_miss(self) -> None:
        bench = Bench()
        await bench.get()
        for versions in ((), ("1",), ("1", "2", "3"), ("2", "1")):
            await bench.backend.set_many({KEY: CacheEntry(b"[5]", TAGS, versions, 9e9)}, 60)
            assert await bench.get() == [1]

    async def test_immutable_values_are_decoded_once(self) -> None:
        bench = Bench()
        decoded: list[bytes] = []

        class Counting(Codec[tuple[int, ...]]):
            def decode(self, data: bytes) -> tuple[int, ...]:
                decoded.append(data)
                return super().decode(data)

        reader = CacheReader(bench.store, Recipe("numbers", Counting(tuple[int, ...]), CachePolicy(60)))

        async def load() -> tuple[int, ...]:
            return (1, 2)

        results = [await reader.get(KEY, TAGS, load) for _ in range(10)]
        assert results == [(1, 2)] * 10
        assert len(decoded) == 3  # handing out, the first hit, and the second, which keeps it
        assert results[4] is results[9]
        assert bench.counted.hits == 9

    async def test_two_readers_of_one_entry_do_not_get_each_others_values(self) -> None:
        bench = Bench()
        numbers = CacheReader(bench.store, Recipe("numbers", Codec[int](int), CachePolicy(60)))
        texts = CacheReader(bench.store, Recipe("texts", Codec[bool](bool), CachePolicy(60)))

        async def one() -> int:
            return 1

        async def true() -> bool:
            return True

        for _ in range(4):
            assert type(await numbers.get(KEY, TAGS, one)) is int
            assert type(await texts.get(KEY, TAGS, true)) is bool


class TestInvalidation:
    async def test_a_loader_that_began_before_never_brings_the_old_value_back(self) -> None:
        bench = Bench()
        bench.gate = gate = asyncio.Event()
        slow = asyncio.create_task(bench.get())
        await settle()
        bench.row = 2
        await bench.invalidate()
        late = asyncio.create_task(bench.get())
        await settle()
        bench.gate = None
        gate.set()
        assert await slow == [1]
        assert await late == [2]
        assert await bench.get() == [2]

    async def test_an_old_value_that_is_stored_last_is_not_read(self) -> None:
        bench = Bench()
        bench.gate = first_gate = asyncio.Event()
        slow = asyncio.create_task(bench.get())
        await settle()
        bench.row, bench.gate = 2, None
        await bench.invalidate()
        assert await bench.get() == [2]
        first_gate.set()
        assert await slow == [1]
        assert await bench.get() == [2]

    async def test_a_refresh_beats_what_began_before(self) -> None:
        bench = Bench()
        bench.gate = gate = asyncio.Event()
        slow = asyncio.create_task(bench.get())
        await settle()
        bench.row, bench.gate = 2, None
        assert await bench.refresh() == [2]
        assert await bench.get() == [2]
        gate.set()
        assert await slow == [1]
        assert await bench.get() == [2]

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.sampled_from(["read", "write", "refresh", "go on"]), min_size=5, max_size=25))
    def test_whoever_asks_after_an_invalidation_sees_what_was_there_then(self, steps: list[str]) -> None:
        """Reads that overlap with writes in every order: none returns a row older than at its own beginning."""

        async def play() -> None:
            bench = Bench()
            gates: list[asyncio.Event] = []
            reads: list[tuple[int, asyncio.Task[list[int]]]] = []

            async def load() -> list[int]:
                row, gate = bench.row, asyncio.Event()
                gates.append(gate)
                await gate.wait()
                return [row]

            for step in steps:
                if step == "write":
                    bench.row += 1
                    await bench.invalidate()
                elif step == "go on" and gates:
                    gates.pop(0).set()
                elif step != "go on":
                    ask = bench.reader.get if step == "read" else bench.reader.refresh
                    reads.append((bench.row, asyncio.create_task(ask(KEY, TAGS, load))))
                await settle()
            for _ in reads:
                for gate in gates:
                    gate.set()
                await settle()
            for row_at_the_beginning, read in reads:
                assert (await read)[0] >= row_at_the_beginning

        asyncio.run(play())


class TestOneComputation:
    async def test_a_thousand_who_miss_at_once(self) -> None:
        bench = Bench()
        bench.gate = asyncio.Event()
        tasks = [asyncio.create_task(bench.get()) for _ in range(1000)]
        await settle()
        tasks[0].cancel()
        bench.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert bench.calls == 1
        assert results[1:] == [[1]] * 999

    @pytest.mark.parametrize("is_known", [True, False], ids=["versions known", "versions new"])
    async def test_one_who_hears_of_a_miss_when_the_value_is_there_already(self, is_known: bool) -> None:
        bench = Bench()
        if is_known:
            await bench.backend.tag_versions(TAGS)
        bench.backend.slow_answers = [answer := asyncio.Event()]
        slow = asyncio.create_task(bench.get())
        await settle()
        assert await bench.get() == [1]
        answer.set()
        assert await slow == [1]
        assert bench.calls == 1
        assert bench.counted == CacheStatistics(hits=1, misses=1)

    async def test_and_when_it_is_gone_again(self) -> None:
        bench = Bench()
        bench.backend.slow_answers = [answer := asyncio.Event()]
        slow = asyncio.create_task(bench.get())
        await settle()
        assert await bench.get() == [1]
        bench.row = 2
        await bench.invalidate()
        answer.set()
        assert await slow == [2]
        assert bench.calls == 2

    async def test_and_when_the_backend_fails_then(self) -> None:
        bench = Bench()
        bench.backend.slow_answers = [answer := asyncio.Event()]
        slow = asyncio.create_task(bench.get())
        await settle()
        assert await bench.get() == [1]
        bench.backend.failing = {"get_many"}
        answer.set()
        assert await slow == [1]
        assert bench.calls == 2
        assert bench.counted == CacheStatistics(misses=1, bypassed=1)

    async def test_the_one_who_began_gives_up_in_the_middle(self) -> None:
        bench = Bench()
        bench.gate = asyncio.Event()
        first, second = (asyncio.create_task(bench.get()) for _ in range(2))
        await settle()
        first.cancel()
        await settle()
        bench.gate.set()
        assert await second == [1]
        assert bench.calls == 1

    async def test_what_nobody_waits_for_any_more_is_stored_all_the_same(self) -> None:
        bench = Bench()
        bench.gate = asyncio.Event()
        task = asyncio.create_task(bench.get())
        await settle()
        task.cancel()
        await settle()
        bench.gate.set()
        await settle()
        assert await bench.get() == [1]
        assert bench.calls == 1

    @pytest.mark.parametrize("inside", [True, False])
    async def test_cancelled_at_every_suspension(self, inside: bool) -> None:
        bench = Bench()

        async def read() -> None:
            bench.gate = None
            if inside:
                async with Unit():
                    await bench.get()
            else:
                await bench.get()

        async def verify() -> None:
            await settle()
            assert bench.store.flights._flights == {}
            assert bench.store.guard.healthy
            bench.row += 1
            await bench.invalidate()
            assert await bench.get() == [bench.row]
            await bench.invalidate()

        assert await cancel_everywhere(read, verify) >= 3

    async def test_a_refresh_cancelled_at_every_suspension(self) -> None:
        bench = Bench()

        async def verify() -> None:
            bench.row += 1
            await bench.invalidate()
            async with asyncio.timeout(5):
                while not bench.store.guard.healthy:
                    await asyncio.sleep(0.01)
            assert await bench.get() == [bench.row]

        async def refresh() -> None:
            await bench.refresh()

        assert await cancel_everywhere(refresh, verify) >= 3


class TestUnitOfWork:
    async def test_one_that_changed_something_neither_reads_nor_stores(self) -> None:
        bench = Bench()
        await bench.get()
        bench.row = 2
        async with Unit(changed=True):
            assert is_bypassed()
            assert await bench.get() == [2]
            assert await bench.refresh() == [2]
        assert not is_bypassed()
        assert await bench.get() == [1]
        assert bench.counted == CacheStatistics(hits=1, misses=1, bypassed=2)

    async def test_one_that_changed_nothing_reads_and_stores(self) -> None:
        bench = Bench()
        async with Unit():
            assert not is_bypassed()
            assert await bench.get() == [1]
            assert await bench.get() == [1]
        assert await bench.get() == [1]
        assert bench.calls == 1

    @pytest.mark.parametrize("policy", [CachePolicy(60), CachePolicy(60, stale=30)])
    async def test_one_that_has_read_does_not_store(self, policy: CachePolicy) -> None:
        """What it sees may be older than an invalidation that the cache knows of already."""
        bench = Bench(policy)
        async with Unit(has_read=True):
            assert await bench.get() == [1]
            assert await bench.refresh() == [1]
        bench.row = 2
        assert await bench.get() == [2]
        assert bench.calls == 3
        async with Unit(has_read=True):
            assert await bench.get() == [2]
            bench.pass_time(61 if policy.stale else 0)
            bench.row = 1 if policy.stale else 2
            assert await bench.get() == [bench.row]
        bench.row = 3
        assert await bench.get() == [2]

    async def test_inside_the_computation_is_the_callers_own(self) -> None:
        """It may use the unit's connection, so it must not go on when the unit has ended."""
        bench = Bench()
        tasks: list[asyncio.Task[Any] | None] = []

        async def load() -> list[int]:
            tasks.append(asyncio.current_task())
            return [1]

        async with Unit():
            await bench.reader.get(KEY, TAGS, load)
        await bench.invalidate()
        await bench.reader.get(KEY, TAGS, load)
        assert tasks[0] is asyncio.current_task()
        assert tasks[1] is not asyncio.current_task()

    async def test_the_next_one_begins_anew_when_a_unit_is_cancelled(self) -> None:
        bench = Bench()
        bench.gate = gate = asyncio.Event()
        ended: list[str] = []

        async def in_a_unit() -> list[int]:
            async with Unit():
                try:
                    return await bench.get()
                finally:
                    ended.append("unit")

        first = asyncio.create_task(in_a_unit())
        await settle()
        second = asyncio.create_task(bench.get())
        await settle()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert ended == ["unit"]
        gate.set()
        assert await second == [1]
        assert bench.calls == 2


class TestFaults:
    @pytest.mark.parametrize("call", ["get_many", "tag_versions", "set_many"])
    async def test_a_backend_that_fails_costs_a_computation(self, call: str) -> None:
        bench = Bench()
        bench.backend.failing = {call}
        assert [await bench.get() for _ in range(5)] == [[1]] * 5
        assert bench.calls == 5

    async def test_a_backend_that_cannot_be_read_is_left_alone(self) -> None:
        bench = Bench()
        bench.backend.failing = {"get_many"}
        for _ in range(20):
            await bench.get()
        assert bench.store.guard.faults == 3

    @pytest.mark.parametrize("call", ["delete_many", "tag_versions", "set_many"])
    async def test_a_refresh_succeeds_without_a_backend(self, call: str) -> None:
        bench = Bench()
        bench.backend.failing = {call}
        assert await bench.refresh() == [1]
        assert bench.calls == 1
        bench.backend.failing = set()
        await bench.store.guard.close()

    async def test_what_passes_by_the_cache_is_a_copy_too(self) -> None:
        bench = Bench()
        bench.backend.failing = {"get_many"}
        value = [1]

        async def load() -> list[int]:
            return value

        result = await bench.reader.get(KEY, TAGS, load)
        assert result == value
        assert result is not value

    async def test_an_invalidation_that_waits_is_respected(self) -> None:
        bench = Bench()
        await bench.get()
        bench.backend.failing = {"delete_many"}
        bench.row = 2
        await bench.store.guard.delete([], [TAG])
        assert await bench.get() == [2]
        bench.backend.failing = set()
        await bench.store.guard.close()
        assert await bench.get() == [2]

    async def test_an_error_of_the_computation_is_no_fault_of_the_cache(self) -> None:
        bench = Bench()
        bench.error = ConnectionError()
        with pytest.raises(ConnectionError):
            await bench.get()
        assert bench.store.guard.faults == 0


class TestOldValues:
    async def test_stale_while_revalidate(self) -> None:
        bench = Bench(CachePolicy(60, stale=30))
        assert await bench.get() == [1]
        bench.row = 2
        bench.pass_time(59)
        assert await bench.get() == [1]
        bench.pass_time(2)
        bench.gate = asyncio.Event()
        assert [await bench.get() for _ in range(5)] == [[1]] * 5
        await settle()
        assert bench.calls == 2
        bench.gate.set()
        await settle()
        assert await bench.get() == [2]
        assert bench.calls == 2
        assert bench.counted == CacheStatistics(hits=2, misses=1, stale=5)

    async def test_too_stale_is_a_miss(self) -> None:
        bench = Bench(CachePolicy(60, stale=30, stale_on_error=1000))
        await bench.get()
        bench.row = 2
        bench.pass_time(90)
        assert await bench.get() == [2]

    async def test_an_invalidated_value_is_never_given_out_however_stale_it_may_be(self) -> None:
        bench = Bench(CachePolicy(60, stale=1000, stale_on_error=1000, early=True))
        await bench.get()
        bench.row = 2
        await bench.invalidate()
        assert await bench.get() == [2]
        bench.error = LookupError()
        await bench.invalidate()
        with pytest.raises(LookupError):
            await bench.get()

    async def test_inside_a_unit_of_work_the_caller_computes(self) -> None:
        bench = Bench(CachePolicy(60, stale=30))
        await bench.get()
        bench.row = 2
        bench.pass_time(61)
        bench.gate = asyncio.Event()

        async def in_a_unit() -> list[int]:
            async with Unit():
                return await bench.get()

        first = asyncio.create_task(in_a_unit())
        await settle()
        assert await in_a_unit() == [1]  # somebody is on it already
        bench.gate.set()
        assert await first == [2]

    async def test_stale_on_error(self) -> None:
        bench = Bench(CachePolicy(60, stale_on_error=30))
        await bench.get()
        bench.row, bench.error = 2, ConnectionError()
        bench.pass_time(61)
        assert await bench.get() == [1]
        bench.error = None
        assert await bench.get() == [2]

    async def test_a_background_computation_that_fails_harms_nobody(self) -> None:
        bench = Bench(CachePolicy(60, stale=30))
        await bench.get()
        bench.error = LookupError()
        bench.pass_time(61)
        assert await bench.get() == [1]
        await settle()
        assert await bench.get() == [1]

    async def test_early(self) -> None:
        bench = Bench(CachePolicy(60, early=True))
        await bench.get()
        (entry,), _ = await bench.backend.get_many([KEY])
        assert entry is not None
        slow = CacheEntry(entry.value, entry.tags, entry.versions, entry.fresh_until, load_time=1e9)
        await bench.backend.set_many({KEY: slow}, 60)
        bench.row = 2
        bench.pass_time(30)
        assert await bench.get() == [1]  # and renews it behind the caller's back
        await settle()
        assert bench.calls == 2
        assert await bench.get() == [2]
        assert bench.counted == CacheStatistics(hits=2, misses=1)

    async def test_an_old_value_of_another_type_is_a_miss(self) -> None:
        bench = Bench(CachePolicy(60, stale=30))
        await bench.get()
        versions = await bench.backend.tag_versions(TAGS)
        stale = CacheEntry(b'"x"', TAGS, versions, bench.store.now() - 1)
        await bench.backend.set_many({KEY: stale}, 60)
        bench.row = 2
        assert await bench.get() == [2]

    async def test_a_fresh_value_under_such_a_policy_is_a_hit(self) -> None:
        bench = Bench(CachePolicy(60, stale=30))
        await bench.get()
        assert await bench.get() == [1]
        assert bench.counted == CacheStatistics(hits=1, misses=1)


class Model(BaseModel):
    items: list[int]


async def test_values_that_can_be_changed_are_decoded_for_everybody() -> None:
    bench = Bench()
    reader = CacheReader(bench.store, Recipe("models", Codec[Model | None](Model | None), CachePolicy(60)))

    async def none() -> Model | None:
        return None

    async def model() -> Model | None:
        return Model(items=[1])

    for number in range(5):
        assert await reader.get("ns:=none", ("ns:=none",), none) is None
        found = await reader.get("ns:=some", ("ns:=some",), model)
        assert found is not None
        assert found.items == [1]
        found.items.append(number)
