import asyncio
import gc
import inspect
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, assert_type
from uuid import UUID
from weakref import ref

import pytest
from pydantic import BaseModel, Field

from cleanarch_kit.adapters.memory import InMemoryCacheBackend, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.application import Cache, CachedFunction, CachedMethod, CacheStatistics, cached
from cleanarch_kit.domain import EntityId
from cleanarch_kit.errors import DefinitionError

if TYPE_CHECKING:
    from decimal import Decimal


class UserId(EntityId): ...


class Profile(BaseModel):
    names: list[str]


@dataclass(frozen=True, slots=True)
class Lookup:
    user_id: UserId


class Point(NamedTuple):
    x: int
    y: int


USER = UserId.new()


@pytest.fixture
def cache() -> Cache:
    return Cache(InMemoryCacheBackend(), namespace="tests")


class TestCalling:
    async def test_the_second_call_is_answered_from_the_cache(self, cache: Cache) -> None:
        calls: list[object] = []

        @cached("profile:{lookup.user_id}:{detail}", ttl=60, cache=cache)
        async def profile(lookup: Lookup, *, detail: bool = False) -> Profile | None:
            calls.append((lookup, detail))
            return Profile(names=["Ada"]) if detail else None

        assert await profile(Lookup(USER)) is None
        assert await profile(Lookup(USER), detail=False) is None
        assert await profile(lookup=Lookup(USER)) is None
        assert await profile(Lookup(USER), detail=True) == Profile(names=["Ada"])
        assert await profile(Lookup(USER), detail=True) == Profile(names=["Ada"])
        assert await profile(Lookup(UserId.new())) is None
        assert len(calls) == 3

    async def test_fresh_and_cached_results_are_of_one_type(self, cache: Cache) -> None:
        @cached("p", ttl=60, cache=cache)
        async def pair() -> tuple[int, ...]:
            return Point(1, 2)

        @cached("s", ttl=60, cache=cache)
        async def ids() -> set[UUID]:
            return {USER.value}

        fresh, hit = await pair(), await pair()
        assert fresh == hit == (1, 2)
        assert type(fresh) is type(hit) is tuple
        assert type(await pair.fresh()) is type(await pair.refresh()) is tuple
        assert [await ids(), await ids()] == [{USER.value}] * 2

    async def test_what_it_raises_is_raised_and_not_stored(self, cache: Cache) -> None:
        errors: list[Exception] = [LookupError("a"), LookupError("b")]

        @cached("k", ttl=60, cache=cache)
        async def fail() -> int:
            raise errors.pop()

        for text in ("b", "a"):
            with pytest.raises(LookupError, match=text):
                await fail()

    async def test_wrong_arguments_are_a_type_error_of_the_function(self, cache: Cache) -> None:
        @cached("k:{x}", ttl=60, cache=cache)
        async def double(x: int) -> int:
            return 2 * x

        with pytest.raises(TypeError, match=r"double\(\) missing 1 required positional argument: 'x'"):
            await double()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        with pytest.raises(TypeError, match=r"double\(\) got an unexpected keyword argument 'y'"):
            await double(1, y=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

    async def test_a_result_that_is_not_what_was_promised_is_returned_all_the_same(
        self, cache: Cache, caplog: pytest.LogCaptureFixture
    ) -> None:
        @cached("k", ttl=60, cache=cache)
        async def lie() -> int:
            value: Any = "text"
            return value  # type: ignore[no-any-return]  # the case under test

        results: list[object] = [await lie(), await lie()]
        assert results == ["text", "text"]
        (record,) = caplog.records
        assert record.getMessage().endswith("lie is not cached: int must be of its declared type and have a JSON form")

    async def test_ignored_parameters_reach_the_function(self, cache: Cache) -> None:
        @cached("k:{x}", ttl=60, cache=cache, ignore=("times",))
        async def multiply(x: int, times: int) -> int:
            return x * times

        assert await multiply(2, 3) == 6
        assert await multiply(2, times=5) == 6

    async def test_every_option_reaches_the_policy(self, cache: Cache) -> None:
        @cached(
            "k",
            ttl=timedelta(minutes=1),
            cache=cache,
            jitter=0.2,
            lock=True,
            early=True,
            stale=timedelta(seconds=5),
            stale_on_error=10,
        )
        async def number() -> int:
            return 1

        policy = number._policy
        assert (policy.ttl, policy.jitter, policy.stale, policy.stale_on_error) == (60, 0.2, 5, 10)
        assert policy.lock
        assert policy.early
        assert await number() == 1


class TestBesideCalling:
    async def test_key(self, cache: Cache) -> None:
        @cached("user:{user_id}:{short}", ttl=60, cache=cache)
        async def name(user_id: UserId, *, short: bool = False) -> str:
            return "Ada"

        assert name.key(USER) == f"user:UserId({USER}):False"
        await name(USER)
        assert await cache.get(name.key(USER), str) == "Ada"
        await cache.delete(name.key(USER))
        assert not await cache.exists(name.key(USER, short=False))

    async def test_invalidate_refresh_and_fresh(self, cache: Cache) -> None:
        row = 1

        @cached("k:{x}", ttl=60, cache=cache)
        async def read(x: int) -> int:
            return row

        assert await read(0) == 1
        row = 2
        assert await read(0) == 1
        assert await read.fresh(0) == 2
        assert await read(0) == 1
        assert await read.refresh(0) == 2
        row = 3
        assert await read(0) == 2
        await read.invalidate(1)
        assert await read(0) == 2
        await read.invalidate(0)
        assert await read(0) == 3

    async def test_tags(self, cache: Cache) -> None:
        row = 1

        @cached("k:{user_id}", ttl=60, tags=("user:{user_id}", "users"), cache=cache)
        async def read(user_id: UserId) -> int:
            return row

        assert await read(USER) == 1
        row = 2
        await cache.invalidate(f"user:{UserId.new()}")
        assert await read(USER) == 1
        await cache.invalidate(f"user:{USER}")
        assert await read(USER) == 2
        row = 3
        await cache.invalidate("users")
        assert await read(USER) == 3

    async def test_invalidated_by_a_commit(self, cache: Cache) -> None:
        row = 1

        @cached("k", ttl=60, tags=("rows",), cache=cache)
        async def read() -> int:
            return row

        await read()
        async with InMemoryUnitOfWork(InMemoryStore(), cache=cache) as unit:
            row = 2
            unit.invalidate("rows")
            assert await read() == 1
        assert await read() == 2


class Names:
    """A service with a cache of its own."""

    def __init__(self, cache: Cache, name: str = "Ada") -> None:
        self._cache = cache
        self._name = name
        self.calls = 0

    @cached("names:{user_id}", ttl=60)
    async def name(self, user_id: UserId) -> str:
        """The name of a user."""
        self.calls += 1
        return self._name

    @cached("{self.tenant}:{number}", ttl=60)
    async def of_tenant(self, number: int) -> str:
        self.calls += 1
        return self._name

    @property
    def tenant(self) -> str:
        return self._name


class TestMethods:
    async def test_a_method_is_cached_by_its_arguments(self, cache: Cache) -> None:
        names = Names(cache)
        assert_type(await names.name(USER), str)
        assert await names.name(user_id=USER) == "Ada"
        assert names.calls == 1
        assert await names.name(UserId.new()) == "Ada"
        assert names.calls == 2

    async def test_another_instance_shares_the_values(self, cache: Cache) -> None:
        await Names(cache, "Ada").name(USER)
        assert await Names(cache, "Eve").name(USER) == "Ada"

    async def test_unless_it_stands_in_the_key(self, cache: Cache) -> None:
        assert [await Names(cache, name).of_tenant(1) for name in ("Ada", "Eve", "Ada")] == ["Ada", "Eve", "Ada"]
        assert cache.statistics == CacheStatistics(hits=1, misses=2)

    async def test_what_stands_beside_it(self, cache: Cache) -> None:
        names = Names(cache)
        await names.name(USER)
        assert names.name.key(USER) == f"names:UserId({USER})"
        names._name = "Eve"
        assert await names.name.fresh(USER) == "Eve"
        assert await names.name(USER) == "Ada"
        assert await names.name.refresh(USER) == "Eve"
        names._name = "Joe"
        await names.name.invalidate(USER)
        assert await names.name(USER) == "Joe"

    async def test_asked_for_on_the_class(self, cache: Cache) -> None:
        names = Names(cache)
        assert isinstance(Names.name, CachedFunction)
        assert isinstance(names.name, CachedMethod)
        assert await Names.name(names, USER) == "Ada"
        assert Names.name.key(names, USER) == names.name.key(USER)

    async def test_a_public_attribute_will_do(self, cache: Cache) -> None:
        class Service:
            def __init__(self) -> None:
                self.cache = cache
                self._cache = "something else"

            @cached("k", ttl=60)
            async def number(self) -> int:
                return 1

        await Service().number()
        assert await cache.exists("k")

    async def test_instances_are_not_kept_alive(self, cache: Cache) -> None:
        names = Names(cache)
        await names.name(USER)
        gone = ref(names)
        del names
        await asyncio.sleep(0)
        gc.collect()
        assert gone() is None


class TestWhichCache:
    async def test_the_given_one_comes_first_then_that_of_self_then_the_open_one(self) -> None:
        given, own, opened = (Cache(InMemoryCacheBackend(), namespace=name) for name in ("given", "own", "opened"))

        class Service:
            def __init__(self, cache: Cache | None) -> None:
                self._cache = cache

            @cached("k", ttl=60, cache=given)
            async def with_given(self) -> int:
                return 1

            @cached("k", ttl=60)
            async def with_own(self) -> int:
                return 1

        @cached("f", ttl=60)
        async def with_opened() -> int:
            return 1

        async with opened:
            await Service(own).with_given()
            await Service(own).with_own()
            await Service(None).with_own()
            await with_opened()
        assert [cache.statistics.misses for cache in (given, own, opened)] == [1, 1, 2]

    async def test_one_function_with_two_caches(self) -> None:
        first, second = (Cache(InMemoryCacheBackend(), namespace=name) for name in ("first", "second"))
        calls = 0

        @cached("k", ttl=60)
        async def count() -> int:
            nonlocal calls
            calls += 1
            return calls

        for _ in range(2):
            async with first:
                assert await count() == 1
            async with second:
                assert await count() == 2

    async def test_caches_are_not_kept_alive(self) -> None:
        @cached("k", ttl=60)
        async def number() -> int:
            return 1

        cache = Cache(InMemoryCacheBackend(), namespace="n")
        async with cache:
            await number()
        gone = ref(cache)
        del cache
        gc.collect()
        assert gone() is None

    async def test_without_one_the_function_is_called_and_a_warning_given_once(self) -> None:
        calls = 0

        @cached("k:{x}", ttl=60)
        async def count(x: int) -> int:
            nonlocal calls
            calls += 1
            return calls

        with pytest.warns(RuntimeWarning) as warned:
            assert await count(1) == 1
        (warning,) = warned
        assert str(warning.message) == (
            "TestWhichCache.test_without_one_the_function_is_called_and_a_warning_given_once.<locals>.count is called"
            " without a cache, so nothing is cached: give it one by cache=, as an attribute of self, or by"
            " `async with cache:` around the call"
        )
        assert warning.filename == __file__
        assert await count(1) == 2
        assert await count.refresh(1) == 3
        assert await count.fresh(1) == 4
        await count.invalidate(1)
        assert count.key(1) == "k:1"


class TestLooks:
    def test_like_the_function(self, cache: Cache) -> None:
        async def original(x: int, *, y: str = "a") -> str:
            """Documented."""
            return y * x

        wrapped = cached("k:{x}:{y}", ttl=60, cache=cache)(original)
        assert wrapped.__name__ == "original"
        assert wrapped.__doc__ == "Documented."
        assert inspect.signature(wrapped) == inspect.signature(original)
        assert inspect.unwrap(wrapped) is original

    def test_like_a_method(self, cache: Cache) -> None:
        assert Names.name.__doc__ == "The name of a user."
        assert list(inspect.signature(Names.name).parameters) == ["self", "user_id"]

    async def test_a_call_is_a_coroutine(self, cache: Cache) -> None:
        call: Coroutine[Any, Any, str] = Names(cache).name(USER)
        assert await asyncio.create_task(call) == "Ada"


class TestRefusals:
    def test_a_function_that_is_not_async(self) -> None:
        def plain() -> int:
            return 1

        async def generator() -> Any:
            yield 1

        for function in (plain, generator):
            with pytest.raises(DefinitionError, match=r"only an async function can be cached: write `async def`"):
                cached("k", ttl=60)(function)  # type: ignore[arg-type]  # pyright: ignore

    def test_one_that_does_not_say_what_it_returns(self) -> None:
        async def untyped():  # type: ignore[no-untyped-def]  # the case under test
            return 1

        async def anything() -> Any:
            return 1

        for function in (untyped, anything):
            with pytest.raises(
                DefinitionError, match=r"must say what it returns, because results are stored by that type$"
            ):
                cached("k", ttl=60)(function)

    async def test_a_return_type_that_is_not_there_at_run_time(self, cache: Cache) -> None:
        @cached("k", ttl=60, cache=cache)
        async def price() -> "Decimal":
            raise AssertionError("not called")

        with pytest.raises(DefinitionError) as caught:
            await price()
        assert "the return annotation cannot be resolved (name 'Decimal' is not defined)" in str(caught.value)
        assert "not only under TYPE_CHECKING" in str(caught.value)

    async def test_a_return_type_without_a_json_form(self, cache: Cache) -> None:
        class Plain: ...

        @cached("k", ttl=60, cache=cache)
        async def plain() -> Plain:
            return Plain()

        with pytest.raises(DefinitionError, match="no JSON form can be derived from"):
            await plain()

    def test_a_template_that_does_not_fit(self) -> None:
        with pytest.raises(TypeError, match=r"user must stand in the key 'row:\{row\}'.*ignore="):

            @cached("row:{row}", ttl=60)
            async def forgot(row: int, user: str) -> str:
                return user

    @pytest.mark.parametrize("options", [{"ttl": 0}, {"ttl": 1, "jitter": 2}, {"ttl": 1, "stale": -1}])
    def test_numbers_out_of_bounds(self, options: dict[str, Any]) -> None:
        with pytest.raises(DefinitionError):
            cached("k", **options)


async def test_constraints_of_the_annotation_hold_for_what_is_read(cache: Cache) -> None:
    calls = 0

    @cached("k", ttl=60, cache=cache)
    async def number() -> Annotated[int, Field(le=10)]:
        nonlocal calls
        calls += 1
        return 5

    assert [await number(), await number()] == [5, 5]
    await cache.set("k", 11, ttl=60)
    assert await number() == 5
    assert calls == 2


async def test_a_function_that_calls_itself_with_its_own_key(cache: Cache) -> None:
    @cached("k", ttl=60, cache=cache, ignore=("depth",))
    async def down(depth: int) -> int:
        return 0 if depth == 0 else 1 + await down(depth - 1)

    assert await asyncio.wait_for(down(3), 5) == 3


async def test_two_functions_with_one_key_do_not_wait_for_each_other(cache: Cache) -> None:
    @cached("k", ttl=60, cache=cache)
    async def inner() -> int:
        return 1

    @cached("k", ttl=60, cache=cache)
    async def outer() -> str:
        return str(await inner())

    assert await asyncio.wait_for(outer(), 5) == "1"
