import asyncio

import pytest

from cleanarch_kit.application.tracking.usage_guard import Phase, UsageGuard
from cleanarch_kit.errors import UnitOfWorkStateError


def opened() -> UsageGuard:
    guard = UsageGuard()
    assert guard.enter()
    guard.phase = Phase.OPEN
    return guard


def problem(guard: UsageGuard) -> str:
    with pytest.raises(UnitOfWorkStateError) as caught:
        guard.check()
    return str(caught.value)


async def value(result: object = "result") -> object:
    await asyncio.sleep(0)
    return result


async def test_each_phase_says_what_to_do() -> None:
    guard = UsageGuard()
    assert problem(guard) == "this unit of work is not open: use it inside 'async with'"
    guard.enter()
    guard.phase = Phase.OPEN
    guard.check()
    guard.phase = Phase.BUSY
    assert problem(guard) == "this unit of work is in use by another task: give each task a unit of work of its own"
    guard.fail()
    assert problem(guard) == (
        "a statement of this unit of work has failed, so it can only be rolled back: leave its block, and put what may"
        " fail into a savepoint"
    )
    guard.phase = Phase.DOOMED
    assert problem(guard) == (
        "a block that joined this unit of work has failed, so it can only be rolled back: let the error leave the outer"
        " block too, or put what may fail into a savepoint"
    )
    guard.end()
    assert problem(guard) == "this unit of work has ended: open a new one"


async def test_a_statement_gives_its_result_and_leaves_the_unit_open() -> None:
    guard = opened()
    assert not guard.has_run
    assert await guard.run(value, result=3) == 3
    assert guard.phase is Phase.OPEN
    assert guard.has_run


async def test_a_second_statement_at_the_same_time_is_refused_and_the_first_goes_on() -> None:
    guard = opened()
    first = asyncio.create_task(guard.run(value, 1))
    await asyncio.sleep(0)
    with pytest.raises(UnitOfWorkStateError, match="another task"):
        await guard.run(value, 2)
    assert await first == 1
    assert await guard.run(value, 3) == 3


@pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError(), KeyboardInterrupt()])
async def test_a_failed_statement_closes_the_unit(error: BaseException) -> None:
    async def fail() -> None:
        raise error

    guard = opened()
    with pytest.raises(type(error)):
        await guard.run(fail)
    with pytest.raises(UnitOfWorkStateError, match="has failed"):
        await guard.run(value)


async def test_while_it_is_committed_only_the_committing_task_may_use_it() -> None:
    guard = opened()
    guard.begin_commit()
    assert await guard.run(value) == "result"
    assert guard.phase is Phase.COMMITTING
    with pytest.raises(UnitOfWorkStateError, match="another task"):
        await asyncio.create_task(guard.run(value))


async def test_only_the_outermost_block_is_the_outermost() -> None:
    guard = opened()
    assert not guard.enter()
    assert not guard.enter()
    assert guard.depth == 3
    assert not guard.leave(failed=False)
    assert not guard.leave(failed=False)
    guard.check()
    assert guard.leave(failed=False)
    guard.end()
    with pytest.raises(UnitOfWorkStateError, match="has ended"):
        guard.enter()


async def test_nobody_joins_a_unit_that_is_not_fit_for_use() -> None:
    guard = opened()
    guard.fail()
    with pytest.raises(UnitOfWorkStateError, match="has failed"):
        guard.enter()
    assert guard.depth == 1


async def test_an_error_that_leaves_a_joined_block_dooms_the_unit() -> None:
    guard = opened()
    guard.enter()
    assert not guard.leave(failed=True)
    assert guard.phase is Phase.DOOMED
    assert guard.leave(failed=True)


async def test_a_block_that_another_one_ended_is_told_so() -> None:
    guard = opened()
    guard.enter()
    guard.end()
    with pytest.raises(UnitOfWorkStateError, match="has failed"):
        guard.leave(failed=False)
    with pytest.raises(UnitOfWorkStateError, match="has failed"):
        guard.leave(failed=False)
    another = opened()
    another.enter()
    another.end()
    assert not another.leave(failed=True)  # who brings an error of his own is not told of another one
    assert another.leave(failed=True)


async def test_blocks_are_left_in_reverse_order() -> None:
    """Otherwise one of two tasks would commit for the other, which had not finished."""
    guard = opened()
    joined, leave = asyncio.Event(), asyncio.Event()

    async def join() -> None:
        guard.enter()
        joined.set()
        await leave.wait()
        guard.leave(failed=False)

    other = asyncio.create_task(join())
    await joined.wait()
    with pytest.raises(UnitOfWorkStateError, match="another task"):
        guard.leave(failed=False)
    guard.end()
    leave.set()
    with pytest.raises(UnitOfWorkStateError, match="has failed"):
        await other


async def test_a_block_may_be_entered_by_one_task_and_left_by_another() -> None:
    """As fixtures do: the first task is over by then."""

    async def enter() -> None:
        guard.enter()

    guard = opened()
    await asyncio.create_task(enter())
    assert not guard.leave(failed=False)
    assert guard.leave(failed=False)


async def test_idle_waits_for_a_statement_that_was_left_behind() -> None:
    guard = opened()
    await guard.idle()
    go_on = asyncio.Event()
    statement = asyncio.create_task(guard.run(go_on.wait))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(guard.idle())
    await asyncio.sleep(0)
    assert not waiting.done()
    go_on.set()
    await waiting
    assert await statement
    assert guard.phase is Phase.OPEN
    await guard.idle()


@pytest.mark.parametrize("fails", [False, True])
async def test_a_statement_that_outlives_its_unit_does_not_revive_it(fails: bool) -> None:
    guard = opened()
    go_on = asyncio.Event()

    async def statement() -> None:
        await go_on.wait()
        if fails:
            raise ValueError("too late")

    task = asyncio.create_task(guard.run(statement))
    await asyncio.sleep(0)
    guard.end()
    waiting = asyncio.create_task(guard.idle())
    await asyncio.sleep(0)
    assert not waiting.done()
    go_on.set()
    await waiting
    await asyncio.gather(task, return_exceptions=True)
    assert guard.phase is Phase.ENDED


async def test_who_gives_up_waiting_harms_nobody() -> None:
    guard = opened()
    go_on = asyncio.Event()
    statement = asyncio.create_task(guard.run(go_on.wait))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(guard.idle(), 0.001)
    go_on.set()
    assert await statement
    assert guard.phase is Phase.OPEN
