"""Whatever fails, hangs or is cancelled while a transaction ends: it is released, and the caller learns the truth."""

import asyncio
from asyncio import CancelledError
from collections.abc import Awaitable, Callable

import pytest

from cleanarch_kit.application.tracking.after_commit import AfterCommit
from cleanarch_kit.application.tracking.ending import Ending
from cleanarch_kit.application.tracking.transaction import Savepoint, Transaction
from cleanarch_kit.application.tracking.usage_guard import Phase, UsageGuard
from cleanarch_kit.errors import CommitOutcomeUnknownError, TransientError

Step = Callable[[], Awaitable[object]]


async def nothing() -> None:
    await asyncio.sleep(0)


async def hang() -> None:
    await asyncio.Event().wait()


def raising(error: BaseException) -> Step:
    async def fail() -> None:
        raise error

    return fail


class Scripted(Transaction[str]):
    """Does what it is told to, and notes it; it is its own savepoint."""

    def __init__(self, commit: Step = nothing, rollback: Step = nothing, close: Step = nothing) -> None:
        self.steps = {"commit": commit, "rollback": rollback, "close": close}
        self.log: list[str] = []

    @property
    def connection(self) -> str:
        return "connection"

    async def commit(self) -> None:
        self.log.append("commit")
        await self.steps["commit"]()

    async def rollback(self) -> None:
        self.log.append("rollback")
        await self.steps["rollback"]()

    async def close(self) -> None:
        self.log.append("close")
        await self.steps["close"]()

    async def savepoint(self) -> Savepoint:
        return self


class Bench:
    """An ending over a scripted transaction."""

    def __init__(self, transaction: Scripted, timeout: float = 60) -> None:
        self.transaction = transaction
        self.reported: list[BaseException] = []
        self.guard = UsageGuard()
        self.after = AfterCommit(None, self, self.reported.append)
        self.after.tags.append("tag")
        self.ending = Ending(transaction, self.guard, self.after, timeout)

    @property
    def log(self) -> list[str]:
        return self.transaction.log

    async def invalidate(self, *tags: str) -> None:
        self.log.append("invalidate")

    async def follow(self) -> None:
        self.log.append("follow")

    def take_back(self) -> None:
        self.log.append("take back")

    async def commit(self) -> None:
        await self.ending.commit(self.take_back, self.follow)


async def test_the_connection_is_released_before_anything_follows() -> None:
    bench = Bench(Scripted())
    await bench.commit()
    assert bench.log == ["commit", "close", "follow"]
    nothing_follows = Bench(Scripted())
    await nothing_follows.ending.commit(nothing_follows.take_back, None)
    assert nothing_follows.log == ["commit", "close"]


async def test_a_refused_commit_is_rolled_back() -> None:
    error = TransientError("deadlock")
    bench = Bench(Scripted(commit=raising(error)))
    with pytest.raises(TransientError) as caught:
        await bench.commit()
    assert caught.value is error
    assert bench.log == ["commit", "take back", "rollback", "close"]


async def test_an_unknown_outcome_is_taken_back_nowhere_and_invalidates_caches() -> None:
    bench = Bench(Scripted(commit=raising(CommitOutcomeUnknownError())))
    with pytest.raises(CommitOutcomeUnknownError):
        await bench.commit()
    assert bench.log == ["commit", "close", "invalidate"]


async def test_a_commit_that_takes_too_long_has_an_unknown_outcome() -> None:
    bench = Bench(Scripted(commit=hang), timeout=0.01)
    with pytest.raises(CommitOutcomeUnknownError) as caught:
        await bench.commit()
    assert bench.log == ["commit", "close", "invalidate"]
    assert caught.value.__suppress_context__


async def test_a_driver_that_makes_an_error_of_its_own_of_the_timeout_hides_nothing() -> None:
    async def stubborn() -> None:
        try:
            await hang()
        except CancelledError:
            raise TransientError("connection lost") from None

    bench = Bench(Scripted(commit=stubborn), timeout=0.01)
    with pytest.raises(CommitOutcomeUnknownError):
        await bench.commit()
    assert bench.log == ["commit", "close", "invalidate"]


async def test_a_commit_that_was_cancelled_within_has_an_unknown_outcome_too() -> None:
    bench = Bench(Scripted(commit=raising(CancelledError("by the driver"))))
    with pytest.raises(CommitOutcomeUnknownError):
        await bench.commit()
    assert bench.log == ["commit", "close", "invalidate"]


async def test_a_cancellation_interrupts_neither_the_commit_nor_what_follows() -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        reached.set()
        await go_on.wait()

    for where in ("commit", "close"):
        reached.clear()
        go_on.clear()
        bench = Bench(Scripted(**{where: slow}))
        task = asyncio.create_task(bench.commit())
        await reached.wait()
        task.cancel("mine")
        await asyncio.sleep(0)
        task.cancel("again")
        go_on.set()
        with pytest.raises(CancelledError) as caught:
            await task
        assert caught.value.args == ("mine",)
        assert bench.log == ["commit", "close", "follow"]


async def test_a_cancelled_caller_does_not_wait_for_ever() -> None:
    reached = asyncio.Event()

    async def wait_for_ever() -> None:
        reached.set()
        await hang()

    bench = Bench(Scripted(), timeout=0.02)
    task = asyncio.create_task(bench.ending.commit(bench.take_back, wait_for_ever))
    await reached.wait()
    task.cancel()
    with pytest.raises(CancelledError):
        await asyncio.wait_for(task, 10)


@pytest.mark.parametrize("close", [raising(ConnectionError("lost")), raising(CancelledError("by the driver")), hang])
async def test_a_release_that_fails_after_the_commit_is_only_reported(close: Step) -> None:
    bench = Bench(Scripted(close=close), timeout=0.02)
    await bench.commit()
    assert bench.log == ["commit", "close", "follow"]
    assert [type(error) for error in bench.reported] in ([ConnectionError], [CancelledError])


async def test_a_release_that_hangs_does_not_hold_a_cancelled_caller_for_ever() -> None:
    reached = asyncio.Event()

    async def hang_twice() -> None:
        reached.set()
        await hang()

    bench = Bench(Scripted(close=hang_twice), timeout=0.02)
    task = asyncio.create_task(bench.commit())
    await reached.wait()
    task.cancel()
    with pytest.raises(CancelledError):
        await asyncio.wait_for(task, 10)


async def test_a_rollback_releases_and_keeps_the_error() -> None:
    error = ValueError("the reason")
    bench = Bench(Scripted())
    await bench.ending.roll_back(error)
    assert bench.log == ["rollback", "close"]
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize("rollback", [raising(ConnectionError("secret")), hang])
async def test_a_rollback_that_fails_is_a_note_on_the_reason(rollback: Step) -> None:
    error = ValueError("the reason")
    bench = Bench(Scripted(rollback=rollback), timeout=0.01)
    await bench.ending.roll_back(error)
    assert bench.log == ["rollback", "close"]
    name = "ConnectionError" if rollback is not hang else "TimeoutError"
    assert error.__notes__ == [f"the rollback failed, too: {name}"]


async def test_a_rollback_without_a_reason_raises_its_failure() -> None:
    bench = Bench(Scripted(rollback=raising(TransientError("connection lost"))))
    with pytest.raises(TransientError):
        await bench.ending.roll_back(None)
    assert bench.log == ["rollback", "close"]


async def test_a_rollback_waits_for_the_statement_of_a_task_that_was_left_behind() -> None:
    bench, go_on = Bench(Scripted()), asyncio.Event()
    bench.guard.enter()
    bench.guard.phase = Phase.OPEN
    statement = asyncio.create_task(bench.guard.run(go_on.wait))
    await asyncio.sleep(0)
    bench.guard.end()
    rollback = asyncio.create_task(bench.ending.roll_back(ValueError()))
    for _ in range(5):
        await asyncio.sleep(0)
    assert bench.log == []
    go_on.set()
    await rollback
    await statement
    assert bench.log == ["rollback", "close"]


@pytest.mark.parametrize(
    ("reason", "expected"), [(ValueError("the reason"), ("mine",)), (CancelledError("first"), None), (None, ("mine",))]
)
async def test_a_cancellation_during_the_rollback_comes_out_unless_there_was_one(
    reason: BaseException | None, expected: tuple[str] | None
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        reached.set()
        await go_on.wait()

    bench = Bench(Scripted(rollback=slow))
    task = asyncio.create_task(bench.ending.roll_back(reason))
    await reached.wait()
    task.cancel("mine")
    go_on.set()
    came_out: tuple[object, ...] | None = None
    try:
        await task
    except CancelledError as error:
        came_out = error.args
    assert came_out == expected
    assert bench.log == ["rollback", "close"]


async def test_going_back_to_a_savepoint_heals() -> None:
    bench, healed = Bench(Scripted()), list[bool]()
    await bench.ending.go_back(bench.transaction, ValueError(), lambda: healed.append(True))
    assert (bench.log, healed) == (["rollback"], [True])


@pytest.mark.parametrize("rollback", [raising(ConnectionError("secret")), hang])
async def test_what_cannot_go_back_stays_unusable(rollback: Step) -> None:
    bench, healed, error = Bench(Scripted(rollback=rollback), timeout=0.01), list[bool](), ValueError("the reason")
    await bench.ending.go_back(bench.transaction, error, lambda: healed.append(True))
    assert (bench.log, healed) == (["rollback"], [])
    assert bench.guard.phase is Phase.FAILED
    assert error.__notes__[0].startswith("the savepoint could not be taken back: ")
