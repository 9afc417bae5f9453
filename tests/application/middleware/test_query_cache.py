"""Equal queries share an answer until it is old or invalid."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import msgspec
import pytest
from pydantic import BaseModel

from cleanarch_kit.adapters.memory import InMemoryCacheBackend
from cleanarch_kit.application import (
    Authorization,
    Cache,
    MessageBus,
    Query,
    QueryCache,
    Resolve,
    anyone,
    cached_query,
    handles,
    policy,
    provide,
)
from cleanarch_kit.domain import Email
from cleanarch_kit.errors import DefinitionError


@dataclass(frozen=True)
class User:
    email: Email
    orders: list[int]


@dataclass(frozen=True)
class FindUser(Query[User | None]):
    number: int
    text: str = ""


@dataclass(frozen=True)
class CountUsers(Query[int]):
    pass


class Users:
    pass


tenant: ContextVar[str] = ContextVar("tenant", default="acme")
log: list[object] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


@pytest.fixture
def cache() -> Cache:
    return Cache(InMemoryCacheBackend(), namespace="query-cache")


@handles(FindUser)
async def find_user(query: FindUser, *, users: Users) -> User | None:
    log.append(query.number)
    return User(Email("ada@example.com"), [1, 2]) if query.number else None


@handles(CountUsers)
async def count_users(query: CountUsers) -> int:
    log.append("count")
    return len(log)


@asynccontextmanager
async def scope() -> AsyncGenerator[Resolve]:
    log.append("open")
    yield provide({Users: Users})


def bus(cache: Cache) -> MessageBus:
    queries = [
        cached_query(FindUser, ttl=60, tags=lambda query: (f"user:{query.number}",)),
        cached_query(CountUsers, ttl=60, vary=tenant.get),
    ]
    return MessageBus([find_user, count_users], middleware=[QueryCache(cache, queries)], scope=scope)


async def test_an_equal_query_is_answered_from_the_cache_and_opens_no_scope(cache: Cache) -> None:
    fresh, hit = await bus(cache).execute(FindUser(1)), await bus(cache).execute(FindUser(1))

    assert fresh == hit == User(Email("ada@example.com"), [1, 2])
    assert isinstance(hit, User)
    assert isinstance(hit.email, Email)
    assert log == ["open", 1]


async def test_none_is_an_answer(cache: Cache) -> None:
    assert await bus(cache).execute(FindUser(0)) is None
    assert await bus(cache).execute(FindUser(0)) is None
    assert log == ["open", 0]


async def test_each_field_tells_queries_apart(cache: Cache) -> None:
    for query in (FindUser(1), FindUser(1, "1"), FindUser(11), FindUser(1, "1:"), FindUser(1, "")):
        await bus(cache).execute(query)
    assert log.count("open") == 4


async def test_an_answer_may_vary_by_more_than_the_query(cache: Cache) -> None:
    first = await bus(cache).execute(CountUsers())
    token = tenant.set("other")
    try:
        second = await bus(cache).execute(CountUsers())
    finally:
        tenant.reset(token)
    assert (first, second) == (1, 2)
    assert await bus(cache).execute(CountUsers()) == 1


async def test_its_tags_make_an_answer_invalid(cache: Cache) -> None:
    await bus(cache).execute(FindUser(1))
    await cache.invalidate("user:2")
    await bus(cache).execute(FindUser(1))
    assert log == ["open", 1]
    await cache.invalidate("user:1")
    await bus(cache).execute(FindUser(1))
    assert log == ["open", 1] * 2


async def test_who_asks_at_the_same_time_shares_one_computation_and_one_may_give_up(cache: Cache) -> None:
    computing, released = asyncio.Event(), asyncio.Event()

    @handles(CountUsers)
    async def count(query: CountUsers) -> int:
        log.append("count")
        computing.set()
        await released.wait()
        return 7

    shared = MessageBus([count], middleware=[QueryCache(cache, [cached_query(CountUsers, ttl=60)])])
    first = asyncio.create_task(shared.execute(CountUsers()))
    await computing.wait()
    others = [asyncio.create_task(shared.execute(CountUsers())) for _ in range(10)]
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    released.set()

    assert await asyncio.gather(*others) == [7] * 10
    assert log == ["count"]


async def test_an_exception_is_no_answer(cache: Cache) -> None:
    error = ValueError("broken")

    @handles(CountUsers)
    async def fail(query: CountUsers) -> int:
        log.append("count")
        raise error

    failing = MessageBus([fail], middleware=[QueryCache(cache, [cached_query(CountUsers, ttl=60)])])
    for _ in range(2):
        with pytest.raises(ValueError, match="broken") as caught:
            await failing.execute(CountUsers())
        assert caught.value is error
    assert log == ["count", "count"]


async def test_models_and_structs_are_told_apart_by_their_fields(cache: Cache) -> None:
    class Model(BaseModel, Query[int]):
        x: int

    class Struct(msgspec.Struct, Query[int], frozen=True):
        x: int

    @handles(Model)
    async def model(query: Model) -> int:
        return query.x

    @handles(Struct)
    async def struct(query: Struct) -> int:
        return query.x

    both = MessageBus(
        [model, struct], middleware=[QueryCache(cache, [cached_query(Model, ttl=60), cached_query(Struct, ttl=60)])]
    )
    assert [await both.execute(query) for query in (Model(x=1), Model(x=2), Struct(1), Struct(2))] == [1, 2, 1, 2]


def test_a_query_that_does_not_declare_its_fields_is_refused(cache: Cache) -> None:
    class Plain(Query[int]):
        def __init__(self, x: int) -> None:
            self.x = x

    @handles(Plain)
    async def plain(query: Plain) -> int:
        return query.x

    with pytest.raises(DefinitionError, match=r"Plain \(.*\) does not declare its fields, so that two queries cannot"):
        MessageBus([plain], middleware=[QueryCache(cache, [cached_query(Plain, ttl=60)])])


def test_a_query_that_is_given_twice_is_refused(cache: Cache) -> None:
    with pytest.raises(DefinitionError, match="FindUser is given to QueryCache twice: keep one"):
        QueryCache(cache, [cached_query(FindUser, ttl=60), cached_query(FindUser, ttl=30)])


def test_it_is_refused_before_a_policy(cache: Cache) -> None:
    async def admin(query: CountUsers, *, users: Users) -> bool:
        return True

    caching = QueryCache(cache, [cached_query(CountUsers, ttl=60)])
    guard = Authorization([policy(CountUsers, admin)])
    with pytest.raises(DefinitionError, match=r"CountUsers passes QueryCache\(60 s\) before Authorization"):
        MessageBus([count_users], middleware=[caching], scoped_middleware=[guard], scope=scope)
    MessageBus([count_users], scoped_middleware=[guard, caching], scope=scope)
    public = Authorization([policy(CountUsers, anyone)])
    MessageBus([count_users], middleware=[caching], scoped_middleware=[public], scope=scope)


def test_other_messages_do_not_pass_at_all(cache: Cache) -> None:
    queries = [cached_query(CountUsers, ttl=60)]
    text = MessageBus([find_user], middleware=[QueryCache(cache, queries)], scope=scope).explain(FindUser)
    assert "QueryCache" not in text
