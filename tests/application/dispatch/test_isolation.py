"""A stream runs in a context of its own, within the tasks that consume it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from contextvars import ContextVar

import pytest

from cleanarch_kit.application.dispatch.isolation import isolated

current: ContextVar[str] = ContextVar("current", default="consumer")


async def numbers(log: list[object]) -> AsyncGenerator[int]:
    current.set("stream")
    try:
        for number in range(3):
            await asyncio.sleep(0)
            log.append(current.get())
            yield number
    finally:
        await asyncio.sleep(0)
        log.append(f"closed in {current.get()}")


async def test_consumer_and_stream_do_not_see_each_others_variables() -> None:
    log: list[object] = []

    async for number in isolated(numbers(log)):
        assert current.get() == "consumer"
        log.append(number)

    assert log == ["stream", 0, "stream", 1, "stream", 2, "closed in stream"]


async def test_the_stream_begins_with_what_the_consumer_had() -> None:
    async def seen() -> AsyncGenerator[str]:
        yield current.get()
        yield current.get()

    current.set("first")
    items = isolated(seen())
    first = await anext(items)
    current.set("later")
    second = await anext(items)
    await items.aclose()

    assert (first, second) == ("first", "first")


async def test_leaving_early_closes_the_stream_in_its_context() -> None:
    log: list[object] = []

    async with aclosing(isolated(numbers(log))) as items:
        async for _ in items:
            break

    assert log == ["stream", "closed in stream"]


async def test_each_item_may_be_asked_for_by_another_task() -> None:
    log: list[object] = []
    items = isolated(numbers(log))

    collected = [await asyncio.create_task(anext(items)) for _ in range(3)]
    await asyncio.create_task(items.aclose())

    assert collected == [0, 1, 2]
    assert log[-1] == "closed in stream"


async def test_an_exception_of_the_stream_arrives_unchanged() -> None:
    error = ValueError("broken")

    async def broken() -> AsyncGenerator[int]:
        yield 1
        raise error

    with pytest.raises(ValueError, match="broken") as caught:
        [item async for item in isolated(broken())]
    assert caught.value is error


async def test_cancellation_reaches_what_the_stream_waits_for_and_arrives_unchanged() -> None:
    log: list[str] = []
    waiting = asyncio.Event()

    async def endless() -> AsyncGenerator[int]:
        try:
            waiting.set()
            await asyncio.Event().wait()
            yield 1
        except asyncio.CancelledError:
            log.append(current.get())
            raise

    async def consume() -> None:
        current.set("task")
        async for _ in isolated(endless()):
            pass

    task = asyncio.create_task(consume())
    await waiting.wait()
    task.cancel("enough")

    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert log == ["task"]


async def test_a_timeout_within_the_stream_works() -> None:
    async def slow() -> AsyncGenerator[str]:
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            yield "late"

    assert [item async for item in isolated(slow())] == ["late"]


async def test_a_stop_iteration_of_the_stream_is_no_end() -> None:
    async def stopping() -> AsyncGenerator[int]:
        yield 1
        next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        [item async for item in isolated(stopping())]
