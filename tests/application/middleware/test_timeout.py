"""A message that takes too long is cancelled, and nothing else is taken for that."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cleanarch_kit.application import Command, MessageBus, Resolve, Timeout, handles, provide
from cleanarch_kit.errors import DefinitionError, HandlerTimeoutError


@dataclass(frozen=True)
class Do(Command[str]):
    pass


class Users:
    pass


log: list[str] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


@asynccontextmanager
async def scope() -> AsyncGenerator[Resolve]:
    try:
        yield provide({Users: Users})
    except BaseException as error:
        log.append(type(error).__name__)
        raise


@handles(Do)
async def hang(command: Do, *, users: Users) -> str:
    await asyncio.Event().wait()
    return "never"


async def test_what_is_late_is_cancelled_and_its_scope_is_left() -> None:
    with pytest.raises(HandlerTimeoutError) as caught:
        await MessageBus([hang], middleware=[Timeout(0.01)], scope=scope).execute(Do())

    assert (caught.value.message_type, caught.value.seconds) == ("Do", 0.01)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.__cause__ is None
    assert log == ["CancelledError"]


async def test_what_is_in_time_is_left_alone() -> None:
    @handles(Do)
    async def quick(command: Do) -> str:
        return "done"

    assert await MessageBus([quick], middleware=[Timeout(60)]).execute(Do()) == "done"


@pytest.mark.parametrize("seconds", [60, 0.001])
async def test_a_timeout_error_of_the_handlers_own_passes_unchanged(seconds: float) -> None:
    error = TimeoutError("the mail server")

    @handles(Do)
    async def fail(command: Do) -> str:
        try:
            if seconds < 1:
                await asyncio.Event().wait()
        finally:
            raise error

    with pytest.raises(TimeoutError) as caught:
        await MessageBus([fail], middleware=[Timeout(seconds)]).execute(Do())
    assert caught.value is error


async def test_a_cancellation_from_outside_stays_one() -> None:
    task = asyncio.create_task(MessageBus([hang], middleware=[Timeout(60)], scope=scope).execute(Do()))
    await asyncio.sleep(0)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_time_that_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(DefinitionError, match="a timeout must be more than 0 seconds"):
        Timeout(seconds)


def test_inside_the_scope_it_is_refused() -> None:
    inside: Any = [Timeout(1)]
    with pytest.raises(DefinitionError, match=r"Timeout\(1 s\) belongs outside the scope, in `middleware`"):
        MessageBus([hang], scoped_middleware=inside, scope=scope)
