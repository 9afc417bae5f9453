"""What may pass is tried again, from the beginning, in a fresh scope."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cleanarch_kit.application import Command, CommandBus, MessageBus, Resolve, Retry, handles, provide
from cleanarch_kit.errors import (
    CommitOutcomeUnknownError,
    ConcurrencyError,
    DefinitionError,
    StorageError,
    TransientError,
)


@dataclass(frozen=True)
class Do(Command[str]):
    pass


@dataclass(frozen=True)
class Nest(Command[str]):
    pass


class Unit:
    pass


class Failing:
    """Fails with each of the given errors once, and remembers the units it was called with."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.units: list[Unit] = []

    def handler(self) -> Any:
        @handles(Do)
        async def handle(command: Do, *, unit: Unit) -> str:
            self.units.append(unit)
            if self.errors:
                raise self.errors.pop(0)
            return "done"

        return handle


@asynccontextmanager
async def scope() -> AsyncGenerator[Resolve]:
    yield provide({Unit: Unit})


def retry(attempts: int = 3, **options: Any) -> Retry:
    return Retry(attempts, backoff=lambda _: 0.0, **options)


async def test_a_transient_failure_is_tried_again_in_a_fresh_scope() -> None:
    failing = Failing(TransientError("deadlock"), TransientError("deadlock"))

    assert await MessageBus([failing.handler()], middleware=[retry()], scope=scope).execute(Do()) == "done"
    assert len(failing.units) == len(set(failing.units)) == 3


async def test_the_last_error_passes_unchanged() -> None:
    errors = [TransientError("first"), TransientError("second"), TransientError("third")]
    failing = Failing(*errors)

    with pytest.raises(TransientError) as caught:
        await MessageBus([failing.handler()], middleware=[retry()], scope=scope).execute(Do())
    assert caught.value is errors[2]
    assert caught.value.__context__ is None
    assert len(failing.units) == 3


@pytest.mark.parametrize(
    "error", [ValueError("broken"), ConcurrencyError("User", 1, 2), CommitOutcomeUnknownError(), KeyboardInterrupt()]
)
async def test_nothing_else_is_tried_again(error: BaseException) -> None:
    failing = Failing(error)

    with pytest.raises(type(error)) as caught:
        await MessageBus([failing.handler()], middleware=[retry()], scope=scope).execute(Do())
    assert caught.value is error
    assert len(failing.units) == 1


async def test_other_errors_may_be_named() -> None:
    failing = Failing(ConcurrencyError("User", 1, 2), TransientError("deadlock"))
    bus = MessageBus([failing.handler()], middleware=[retry(on=(TransientError, ConcurrencyError))], scope=scope)
    assert await bus.execute(Do()) == "done"


async def test_an_unknown_outcome_is_tried_again_only_if_it_is_named_itself() -> None:
    failing = Failing(CommitOutcomeUnknownError())
    with pytest.raises(CommitOutcomeUnknownError):
        await MessageBus([failing.handler()], middleware=[retry(on=StorageError)], scope=scope).execute(Do())

    failing = Failing(CommitOutcomeUnknownError())
    named = retry(on=(TransientError, CommitOutcomeUnknownError))
    assert await MessageBus([failing.handler()], middleware=[named], scope=scope).execute(Do()) == "done"


async def test_one_attempt_is_no_retry() -> None:
    failing = Failing(TransientError("deadlock"))
    with pytest.raises(TransientError):
        await MessageBus([failing.handler()], middleware=[retry(1)], scope=scope).execute(Do())


async def test_it_waits_as_long_as_the_backoff_says_and_not_after_the_last_attempt() -> None:
    asked: list[int] = []

    def backoff(attempts: int) -> float:
        asked.append(attempts)
        return 0.0

    failing = Failing(*[TransientError("deadlock")] * 3)
    with pytest.raises(TransientError):
        await MessageBus([failing.handler()], middleware=[Retry(3, backoff=backoff)], scope=scope).execute(Do())
    assert asked == [1, 2]


async def test_it_can_be_cancelled_while_it_waits() -> None:
    waiting = asyncio.Event()

    def backoff(attempts: int) -> float:
        waiting.set()
        return 3600.0

    failing = Failing(TransientError("deadlock"))
    bus = MessageBus([failing.handler()], middleware=[Retry(backoff=backoff)], scope=scope)
    task = asyncio.create_task(bus.execute(Do()))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(failing.units) == 1


async def test_a_nested_message_is_tried_again_with_the_whole_and_never_by_itself() -> None:
    failing = Failing(TransientError("deadlock"))
    calls: list[str] = []

    @handles(Nest)
    async def nest(command: Nest, *, bus: CommandBus) -> str:
        calls.append("nest")
        return await bus.execute(Do())

    assert await MessageBus([nest, failing.handler()], middleware=[retry()], scope=scope).execute(Nest()) == "done"
    assert calls == ["nest", "nest"]
    assert len(set(failing.units)) == 2


def test_no_attempt_at_all_is_refused() -> None:
    with pytest.raises(DefinitionError, match="a message must be handled at least once: give Retry 1 attempt or more"):
        Retry(0)


def test_inside_the_scope_it_is_refused() -> None:
    inside: Any = [Retry()]
    with pytest.raises(
        DefinitionError, match=r"Retry\(3 attempts on TransientError\) belongs outside the scope, in `middleware`"
    ):
        MessageBus([Failing().handler()], scoped_middleware=inside, scope=scope)
