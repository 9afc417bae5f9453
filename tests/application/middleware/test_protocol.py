"""What holds for every middleware that is shipped: it lets everything through, and lets go once."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from cleanarch_kit.adapters.memory import InMemoryCacheBackend, InMemoryIdempotencyStore
from cleanarch_kit.adapters.opentelemetry import Metrics, Tracing
from cleanarch_kit.application import (
    Authorization,
    Cache,
    Correlation,
    Idempotency,
    Logging,
    Message,
    MessageBus,
    MiddlewareFactory,
    Next,
    Query,
    QueryCache,
    Retry,
    StreamQuery,
    Timeout,
    Validation,
    anyone,
    cached_query,
    current_context,
    handles,
    idempotent,
    policy,
    rule,
)

R = TypeVar("R")


@dataclass(frozen=True)
class Ask(Query[str]):
    pass


@dataclass(frozen=True)
class Rows(StreamQuery[int]):
    pass


class Stop(BaseException):
    pass


def shipped() -> list[Any]:
    cache = Cache(InMemoryCacheBackend(), namespace="protocol")
    return [
        Correlation(),
        Logging(),
        Validation([rule(Ask, lambda query: None), rule(Rows, lambda query: None)]),
        Authorization([policy(Message, anyone), policy(StreamQuery, anyone)]),
        Idempotency([idempotent(Ask, lambda query: "key")], store=InMemoryIdempotencyStore()),
        QueryCache(cache, [cached_query(Ask, ttl=60)]),
        Retry(backoff=lambda _: 0.0),
        Timeout(60),
        Tracing(),
        Metrics(),
    ]


NAMES = [type(middleware).__name__ for middleware in shipped()]


@pytest.fixture(params=range(len(NAMES)), ids=NAMES)
def middleware(request: pytest.FixtureRequest) -> Any:
    return shipped()[request.param]


@pytest.fixture(params=[number for number, name in enumerate(NAMES) if name != "QueryCache"], ids=str)
def in_the_callers_task(request: pytest.FixtureRequest) -> Any:
    """All but the query cache, which computes an answer for all who wait for it: see test_query_cache.py."""
    return shipped()[request.param]


class Probe:
    """Counts how often it was entered and left."""

    def __init__(self) -> None:
        self.entered = 0
        self.left = 0

    async def __call__(self, message: Message[R], call_next: Next[R], /) -> R:
        self.entered += 1
        try:
            return await call_next(message)
        finally:
            self.left += 1


@pytest.mark.parametrize("error", [ValueError("broken"), Stop("now"), asyncio.CancelledError("enough")])
async def test_what_the_handler_raises_passes_unchanged(in_the_callers_task: Any, error: BaseException) -> None:
    @handles(Ask)
    async def fail(query: Ask) -> str:
        raise error

    outside, inside = Probe(), Probe()
    bus = MessageBus([fail], middleware=[outside, in_the_callers_task, inside])

    with pytest.raises(type(error)) as caught:
        await bus.execute(Ask())

    assert caught.value is error
    assert (outside.entered, outside.left, inside.entered, inside.left) == (1, 1, 1, 1)
    assert current_context() is None


async def test_cancelling_a_handler_that_hangs_ends_it_and_leaves_everything_once(in_the_callers_task: Any) -> None:
    hanging = asyncio.Event()
    ended: list[str] = []

    @handles(Ask)
    async def hang(query: Ask) -> str:
        hanging.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")
        return ""

    outside, inside = Probe(), Probe()
    bus = MessageBus([hang], middleware=[outside, in_the_callers_task, inside])
    task = asyncio.create_task(bus.execute(Ask()))
    await hanging.wait()
    task.cancel("enough")

    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert ended == ["ended"]
    assert (outside.entered, outside.left, inside.entered, inside.left) == (1, 1, 1, 1)


async def test_each_is_one_frame_at_most_between_caller_and_handler(middleware: Any) -> None:
    @handles(Ask)
    async def fail(query: Ask) -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken") as caught:
        await MessageBus([fail], middleware=[middleware]).execute(Ask())
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert len(names[1:-1]) <= 1
    assert names[-1] == "fail"


async def test_the_result_comes_back_as_it_is(middleware: Any) -> None:
    @handles(Ask)
    async def answer(query: Ask) -> str:
        return "answer"

    @handles(Rows)
    async def rows(query: Rows) -> AsyncIterator[int]:
        yield 1
        yield 2

    bus = MessageBus([answer, rows], middleware=[middleware])

    assert await bus.execute(Ask()) == "answer"
    assert [item async for item in bus.stream(Rows())] == [1, 2]


async def test_each_is_of_use_alone_around_a_plain_function(middleware: Any) -> None:
    async def answer(query: Message[R]) -> str:
        return "answer"

    alone: Any = middleware.middleware_for(Ask) if isinstance(middleware, MiddlewareFactory) else middleware
    assert await alone(Ask(), answer) == "answer"


async def test_a_stream_that_is_left_early_is_closed(middleware: Any) -> None:
    closed: list[str] = []

    @handles(Rows)
    async def rows(query: Rows) -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append("closed")

    items = MessageBus([rows], middleware=[middleware]).stream(Rows())
    assert await anext(items) == 1
    await items.aclose()
    assert closed == ["closed"]


async def test_the_exception_of_a_stream_passes_unchanged(middleware: Any) -> None:
    error = ValueError("broken")

    @handles(Rows)
    async def rows(query: Rows) -> AsyncIterator[int]:
        yield 1
        raise error

    with pytest.raises(ValueError, match="broken") as caught:
        [item async for item in MessageBus([rows], middleware=[middleware]).stream(Rows())]
    assert caught.value is error
