"""The policies by which an event reaches its handlers."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import pytest

from cleanarch_kit.application import Concurrent, FailFast, LogAndContinue
from cleanarch_kit.application.dispatch.event_delivery import DeliveryPolicy, Subscriber
from cleanarch_kit.domain import DomainEvent
from cleanarch_kit.errors import DefinitionError


@dataclass(frozen=True, kw_only=True)
class Happened(DomainEvent, name="delivery.happened"):
    number: int = 0


EVENT = Happened()
log: list[object] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


def working(name: str) -> Subscriber:
    async def run(event: Any) -> None:
        assert event is EVENT
        log.append(name)

    return run, f"by {name}"


def failing(name: str, error: BaseException) -> Subscriber:
    async def run(event: Any) -> None:
        log.append(name)
        raise error

    return run, f"by {name}"


async def test_fail_fast_stops_at_the_first_failure() -> None:
    error = ValueError("broken")

    with pytest.raises(ExceptionGroup) as caught:
        await FailFast().deliver(EVENT, [working("a"), failing("b", error), working("c")])

    assert log == ["a", "b"]
    assert caught.value.exceptions == (error,)
    assert caught.value.message == "delivery.happened.v1 was not delivered to every handler"
    assert error.__notes__ == ["by b"]


async def test_fail_fast_returns_nothing_when_all_is_well() -> None:
    assert await FailFast().deliver(EVENT, [working("a"), working("b")]) == []
    assert log == ["a", "b"]


async def test_log_and_continue_reports_each_failure_and_raises_none() -> None:
    reported: list[Exception] = []
    first, second = ValueError("first"), KeyError("second")

    errors = await LogAndContinue(reported.append).deliver(
        EVENT, [failing("a", first), working("b"), failing("c", second)]
    )

    assert errors == []
    assert log == ["a", "b", "c"]
    assert reported == [first, second]
    assert first.__notes__ == ["by a"]


async def test_a_failure_is_logged_by_type_and_place_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="cleanarch_kit.events"):
        await LogAndContinue().deliver(EVENT, [failing("a", ValueError("ada@example.com"))])

    (record,) = caplog.records
    assert record.name == "cleanarch_kit.events"
    assert record.getMessage().startswith(f"ValueError raised at {__file__}:")
    assert record.getMessage().endswith(" by a")
    assert "ada@example.com" not in caplog.text


async def test_concurrent_runs_all_at_once_and_gathers_failures_in_order() -> None:
    meeting = asyncio.Barrier(3)
    first, second = ValueError("first"), KeyError("second")

    async def a(event: object) -> None:
        await meeting.wait()
        raise first

    async def b(event: object) -> None:
        await meeting.wait()

    async def c(event: object) -> None:
        await meeting.wait()
        raise second

    errors = await Concurrent().deliver(EVENT, [(a, "by a"), (b, "by b"), (c, "by c")])

    assert errors == [first, second]
    assert first.__notes__ == ["by a"]


async def test_concurrent_keeps_to_its_limit() -> None:
    running = 0
    most = 0

    async def run(event: object) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    assert await Concurrent(limit=2).deliver(EVENT, [(run, "")] * 6) == []
    assert most == 2


async def test_concurrent_delivers_to_nobody() -> None:
    assert await Concurrent().deliver(EVENT, []) == []


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(DefinitionError, match="the limit of concurrent event handlers must be 1 or more"):
        Concurrent(limit)


async def test_cancelling_a_concurrent_delivery_cancels_and_awaits_every_handler() -> None:
    started = asyncio.Barrier(3)

    def waiting(name: str) -> Subscriber:
        async def run(event: object) -> None:
            try:
                await started.wait()
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                log.append(name)

        return run, name

    task = asyncio.create_task(Concurrent().deliver(EVENT, [waiting("a"), waiting("b")]))
    await started.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(map(str, log)) == ["a", "b"]


async def test_concurrent_events_that_cause_each_other_for_ever_are_stopped() -> None:
    policy = Concurrent()

    async def again(event: object) -> None:
        errors = await policy.deliver(EVENT, [(again, "again")])
        if errors:
            raise errors[0]

    (error,) = await policy.deliver(EVENT, [(again, "again")])

    assert isinstance(error, RecursionError)
    assert str(error) == "events cause each other 100 deep, at last delivery.happened.v1"


class Stop(BaseException):
    pass


@pytest.mark.parametrize("error", [Stop(), asyncio.CancelledError(), RecursionError()])
@pytest.mark.parametrize("policy", [FailFast(), LogAndContinue()])
async def test_what_is_no_ordinary_failure_passes_at_once(policy: DeliveryPolicy, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        await policy.deliver(EVENT, [failing("a", error), working("b")])
    assert caught.value is error
    assert log == ["a"]


async def test_a_base_exception_of_a_concurrent_handler_passes() -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        await Concurrent().deliver(EVENT, [failing("a", Stop())])
    assert isinstance(caught.value.exceptions[0], Stop)
