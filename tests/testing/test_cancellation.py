"""The sweep counts only if it finds what leaks, wherever it leaks, and however the task is cancelled."""

import asyncio
from asyncio import CancelledError
from contextlib import suppress

import pytest

from cleanarch_kit.testing import CancellationStyle, cancel_everywhere, interrupted

STYLES = tuple(CancellationStyle)


class Pool:
    """Something that has to be given back."""

    def __init__(self) -> None:
        self.taken = 0
        self.reached: list[str] = []

    async def sound(self) -> None:
        self.taken += 1
        try:
            for step in ("one", "two", "three"):
                await asyncio.sleep(0)
                self.reached.append(step)
        finally:
            self.taken -= 1

    async def leaking(self) -> None:
        self.taken += 1
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        except Exception:
            self.taken -= 1
            raise
        self.taken -= 1

    async def nothing_is_taken(self) -> None:
        assert self.taken == 0


@pytest.mark.parametrize("style", STYLES)
async def test_every_suspension_is_tried_once(style: CancellationStyle) -> None:
    pool = Pool()
    points = await cancel_everywhere(pool.sound, pool.nothing_is_taken, style=style)
    assert points == 3
    whole = ["one", "two", "three"]
    if style is CancellationStyle.SIBLING:  # the news of the failure takes its way
        assert pool.reached[-3:] == whole
    else:
        assert pool.reached == ["one", "one", "two", *whole]


@pytest.mark.parametrize("style", STYLES)
async def test_a_leak_is_found(style: CancellationStyle) -> None:
    pool = Pool()
    with pytest.raises(AssertionError):
        await cancel_everywhere(pool.leaking, pool.nothing_is_taken, style=style)
    assert pool.taken > 0


async def test_a_leak_in_the_clean_up_is_found_by_cancelling_twice() -> None:
    pool = Pool()

    async def scenario() -> None:
        pool.taken += 1
        try:
            await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            pool.taken -= 1

    async def forgiving() -> None:
        pool.taken = 0

    assert await cancel_everywhere(scenario, forgiving) == 2
    with pytest.raises(AssertionError):
        await cancel_everywhere(scenario, pool.nothing_is_taken, style=CancellationStyle.TWICE)


async def test_a_swallowed_cancellation_is_found() -> None:
    async def swallowing() -> None:
        with suppress(CancelledError):
            await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="cancelled at suspension 1, and the cancellation was swallowed"):
        await cancel_everywhere(swallowing, Pool().nothing_is_taken)


async def test_another_cancellation_in_its_place_is_found() -> None:
    async def replacing() -> None:
        try:
            await asyncio.sleep(0)
        except CancelledError:
            raise CancelledError("another one") from None

    with pytest.raises(AssertionError, match="cancelled at suspension 1, and another cancellation came out"):
        await cancel_everywhere(replacing, Pool().nothing_is_taken)


async def test_an_error_of_the_scenario_comes_out() -> None:
    async def failing() -> None:
        raise LookupError("its own")

    with pytest.raises(LookupError, match="its own"):
        await cancel_everywhere(failing, Pool().nothing_is_taken)


async def test_there_is_a_limit() -> None:
    async def endless() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="suspends more than 5 times"):
        await cancel_everywhere(endless, Pool().nothing_is_taken, limit=5)


async def test_a_scenario_without_suspensions_has_no_points() -> None:
    async def at_once() -> None: ...

    assert await cancel_everywhere(at_once, Pool().nothing_is_taken) == 0


async def test_interrupting_changes_nothing_but_what_it_is_told_to() -> None:
    seen: list[int] = []

    async def work() -> str:
        assert await asyncio.wait_for(asyncio.sleep(0, "slept"), 1) == "slept"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        return "result"

    assert await interrupted(work(), seen.append) == "result"
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= 2
