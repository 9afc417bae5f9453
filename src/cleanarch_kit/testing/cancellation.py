"""Cancelling at every point at which that is possible, one after another."""

import asyncio
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine, Generator
from enum import Enum
from typing import Any, Generic, TypeAlias, TypeVar

__all__ = ["CancellationStyle", "cancel_everywhere", "interrupted"]

T = TypeVar("T")

_Said: TypeAlias = Any
"""What an event loop and its futures say to each other."""

_MESSAGE = "by the test"


class CancellationStyle(Enum):
    """How the code under test is cancelled."""

    TASK = "task.cancel(), once"
    TWICE = "task.cancel(), and again at the next suspension"
    TIMEOUT = "a timeout around it expires"
    SIBLING = "another task of its TaskGroup fails"
    SCOPE = "an anyio scope around it is cancelled, which cancels again until it is left; needs anyio"


class _Interruption(Generic[T]):
    """Runs a coroutine step by step, and does something at its n-th suspension and after it."""

    def __init__(self, work: Coroutine[_Said, _Said, T], act: Callable[[int], object]) -> None:
        self._work = work
        self._act = act

    def __await__(self) -> Generator[_Said, _Said, T]:  # Any: what an event loop and its futures say to each other
        steps = self._work.__await__()
        suspensions = 0
        send: Callable[[], object] = steps.__next__
        while True:
            try:
                awaited = send()
            except StopIteration as stop:
                result: T = stop.value
                return result
            suspensions += 1
            self._act(suspensions)
            try:
                answer = yield awaited
            except BaseException as error:
                send = _thrower(steps, error)
            else:
                send = _sender(steps, answer)


def _thrower(steps: Generator[_Said, _Said, _Said], error: BaseException) -> Callable[[], object]:
    return lambda: steps.throw(error)


def _sender(steps: Generator[_Said, _Said, _Said], answer: object) -> Callable[[], object]:
    return lambda: steps.send(answer)


async def interrupted(work: Coroutine[_Said, _Said, T], act: Callable[[int], object]) -> T:
    """Run a coroutine in the current task, and call a function at each of its suspensions.

    Args:
        work: the coroutine.
        act: is called with the number of the suspension, from 1, right before the task is suspended; what it cancels
            is cancelled at exactly this point.

    Returns:
        What the coroutine returns.
    """
    return await _Interruption(work, act)


async def cancel_everywhere(
    scenario: Callable[[], Coroutine[_Said, _Said, object]],
    verify: Callable[[], Awaitable[None]],
    *,
    style: CancellationStyle = CancellationStyle.TASK,
    limit: int = 1_000,
) -> int:
    """Run a scenario again and again, cancelled at its first suspension, at its second one, and so on to its end.

    It is deterministic where the scenario is: no point is left out, and none depends on timing.

    Args:
        scenario: makes the coroutine under test. It must not swallow its cancellation.
        verify: is called after each run, to check what must hold whenever the cancellation came.
        style: how it is cancelled.
        limit: the most points that are tried.

    Returns:
        How many points there were.

    Raises:
        AssertionError: a run was cancelled and ended as if it had not been, or there are more points than the limit.
    """
    for point in range(1, limit + 1):
        reached = await _run_once(scenario(), point, style)
        await verify()
        if not reached:
            return point - 1
    raise AssertionError(f"the scenario suspends more than {limit} times")


async def _run_once(work: Coroutine[_Said, _Said, object], point: int, style: CancellationStyle) -> bool:
    if style is CancellationStyle.SCOPE:
        return await _run_in_scope(work, point)
    reached = False
    sibling_fails = asyncio.Event()
    timeout = asyncio.timeout(None)

    def act(suspension: int) -> None:
        nonlocal reached
        if suspension == point or (style is CancellationStyle.TWICE and suspension == point + 1):
            reached = True
            if style is CancellationStyle.TIMEOUT:
                timeout.reschedule(asyncio.get_running_loop().time() - 1)
            elif style is CancellationStyle.SIBLING:
                sibling_fails.set()
            else:
                task.cancel(_MESSAGE)

    async def run() -> None:
        if style is CancellationStyle.TIMEOUT:
            async with timeout:
                await interrupted(work, act)
        else:
            await interrupted(work, act)

    task = asyncio.ensure_future(_beside(run(), sibling_fails) if style is CancellationStyle.SIBLING else run())
    try:
        await task
    except (TimeoutError, _SiblingFailed):
        pass
    except CancelledError as error:
        if error.args != (_MESSAGE,):
            raise AssertionError(f"cancelled at suspension {point}, and another cancellation came out") from error
    else:
        if reached:
            raise AssertionError(f"cancelled at suspension {point}, and the cancellation was swallowed")
    return reached


async def _run_in_scope(work: Coroutine[_Said, _Said, object], point: int) -> bool:
    from anyio import CancelScope  # noqa: PLC0415 - it need not be installed

    with CancelScope() as scope:
        await interrupted(work, lambda suspension: scope.cancel() if suspension == point else None)
    if scope.cancel_called and not scope.cancelled_caught:
        raise AssertionError(f"cancelled at suspension {point}, and the cancellation was swallowed")
    return scope.cancel_called


class _SiblingFailed(Exception):  # noqa: N818 - it is no error of anybody's
    """The other task of the group failed, as it was asked to."""


async def _beside(work: Coroutine[_Said, _Said, None], fail: asyncio.Event) -> None:
    async def sibling() -> None:
        await fail.wait()
        raise _SiblingFailed

    try:
        async with asyncio.TaskGroup() as group:
            other = group.create_task(sibling())
            await group.create_task(work)
            other.cancel()
    except* _SiblingFailed:
        raise _SiblingFailed from None
