import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from cleanarch_kit.adapters.memory import InMemoryCacheBackend, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.application import Cache, CacheStatistics
from cleanarch_kit.application.cache import current_cache
from cleanarch_kit.domain import Email, EntityId, Money
from cleanarch_kit.errors import DefinitionError, SerializationError


class UserId(EntityId): ...


class Profile(BaseModel):
    id: UUID
    names: list[str]


@dataclass(frozen=True)
class Account:
    id: UserId
    email: Email
    balance: Money
    note: str | None = None


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Backend(InMemoryCacheBackend):
    is_down = False
    gives_versions = True

    async def delete_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> None:
        if self.is_down:
            raise ConnectionError
        await super().delete_many(keys, tags)

    async def tag_versions(self, tags: Sequence[str]) -> tuple[str, ...]:
        if not self.gives_versions:
            raise ConnectionError
        return await super().tag_versions(tags)


class Changed(InMemoryUnitOfWork):
    def __init__(self) -> None:
        super().__init__(InMemoryStore())

    @property
    def changed(self) -> bool:
        return True


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(backend: Backend, clock: Clock) -> Cache:
    return Cache(backend, namespace="tests", clock=clock)


USER = UserId.new()


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [
            5,
            True,
            1.5,
            "007",
            "",
            "zwölf",
            Decimal("1.10"),
            uuid4(),
            USER,
            Email("ada@example.com"),
            Money.of("19.99", "EUR"),
            datetime.now(UTC),
            timedelta(seconds=1.5),
            Profile(id=uuid4(), names=["Ada"]),
            Account(USER, Email("ada@example.com"), Money.zero("JPY")),
            b"bytes",
        ],
        ids=lambda value: type(value).__name__,
    )
    async def test_a_value_comes_back_as_it_went_in(self, cache: Cache, value: object) -> None:
        await cache.set("k", value, ttl=60)
        found = await cache.get("k", type(value))
        assert found == value
        assert type(found) is type(value)

    async def test_a_list_by_the_type_of_its_items(self, cache: Cache) -> None:
        await cache.set("k", [USER], list[UserId], ttl=60)
        assert await cache.get("k", list[UserId]) == [USER]
        assert await cache.get("k", list[str]) == [str(USER)]
        with pytest.raises(SerializationError):
            await cache.set("k", [USER], ttl=60)

    async def test_none_is_a_value(self, cache: Cache) -> None:
        await cache.set("k", None, ttl=60)
        assert await cache.get("k", int, default=7) is None
        assert await cache.exists("k")
        assert await cache.get("missing", int, default=7) == 7

    async def test_what_is_not_there(self, cache: Cache) -> None:
        assert await cache.get("k", int) is None
        assert await cache.get("k", int, default=7) == 7
        assert await cache.get("k", int, default="other type") == "other type"
        assert not await cache.exists("k")

    async def test_a_value_of_another_type_is_not_there(self, cache: Cache) -> None:
        await cache.set("k", "text", ttl=60)
        assert await cache.get("k", int, default=7) == 7
        assert cache.statistics == CacheStatistics(misses=1, undecodable=1)
        assert await cache.get("k", str) == "text"

    async def test_what_a_caller_got_is_his(self, cache: Cache) -> None:
        profile = Profile(id=uuid4(), names=["Ada"])
        await cache.set("k", profile, ttl=60)
        profile.names.append("changed")
        found = await cache.get("k", Profile)
        assert found is not None
        found.names.append("changed too")
        again = await cache.get("k", Profile)
        assert again is not None
        assert again.names == ["Ada"]

    async def test_a_value_without_a_json_form_is_refused(self, cache: Cache) -> None:
        class Plain: ...

        with pytest.raises(DefinitionError):
            await cache.set("k", Plain(), ttl=60)
        with pytest.raises(SerializationError):
            await cache.set("k", Profile.model_construct(id="x", names=5), ttl=60)

    async def test_storing_again_replaces(self, cache: Cache) -> None:
        await cache.set("k", 1, ttl=60)
        await cache.set("k", "two", ttl=60)
        assert await cache.get("k", str) == "two"


class TestTime:
    async def test_a_value_has_its_time(self, cache: Cache, clock: Clock) -> None:
        await cache.set("k", 1, ttl=timedelta(minutes=1))
        clock.time += timedelta(seconds=59.9)
        assert await cache.exists("k")
        clock.time += timedelta(seconds=0.1)
        assert not await cache.exists("k")
        assert await cache.get("k", int) is None

    @pytest.mark.parametrize("ttl", [0, -1, timedelta(0), float("nan")])
    async def test_no_time_at_all_is_refused(self, cache: Cache, ttl: float | timedelta) -> None:
        with pytest.raises(DefinitionError, match="ttl must be more than 0 seconds"):
            await cache.set("k", 1, ttl=ttl)


class TestDeleting:
    async def test_exactly_these(self, cache: Cache) -> None:
        for key in ("star:*", "star:x", "[a]", "a"):
            await cache.set(key, key, ttl=60)
        await cache.delete("star:*", "[a]", "missing")
        assert [await cache.exists(key) for key in ("star:*", "star:x", "[a]", "a")] == [False, True, False, True]
        await cache.delete()

    async def test_nothing_brings_it_back(self, cache: Cache) -> None:
        gate = asyncio.Event()

        async def slow() -> int:
            await gate.wait()
            return 1

        for is_deleted in (True, False):
            gate.clear()
            task = asyncio.create_task(cache.get_or_set("k", int, slow, ttl=60))
            await asyncio.sleep(0)
            if is_deleted:
                await cache.delete("k")
            else:
                await cache.set("k", 2, ttl=60)
            gate.set()
            assert await task == 1
            assert await cache.get("k", int) != 1
            await cache.delete("k")

    async def test_tags(self, cache: Cache) -> None:
        await cache.set("a", 1, ttl=60, tags=("user:1", "all"))
        await cache.set("b", 2, ttl=60, tags=["user:2", "all"])
        await cache.set("user:1", 3, ttl=60)
        await cache.invalidate("user:1")
        assert [await cache.exists(key) for key in ("a", "b", "user:1")] == [False, True, True]
        await cache.delete("all")
        assert await cache.exists("b")
        await cache.invalidate("all", "user:2")
        assert not await cache.exists("b")
        await cache.invalidate()

    async def test_a_key_moves_from_one_tag_to_another(self, cache: Cache) -> None:
        await cache.set("k", 1, ttl=60, tags=("a",))
        await cache.set("k", 2, ttl=60, tags=("b",))
        await cache.invalidate("a")
        assert await cache.get("k", int) == 2
        await cache.invalidate("b")
        assert await cache.get("k", int) is None

    async def test_one_text_is_no_tuple_of_tags(self, cache: Cache) -> None:
        with pytest.raises(DefinitionError, match="tags= takes a tuple of texts, not one text"):
            await cache.set("k", 1, ttl=60, tags="user:1")

    async def test_a_namespace_is_cleared_and_others_stay(self, backend: Backend) -> None:
        caches = [Cache(backend, namespace=namespace) for namespace in ("a", "a:b", "a*", "b")]
        for cache in caches:
            await cache.set("k", 1, ttl=60, tags=("t",))
        await caches[0].clear_namespace()
        assert [await cache.exists("k") for cache in caches] == [False, True, True, True]
        await caches[2].clear_namespace()
        assert [await cache.exists("k") for cache in caches] == [False, True, False, True]

    async def test_clearing_beats_what_began_before(self, cache: Cache) -> None:
        gate = asyncio.Event()

        async def slow() -> int:
            await gate.wait()
            return 1

        task = asyncio.create_task(cache.get_or_set("k", int, slow, ttl=60))
        await asyncio.sleep(0)
        await cache.clear_namespace()
        gate.set()
        assert await task == 1
        assert not await cache.exists("k")


class TestGetOrSet:
    async def test_computed_once(self, cache: Cache) -> None:
        calls = 0

        async def compute() -> list[int]:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0)
            return [calls]

        async def ask() -> list[int]:
            return await cache.get_or_set("k", list[int], compute, ttl=60, tags=("t",))

        assert await asyncio.gather(*(ask() for _ in range(50))) == [[1]] * 50
        assert await cache.get("k", list[int]) == [1]
        await cache.invalidate("t")
        assert await ask() == [2]

    async def test_an_error_is_raised_and_not_stored(self, cache: Cache) -> None:
        async def fail() -> int:
            raise LookupError

        with pytest.raises(LookupError):
            await cache.get_or_set("k", int, fail, ttl=60)
        assert not await cache.exists("k")

    async def test_one_key_with_two_types(self, cache: Cache) -> None:
        async def number() -> int:
            return 1

        async def text() -> str:
            return "one"

        assert await cache.get_or_set("k", int, number, ttl=60) == 1
        assert await cache.get_or_set("k", str, text, ttl=60) == "one"

    async def test_many_times_to_live_cost_no_memory(self, cache: Cache) -> None:
        async def number() -> int:
            return 1

        for ttl in range(1, 300):
            assert await cache.get_or_set("k", int, number, ttl=ttl) == 1
        assert len(cache._readers) <= 100


class TestUnitOfWork:
    async def test_one_that_changed_something_reads_and_stores_nothing(self, cache: Cache) -> None:
        await cache.set("k", 1, ttl=60)
        async with Changed():
            assert await cache.get("k", int) is None
            assert not await cache.exists("k")
            await cache.set("new", 2, ttl=60)
            await cache.set("k", 2, ttl=60)
        assert await cache.get("k", int) is None  # what was there may be older than what was set
        assert not await cache.exists("new")

    async def test_tags_of_a_unit_are_invalidated_after_its_commit(self, cache: Cache) -> None:
        await cache.set("k", 1, ttl=60, tags=("user:1",))
        async with InMemoryUnitOfWork(InMemoryStore(), cache=cache) as unit:
            unit.invalidate("user:1")
            assert await cache.exists("k")
        assert not await cache.exists("k")

    async def test_and_not_after_a_rollback(self, cache: Cache) -> None:
        await cache.set("k", 1, ttl=60, tags=("user:1",))
        with pytest.raises(LookupError):
            async with InMemoryUnitOfWork(InMemoryStore(), cache=cache) as unit:
                unit.invalidate("user:1")
                raise LookupError
        assert await cache.exists("k")


class TestFaults:
    async def test_an_invalidation_that_fails_is_not_raised_and_not_forgotten(
        self, cache: Cache, backend: Backend
    ) -> None:
        await cache.set("k", 1, ttl=60, tags=("t",))
        backend.is_down = True
        await cache.invalidate("t")
        await cache.delete("k")
        assert not await cache.exists("k")
        await cache.set("k", 2, ttl=60)
        assert await cache.get("k", int) is None
        assert cache.statistics.faults >= 3
        backend.is_down = False
        async with asyncio.timeout(5):
            while not cache.store.guard.healthy:
                await asyncio.sleep(0.01)
        assert not await cache.exists("k")
        await cache.set("k", 3, ttl=60)
        assert await cache.get("k", int) == 3

    async def test_a_value_that_cannot_be_stored_is_not(self, cache: Cache, backend: Backend) -> None:
        await cache.set("k", 1, ttl=60)
        backend.gives_versions = False
        await cache.set("k", 2, ttl=60)
        assert await cache.get("k", int) is None

    async def test_the_end_of_a_block_sends_what_waits(self, cache: Cache, backend: Backend) -> None:
        other_process = Cache(backend, namespace="tests")
        await cache.set("k", 1, ttl=60, tags=("t",))
        async with cache:
            backend.is_down = True
            await cache.invalidate("t")
            backend.is_down = False
        assert not await other_process.exists("k")


class TestBlocks:
    async def test_the_innermost_cache_is_the_current_one(self, cache: Cache, backend: Backend) -> None:
        other = Cache(backend, namespace="other")
        assert current_cache() is None
        async with cache as entered:
            assert entered is cache
            async with other:
                assert current_cache() is other
                async with cache:
                    assert current_cache() is cache
                assert current_cache() is other
            assert current_cache() is cache
        assert current_cache() is None

    async def test_tasks_do_not_see_each_others(self, cache: Cache, backend: Backend) -> None:
        other = Cache(backend, namespace="other")

        async def work(mine: Cache) -> None:
            async with mine:
                for _ in range(3):
                    await asyncio.sleep(0)
                    assert current_cache() is mine

        await asyncio.gather(work(cache), work(other), work(cache))

    async def test_the_end_of_the_last_block_ends_what_runs_in_the_background(self, cache: Cache) -> None:
        cancelled = asyncio.Event()

        async def hang() -> int:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return 0

        async with cache:
            async with cache:
                task = asyncio.create_task(cache.get_or_set("k", int, hang, ttl=60))
                for _ in range(5):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            assert not cancelled.is_set()
        assert cancelled.is_set()

    async def test_a_block_that_ends_in_another_context(self, cache: Cache) -> None:
        """As a fixture or a server's lifespan may do it."""
        await asyncio.create_task(cache.__aenter__())
        assert current_cache() is None
        await cache.__aexit__(None, None, None)
        assert current_cache() is None


async def test_statistics_are_a_copy(cache: Cache) -> None:
    before = cache.statistics
    await cache.get("k", int)
    assert before == CacheStatistics()
    assert cache.statistics == CacheStatistics(misses=1)


@pytest.mark.parametrize("key", ["", "\ud800", "\0", "x" * 10_000, "a\nb", "%#", "*"])
async def test_a_key_and_a_tag_are_any_text(cache: Cache, key: str) -> None:
    await cache.set(key, 1, ttl=60, tags=(key,))
    assert await cache.get(key, int) == 1
    await cache.invalidate(key)
    assert not await cache.exists(key)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["set", "delete", "invalidate", "clear", "get"]),
            st.sampled_from(["a", "b", "a*", "", "x" * 300]),
            st.sampled_from([(), ("s",), ("s", "t"), ("a",)]),
        ),
        max_size=30,
    )
)
def test_it_behaves_like_a_plain_dict(steps: list[tuple[str, str, tuple[str, ...]]]) -> None:
    async def play() -> None:
        cache = Cache(InMemoryCacheBackend(), namespace="n")
        model: dict[str, tuple[int, tuple[str, ...]]] = {}
        for number, (step, key, tags) in enumerate(steps):
            if step == "set":
                await cache.set(key, number, ttl=60, tags=tags)
                model[key] = (number, tags)
            elif step == "delete":
                await cache.delete(key)
                model.pop(key, None)
            elif step == "invalidate":
                await cache.invalidate(*tags)
                model = {k: (v, t) for k, (v, t) in model.items() if not set(t) & set(tags)}
            elif step == "clear":
                await cache.clear_namespace()
                model.clear()
            assert await cache.get(key, int) == model.get(key, (None,))[0]
            assert await cache.exists(key) == (key in model)

    asyncio.run(play())
