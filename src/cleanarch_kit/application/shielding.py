"""Work that a cancellation must not tear apart."""

import asyncio
from asyncio import CancelledError
from collections.abc import Coroutine
from functools import partial
from typing import TypeVar

__all__ = ["Deadline", "is_being_cancelled", "run_to_end"]

T = TypeVar("T")


async def run_to_end(work: Coroutine[object, object, T], *, patience: float) -> T:
    """Run work to its end in a task of its own, whatever happens to the caller; raise a cancellation after it.

    Args:
        work: what must be finished.
        patience: seconds to go on waiting after the caller was cancelled; then the work is cancelled too.

    Returns:
        What the work returns, unless the caller was cancelled meanwhile.

    Raises:
        CancelledError: the caller was cancelled while it waited: the very object, whatever came of the work.
        BaseException: what the work raised, otherwise.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    cancelled: CancelledError | None = None
    timer: asyncio.TimerHandle | None = None
    while not task.done():
        done: asyncio.Future[None] = loop.create_future()
        task.add_done_callback(partial(_wake, done))
        try:
            await done
        except CancelledError as error:
            if cancelled is None:
                cancelled, timer = error, loop.call_later(patience, task.cancel)
    if cancelled is None or timer is None:
        return task.result()
    timer.cancel()
    if not task.cancelled():
        task.exception()  # looked at, so that the event loop does not report it
    raise cancelled


def _wake(done: asyncio.Future[None], _: object) -> None:
    if not done.done():
        done.set_result(None)


def is_being_cancelled() -> bool:
    """Whether somebody has cancelled the current task; a CancelledError may also come from what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Deadline:
    """Cancels the current task when its time is up; what ``asyncio.timeout`` does, at a third of its calls.

    Attributes:
        expired: whether the time is up, and the task was cancelled for that.
    """

    __slots__ = ("_task", "_timer", "expired")

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def disarm(self) -> None:
        """Let the task go on; it counts as not cancelled if it was cancelled by this deadline."""
        self._timer.cancel()
        if self.expired and self._task is not None:
            self._task.uncancel()
            self._task = None

    def _expire(self) -> None:
        self.expired = True
        if self._task is not None:
            self._task.cancel()
