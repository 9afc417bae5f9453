import asyncio
import gc
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from cleanarch_kit.application.caching.single_flight import SingleFlight
from cleanarch_kit.testing.cancellation import cancel_everywhere

V1, V2 = ("1",), ("2",)


class Work:
    """A computation that waits until it is told to go on."""

    def __init__(self, result: object = "done") -> None:
        self.result = result
        self.calls = 0
        self.cancelled = 0
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self) -> object:
        self.calls += 1
        self.began.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("detached", [True, False])
async def test_a_thousand_callers_share_one_computation(detached: bool) -> None:
    flights, work = SingleFlight(), Work()
    tasks = [asyncio.create_task(flights.run("a", V1, work, detached=detached)) for _ in range(1000)]
    await work.began.wait()
    assert flights.is_running("a", V1)
    work.go_on.set()
    assert await asyncio.gather(*tasks) == ["done"] * 1000
    assert work.calls == 1
    assert not flights.is_running("a", V1)


@pytest.mark.parametrize("detached", [True, False])
async def test_names_and_later_calls_have_computations_of_their_own(detached: bool) -> None:
    flights, work = SingleFlight(), Work()
    work.go_on.set()
    for name in ("a", "b", "a"):
        assert await flights.run(name, V1, work, detached=detached) == "done"
    assert work.calls == 3


@pytest.mark.parametrize("detached", [True, False])
async def test_other_versions_do_not_join(detached: bool) -> None:
    flights, old, new = SingleFlight(), Work("old"), Work("new")
    first = asyncio.create_task(flights.run("a", V1, old, detached=detached))
    await old.began.wait()
    second = asyncio.create_task(flights.run("a", V2, new, detached=detached))
    await new.began.wait()
    third = asyncio.create_task(flights.run("a", V2, new, detached=detached))
    await settle()
    assert not flights.is_running("a", V1)
    old.go_on.set()
    assert await first == "old"
    assert flights.is_running("a", V2)  # the older one did not take the newer one with it
    new.go_on.set()
    assert (await second, await third) == ("new", "new")
    assert new.calls == 1


@pytest.mark.parametrize("detached", [True, False])
async def test_an_error_reaches_everybody(detached: bool) -> None:
    flights, work = SingleFlight(), Work(LookupError("no"))
    tasks = [asyncio.create_task(flights.run("a", V1, work, detached=detached)) for _ in range(5)]
    await work.began.wait()
    work.go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [LookupError] * 5
    assert work.calls == 1
    assert not flights.is_running("a", V1)


async def test_a_caller_who_gives_up_leaves_a_detached_computation_alone() -> None:
    flights, work = SingleFlight(), Work()
    tasks = [asyncio.create_task(flights.run("a", V1, work, detached=True)) for _ in range(3)]
    await work.began.wait()
    tasks[0].cancel()
    tasks[2].cancel()
    await settle()
    work.go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError, str, asyncio.CancelledError]
    assert (work.calls, work.cancelled) == (1, 0)


async def test_a_detached_computation_goes_on_when_everybody_gave_up() -> None:
    flights, work = SingleFlight(), Work()
    task = asyncio.create_task(flights.run("a", V1, work, detached=True))
    await work.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    late = asyncio.create_task(flights.run("a", V1, work, detached=True))
    await settle()
    work.go_on.set()
    assert await late == "done"
    assert work.calls == 1


async def test_an_error_that_nobody_waits_for_is_not_complained_about(caplog: pytest.LogCaptureFixture) -> None:
    flights, work = SingleFlight(), Work(LookupError())
    task = asyncio.create_task(flights.run("a", V1, work, detached=True))
    await work.began.wait()
    task.cancel()
    await settle()
    work.go_on.set()
    await settle()
    del task
    gc.collect()
    assert caplog.records == []


async def test_an_attached_computation_ends_with_its_caller_and_the_next_begins_anew() -> None:
    flights, work = SingleFlight(), Work()
    tasks = [asyncio.create_task(flights.run("a", V1, work, detached=False)) for _ in range(3)]
    await work.began.wait()
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert work.cancelled == 1
    await settle()
    assert work.calls == 2
    work.go_on.set()
    assert await asyncio.gather(*tasks[1:]) == ["done", "done"]
    assert work.calls == 2


async def test_one_who_only_waits_takes_nothing_along_when_he_gives_up() -> None:
    flights, work = SingleFlight(), Work()
    tasks = [asyncio.create_task(flights.run("a", V1, work, detached=False)) for _ in range(3)]
    await work.began.wait()
    tasks[1].cancel()
    await settle()
    work.go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [str, asyncio.CancelledError, str]
    assert (work.calls, work.cancelled) == (1, 0)


async def test_a_computation_that_is_no_exception_ends_only_its_own_caller() -> None:
    class Stop(BaseException): ...

    flights, first, second = SingleFlight(), Work(Stop()), Work()
    tasks = [asyncio.create_task(flights.run("a", V1, work, detached=False)) for work in (first, second)]
    await first.began.wait()
    first.go_on.set()
    second.go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [Stop, str]


@pytest.mark.parametrize("detached", [True, False])
async def test_a_computation_does_not_wait_for_itself(detached: bool) -> None:
    flights = SingleFlight()
    depth = 0

    async def recursive() -> int:
        nonlocal depth
        depth += 1
        return depth if depth == 3 else await flights.run("a", V1, recursive, detached=detached)

    assert await asyncio.wait_for(flights.run("a", V1, recursive, detached=detached), 5) == 3


@pytest.mark.parametrize("detached", [True, False])
async def test_what_runs_after_a_computation_is_not_taken_for_part_of_it(detached: bool) -> None:
    flights, work = SingleFlight(), Work()
    work.go_on.set()
    await flights.run("a", V1, work, detached=detached)
    other = Work()
    running = asyncio.create_task(flights.run("a", V1, other, detached=True))
    await other.began.wait()
    joined = asyncio.create_task(flights.run("a", V1, work, detached=detached))
    await settle()
    other.go_on.set()
    assert (await running, await joined) == ("done", "done")
    assert work.calls == 1


async def test_a_detached_computation_sees_the_context_of_who_began_it() -> None:
    flights = SingleFlight()
    variable: ContextVar[str] = ContextVar("variable")

    async def compute() -> str:
        return variable.get()

    variable.set("mine")
    assert await flights.run("a", V1, compute, detached=True) == "mine"


def test_another_event_loop_does_not_join() -> None:
    flights = SingleFlight()

    async def begin() -> None:
        flights._open("a", V1)  # as if the loop had ended in the middle

    async def later() -> str:
        async def compute() -> str:
            return "mine"

        return await asyncio.wait_for(flights.run("a", V1, compute, detached=True), 5)

    asyncio.run(begin())
    assert asyncio.run(later()) == "mine"


async def test_landings_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cleanarch_kit.application.caching.single_flight._REMEMBERED", 2)
    flights, good, bad = SingleFlight(), Work(), Work(LookupError())
    good.go_on.set()
    bad.go_on.set()
    assert not flights.has_landed("a", flights.landings)
    for name in ("a", "b", "a"):
        since = flights.landings
        await flights.run(name, V1, good, detached=False)
        assert flights.has_landed(name, since)
        assert not flights.has_landed(name, flights.landings)
    with pytest.raises(LookupError):
        await flights.run("c", V1, bad, detached=False)
    assert flights.landings == 3
    await flights.run("c", V1, good, detached=False)
    assert [flights.has_landed(name, 0) for name in ("a", "b", "c")] == [True, False, True]


async def test_begin_does_not_wait() -> None:
    flights, work = SingleFlight(), Work()
    flights.begin("a", V1, work)
    joined = asyncio.create_task(flights.run("a", V1, work, detached=False))
    await work.began.wait()
    work.go_on.set()
    assert await joined == "done"
    assert work.calls == 1


async def test_closing_cancels_what_runs_detached_and_waits_for_its_end() -> None:
    flights, first, second = SingleFlight(), Work(), Work()
    flights.begin("a", V1, first)
    flights.begin("b", V1, second)
    await second.began.wait()
    await flights.close()
    assert (first.cancelled, second.cancelled) == (1, 1)
    await flights.close()


def test_closing_in_another_loop_leaves_tasks_alone() -> None:
    flights = SingleFlight()

    async def begin() -> asyncio.Task[None]:
        flights.begin("a", V1, Work())
        (task,) = flights._tasks
        return task

    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(begin())
    asyncio.run(flights.close())
    assert not task.done()
    task.cancel()
    loop.run_until_complete(asyncio.wait([task]))
    loop.close()


@pytest.mark.parametrize("detached", [True, False])
@pytest.mark.parametrize("doomed_begins", [True, False])
async def test_cancelled_at_every_suspension(detached: bool, doomed_begins: bool) -> None:
    """Whoever is cancelled, and wherever: the other one gets the value, and nothing is left behind."""
    flights, others = SingleFlight(), list[asyncio.Task[str]]()

    async def slow() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        return "done"

    def run() -> Coroutine[Any, Any, str]:
        return flights.run("a", V1, slow, detached=detached)

    async def beside_another() -> str:
        if doomed_begins:
            asyncio.get_running_loop().call_soon(lambda: others.append(asyncio.create_task(run())))
        else:
            others.append(asyncio.create_task(run()))
            await asyncio.sleep(0)
        return await run()

    async def verify() -> None:
        await settle()
        assert await others.pop() == "done"
        assert others == []
        await settle()
        assert not flights._flights
        assert not flights._tasks

    points = await cancel_everywhere(beside_another, verify)
    assert points >= 1
