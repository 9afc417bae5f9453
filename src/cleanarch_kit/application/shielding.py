"""Work that a cancellation must not tear apart."""

import asyncio
from asyncio import CancelledError
from collections.abc import Coroutine
from typing import TypeVar

__all__ = ["run_to_end"]

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
    task = asyncio.create_task(work)
    cancelled: CancelledError | None = None
    deadline: float | None = None
    loop = asyncio.get_running_loop()
    while not task.done():
        try:
            await asyncio.wait((task,), timeout=None if deadline is None else max(deadline - loop.time(), 0))
        except CancelledError as error:
            cancelled = cancelled or error
            deadline = deadline or loop.time() + patience
        if deadline is not None and loop.time() >= deadline:
            task.cancel()
            deadline = None
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # looked at, so that the event loop does not report it
    raise cancelled
