"""A block inside a unit of work that can fail alone."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from cleanarch_kit.application.tracking.change_tracker import ChangeTracker
from cleanarch_kit.application.tracking.ending import Ending
from cleanarch_kit.application.tracking.usage_guard import Phase

__all__ = ["savepoint_block"]

ConnectionT = TypeVar("ConnectionT")


@asynccontextmanager
async def savepoint_block(
    ending: Ending[ConnectionT],
    tracker: ChangeTracker[ConnectionT],
    flush: Callable[[], Awaitable[None]],
    records: Sequence[list[Any]],  # Any: lists of different things, which are only cut
) -> AsyncGenerator[None]:
    """Write what is pending, begin a savepoint, and keep or take back what happens inside.

    Args:
        ending: the transaction, and how to go back in it.
        tracker: what changed.
        flush: writes what is pending.
        records: what the unit of work has noted for its commit; entries made inside are dropped with the rest.
    """
    guard = ending.guard
    await flush()
    phase, mark, lengths = guard.phase, tracker.mark(), [len(record) for record in records]
    savepoint = await guard.run(ending.transaction.savepoint)
    guard.savepoints += 1
    try:
        yield
        if guard.phase is not Phase.ENDED:
            await flush()
            await guard.run(savepoint.commit)
    except BaseException as error:

        def healed() -> None:
            for record, length in zip(records, lengths, strict=True):
                del record[length:]
            tracker.go_back(mark)
            guard.phase = phase

        if guard.phase is not Phase.ENDED:
            await ending.go_back(savepoint, error, healed)
        raise
    finally:
        guard.savepoints -= 1
