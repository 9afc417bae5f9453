import asyncio
import logging

import pytest

from cleanarch_kit.adapters.fastapi import running


class Service:
    """Runs until it is stopped, and says what happened to it."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.started = asyncio.Event()
        self.cancelled = False
        self.finished = False
        self._stubborn = stubborn
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        self.started.set()
        try:
            await self._stopped.wait()
            self.finished = True
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    def stop(self) -> None:
        if not self._stubborn:
            self._stopped.set()


class Broken(Service):
    async def run(self) -> None:
        self.started.set()
        raise RuntimeError("boom")


async def test_services_run_for_the_time_of_the_block_and_finish_what_they_began() -> None:
    one, two = Service(), Service()
    async with running([one, two]):
        await asyncio.wait_for(asyncio.gather(one.started.wait(), two.started.wait()), 5)
        assert not one.finished
    assert one.finished
    assert two.finished


async def test_a_service_that_does_not_stop_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cleanarch_kit.adapters.fastapi.background._GRACE_SECONDS", 0.01)
    stubborn, willing = Service(stubborn=True), Service()
    async with running([stubborn, willing]):
        await asyncio.wait_for(stubborn.started.wait(), 5)
    assert stubborn.cancelled
    assert willing.finished


async def test_giving_up_waiting_cancels_them_at_once() -> None:
    stubborn = Service(stubborn=True)

    async def application() -> None:
        async with running([stubborn]):
            await stubborn.started.wait()

    task = asyncio.create_task(application())
    await asyncio.wait_for(stubborn.started.wait(), 5)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert stubborn.cancelled


async def test_one_that_fails_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    broken, other = Broken(), Service()
    with caplog.at_level(logging.CRITICAL):
        async with running([broken, other]):
            await asyncio.wait_for(asyncio.gather(broken.started.wait(), other.started.wait()), 5)
    assert other.finished
    assert [record.getMessage() for record in caplog.records] == ["background service Broken failed and is not running"]
    assert caplog.records[0].exc_info is not None


async def test_an_error_of_the_application_leaves_no_task_behind() -> None:
    service = Service()
    with pytest.raises(ZeroDivisionError):
        async with running([service]):
            raise ZeroDivisionError
    assert service.finished
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_there_may_be_none() -> None:
    async with running([]):
        pass
