import asyncio
from threading import Thread

from cleanarch_kit.application import WakeUp

AT_ONCE = 60.0
"""Seconds that a test would hang if the nudge were lost."""


async def test_whoever_waits_is_nudged() -> None:
    wake_up = WakeUp()
    with wake_up.subscribe() as first, wake_up.subscribe() as second:
        waiting = asyncio.gather(first.wait(AT_ONCE), second.wait(AT_ONCE))
        await asyncio.sleep(0)
        wake_up.notify()
        async with asyncio.timeout(5):
            await waiting


async def test_a_nudge_before_the_wait_is_not_lost() -> None:
    wake_up = WakeUp()
    with wake_up.subscribe() as signal:
        wake_up.notify()
        async with asyncio.timeout(5):
            await signal.wait(AT_ONCE)


async def test_a_nudge_is_forgotten_when_it_is_cleared() -> None:
    wake_up = WakeUp()
    with wake_up.subscribe() as signal:
        wake_up.notify()
        await signal.wait(AT_ONCE)
        signal.clear()
        waiting = asyncio.create_task(signal.wait(AT_ONCE))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        waiting.cancel()


async def test_without_a_nudge_a_wait_ends_by_itself() -> None:
    with WakeUp().subscribe() as signal:
        await signal.wait(0.01)


async def test_a_nudge_may_come_from_another_thread() -> None:
    wake_up = WakeUp()
    with wake_up.subscribe() as signal:
        waiting = asyncio.create_task(signal.wait(AT_ONCE))
        await asyncio.sleep(0)
        thread = Thread(target=wake_up.notify)
        thread.start()
        async with asyncio.timeout(5):
            await waiting
        thread.join()


async def test_after_the_block_nobody_is_nudged() -> None:
    wake_up = WakeUp()
    with wake_up.subscribe() as signal:
        pass
    wake_up.notify()
    waiting = asyncio.create_task(signal.wait(AT_ONCE))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()


def test_a_nudge_to_a_loop_that_is_closed_does_no_harm() -> None:
    wake_up = WakeUp()

    async def leave_open() -> None:
        subscription = wake_up.subscribe()
        subscription.__enter__()
        kept.append(subscription)

    kept: list[object] = []
    asyncio.run(leave_open())
    wake_up.notify()
