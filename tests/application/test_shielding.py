import asyncio
from asyncio import CancelledError

import pytest

from cleanarch_kit.application.shielding import Deadline, is_being_cancelled, run_to_end


async def test_what_the_work_returns_or_raises_comes_out() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    async def fail() -> None:
        raise LookupError("its own")

    assert await run_to_end(work(), patience=1) == 7
    with pytest.raises(LookupError, match="its own"):
        await run_to_end(fail(), patience=1)


async def test_a_cancellation_waits_for_the_end_and_comes_out_unchanged() -> None:
    finish, done = asyncio.Event(), False

    async def work() -> None:
        nonlocal done
        await finish.wait()
        done = True

    task = asyncio.create_task(run_to_end(work(), patience=60))
    for message in ("first", "second", "third"):
        await asyncio.sleep(0)
        task.cancel(message)
    await asyncio.sleep(0)
    assert not task.done()
    finish.set()
    with pytest.raises(CancelledError) as caught:
        await task
    assert done
    assert caught.value.args == ("first",)
    assert task.cancelling() == 3


@pytest.mark.parametrize("error", [LookupError("lost"), CancelledError("of its own")])
async def test_a_cancellation_wins_over_what_the_work_raises(error: BaseException) -> None:
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.sleep(0)
        raise error

    task = asyncio.create_task(run_to_end(work(), patience=60))
    await started.wait()
    task.cancel("mine")
    with pytest.raises(CancelledError) as caught:
        await task
    assert caught.value.args == ("mine",)


async def test_whoever_cancels_in_every_iteration_of_the_loop_hinders_nobody() -> None:
    """As a cancelled scope of anyio does, until it is left."""
    loop, steps = asyncio.get_running_loop(), 0

    async def work() -> None:
        nonlocal steps
        for _ in range(10):
            await asyncio.sleep(0)
            steps += 1

    def pester() -> None:
        if not task.done():
            task.cancel()
            loop.call_soon(pester)

    task = asyncio.create_task(run_to_end(work(), patience=60))
    await asyncio.sleep(0)
    pester()
    with pytest.raises(CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 10)
    assert steps == 10


async def test_patience_ends() -> None:
    cleaned_up = False

    async def hang() -> None:
        nonlocal cleaned_up
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up = True

    task = asyncio.create_task(run_to_end(hang(), patience=0.01))
    await asyncio.sleep(0)
    task.cancel("mine")
    with pytest.raises(CancelledError) as caught:
        await asyncio.wait_for(task, 10)
    assert cleaned_up
    assert caught.value.args == ("mine",)


async def test_a_timeout_around_it_sees_its_own_cancellation() -> None:
    async def work() -> None:
        await asyncio.sleep(0.02)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await run_to_end(work(), patience=60)


async def test_a_deadline_cancels_and_says_so() -> None:
    deadline = Deadline(0.001)
    with pytest.raises(CancelledError):
        await asyncio.Event().wait()
    assert deadline.expired
    assert is_being_cancelled()
    deadline.disarm()
    deadline.disarm()
    assert not is_being_cancelled()


async def test_a_deadline_that_is_met_does_nothing() -> None:
    deadline = Deadline(0.001)
    deadline.disarm()
    await asyncio.sleep(0.005)
    assert not deadline.expired
