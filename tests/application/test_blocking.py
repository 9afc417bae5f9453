"""`in_thread` calls a blocking function off the event loop."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

from cleanarch_kit.application import in_thread

tenant: ContextVar[str] = ContextVar("tenant")


async def test_the_function_runs_in_another_thread_and_its_result_comes_back() -> None:
    @in_thread
    def whereabouts(number: int, *, factor: int) -> tuple[int, int]:
        return number * factor, threading.get_ident()

    result, thread = await whereabouts(3, factor=2)

    assert result == 6
    assert thread != threading.get_ident()


async def test_context_variables_reach_the_thread() -> None:
    @in_thread
    def current() -> str:
        return tenant.get()

    tenant.set("acme")

    assert await current() == "acme"


async def test_its_exception_arrives_unchanged() -> None:
    error = ValueError("blocked")

    @in_thread
    def fail() -> None:
        raise error

    with pytest.raises(ValueError, match="blocked") as caught:
        await fail()
    assert caught.value is error


async def test_who_is_cancelled_goes_on_at_once_and_the_function_runs_to_its_end() -> None:
    running, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    @in_thread
    def block() -> None:
        running.set()
        may_end.wait(timeout=30)
        ended.set()

    caller = asyncio.create_task(block())
    assert await asyncio.to_thread(running.wait, 30)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not ended.is_set()

    may_end.set()
    assert await asyncio.to_thread(ended.wait, 30)


def test_name_and_docstring_are_kept() -> None:
    @in_thread
    def render() -> None:
        """Render."""

    assert (render.__name__, render.__doc__) == ("render", "Render.")
