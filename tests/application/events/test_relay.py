import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cleanarch_kit.adapters.memory import InMemoryOutbox, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.application import (
    Claim,
    Envelope,
    EventRegistry,
    PendingEvent,
    Relay,
    RelayReport,
)
from cleanarch_kit.domain import DomainEvent
from cleanarch_kit.errors import DefinitionError, TransientError

NEVER = 3600.0


@dataclass(frozen=True, kw_only=True)
class Ticked(DomainEvent, name="clock.ticked"):
    number: int


REGISTRY = EventRegistry([Ticked])


def number_of(envelope: Envelope) -> int:
    event = REGISTRY.decode(envelope)
    assert isinstance(event, Ticked)
    return event.number


class Outbox(InMemoryOutbox):
    """An outbox whose clock is set by the test, and which can break down."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.now = 0.0
        self.breakdowns = 0
        self.looks = 0
        super().__init__(self.store, REGISTRY, clock=lambda: self.now)

    async def commit(self, *numbers: int, subject: str | None = None) -> None:
        async with InMemoryUnitOfWork(self.store) as uow:
            for number in numbers:
                events = [PendingEvent(Ticked(number=number), subject or f"Clock/{number}")]
                await self.write(uow.transaction.connection, self.encode(events))
        self.wake()

    async def claims(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim]:
        self.looks += 1
        if self.breakdowns:
            self.breakdowns -= 1
            raise TransientError("connection lost")
        async with aclosing(super().claims(after=after, limit=limit, hold=hold)) as claims:
            async for claim in claims:
                yield claim

    async def counts(self) -> tuple[int, int, int]:
        stats = await self.stats()
        return stats.pending, stats.delayed, stats.dead


class Sink:
    """Refuses some numbers, or everything; `arrived` tells that something came through."""

    def __init__(self, *refused: int) -> None:
        self.refused: set[int] = set(refused)
        self.down = False
        self.numbers: list[int] = []
        self.calls = 0
        self.arrived = asyncio.Event()

    async def send(self, batch: Sequence[Envelope]) -> None:
        self.calls += 1
        numbers = [number_of(envelope) for envelope in batch]
        if self.down or self.refused.intersection(numbers):
            raise ValueError("hunter2")
        self.numbers += numbers
        self.arrived.set()

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.numbers) < count:
                self.arrived.clear()
                await self.arrived.wait()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


# --- one pass
async def test_a_pass_sends_what_is_due_from_every_partition(outbox: Outbox) -> None:
    await outbox.commit(*range(50))
    sink = Sink()
    assert await Relay(outbox, sink).drain_once() == RelayReport(published=50)
    assert sorted(sink.numbers) == list(range(50))
    assert await outbox.counts() == (0, 0, 0)


async def test_a_pass_sends_one_batch_of_each_partition(outbox: Outbox) -> None:
    await outbox.commit(*range(10), subject="Clock/a")
    await outbox.commit(*range(10, 20), subject="Clock/b")
    sink = Sink()
    relay = Relay(outbox, sink, batch=4)
    assert [(await relay.drain_once()).published for _ in range(4)] == [8, 8, 4, 0]
    assert [number for number in sink.numbers if number < 10] == list(range(10))


async def test_an_empty_outbox_reports_nothing(outbox: Outbox) -> None:
    assert await Relay(outbox, Sink()).drain_once() == RelayReport()


async def test_a_failed_event_waits_and_others_go_on(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    await outbox.commit(1, 2, subject="Clock/a")
    await outbox.commit(*range(3, 30))
    sink = Sink(1)
    relay = Relay(outbox, sink, backoff=lambda attempts: 10.0 * attempts)
    assert await relay.drain_once() == RelayReport(published=27, delayed=1)
    assert await outbox.counts() == (2, 1, 0)
    assert await relay.drain_once() == RelayReport()
    outbox.now = 10.0
    assert await relay.drain_once() == RelayReport(delayed=1)
    sink.refused.clear()
    outbox.now = 29.0
    assert await relay.drain_once() == RelayReport()
    outbox.now = 30.0
    assert await relay.drain_once() == RelayReport(published=2)
    assert sink.numbers[-2:] == [1, 2]
    messages = [record.getMessage() for record in caplog.records]
    assert [message.partition(" was not sent: ")[2] for message in messages] == [
        "attempt 1, ValueError, next in 10.0 s",
        "attempt 2, ValueError, next in 20.0 s",
    ]
    assert "hunter2" not in caplog.text


async def test_an_event_is_given_up_after_so_many_attempts(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    await outbox.commit(1, 2, subject="Clock/a")
    sink = Sink(1)
    relay = Relay(outbox, sink, max_attempts=3, backoff=lambda _: 0.0)
    assert [await relay.drain_once() for _ in range(3)] == [
        RelayReport(delayed=1),
        RelayReport(delayed=1),
        RelayReport(given_up=1),
    ]
    assert await outbox.counts() == (1, 0, 1)
    assert await relay.drain_once() == RelayReport(published=1)
    assert sink.numbers == [2]
    assert caplog.records[-1].levelno == logging.ERROR
    assert (
        caplog.records[-1]
        .getMessage()
        .endswith("of type clock.ticked.v1 was not sent: attempt 3, ValueError, given up")
    )
    sink.refused.clear()
    assert await outbox.replay() == 1
    assert await relay.drain_once() == RelayReport(published=1)


async def test_nothing_is_given_up_while_the_sink_is_down(outbox: Outbox) -> None:
    await outbox.commit(*range(20))
    sink = Sink()
    sink.down = True
    relay = Relay(outbox, sink, max_attempts=2, backoff=lambda _: 0.0)
    for _ in range(50):
        report = await relay.drain_once()
        assert (report.published, report.given_up) == (0, 0)
    sink.down = False
    while (await relay.drain_once()).published:
        pass
    assert sorted(sink.numbers) == list(range(20))
    assert await outbox.counts() == (0, 0, 0)


async def test_a_pass_ends_early_while_the_sink_is_down_and_the_next_goes_on_behind(outbox: Outbox) -> None:
    await outbox.commit(*range(100))
    sink = Sink()
    sink.down = True
    relay = Relay(outbox, sink, backoff=lambda _: NEVER)
    await relay.drain_once()
    assert sink.calls <= 6
    calls = sink.calls
    for _ in range(16):
        await relay.drain_once()
    assert (sink.calls - calls) <= 16 * 3
    assert (await outbox.stats()).delayed > 16  # every partition had its turn


async def test_two_events_that_are_at_fault_are_given_up_once_another_gets_through(outbox: Outbox) -> None:
    await outbox.commit(1, 2)
    relay = Relay(outbox, Sink(1, 2), max_attempts=2, backoff=lambda _: 0.0)
    for _ in range(5):
        assert (await relay.drain_once()).given_up == 0
    given_up = 0
    for number in range(3, 8):
        await outbox.commit(number)
        for _ in range(3):
            given_up += (await relay.drain_once()).given_up
    assert given_up == 2
    assert await outbox.counts() == (0, 0, 2)


async def test_an_outbox_that_breaks_down_is_an_error_of_the_pass(outbox: Outbox) -> None:
    outbox.breakdowns = 1
    with pytest.raises(TransientError):
        await Relay(outbox, Sink()).drain_once()


async def test_a_pass_can_be_cancelled_at_every_suspension(outbox: Outbox) -> None:
    """Whatever was sent and not settled is sent again; nothing is lost and nothing stays held."""
    sink = Sink(3)
    relay = Relay(outbox, sink, batch=3, backoff=lambda _: 0.0)
    for suspensions in range(200):
        await outbox.commit(1, 2, 3)
        draining = asyncio.create_task(relay.drain_once())
        for _ in range(suspensions):
            await asyncio.sleep(0)
        finished = draining.done()
        draining.cancel()
        await asyncio.wait([draining])
        sink.numbers.clear()
        sink.refused.clear()
        assert not finished or (await outbox.counts())[0] <= 1
        while (await relay.drain_once()).published:
            pass
        assert await outbox.counts() == (0, 0, 0)
        sink.refused.add(3)
        if finished:
            break
    else:
        pytest.fail("the pass never came to its end")


@pytest.mark.parametrize(
    "options",
    [{"batch": 0}, {"max_attempts": 0}, {"poll": 0.0}, {"poll": -1.0}, {"timeout": 0.0}],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError) as caught:
        Relay(Outbox(), Sink(), **options)
    assert str(caught.value) == "batch and max_attempts must be at least 1, poll and timeout more than 0"


# --- running
@asynccontextmanager
async def running(relay: Relay) -> AsyncGenerator["asyncio.Task[None]"]:
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        relay.stop()
        async with asyncio.timeout(10):
            await task


async def test_a_running_relay_is_woken_by_a_commit(outbox: Outbox) -> None:
    sink = Sink()
    async with running(Relay(outbox, sink, poll=NEVER)):
        for number in range(5):
            await outbox.commit(number)
            await sink.wait_for(number + 1)
    assert sink.numbers == [0, 1, 2, 3, 4]


async def test_a_relay_that_was_woken_looks_once_and_waits_again(outbox: Outbox) -> None:
    sink = Sink()
    async with running(Relay(outbox, sink, poll=NEVER)):
        await outbox.commit(1)
        await sink.wait_for(1)
        for _ in range(200):
            await asyncio.sleep(0)
        looks = outbox.looks
        for _ in range(200):
            await asyncio.sleep(0)
        assert outbox.looks == looks <= 3


async def test_a_running_relay_looks_now_and_then_by_itself(outbox: Outbox) -> None:
    class Reluctant(Sink):
        async def send(self, batch: Sequence[Envelope]) -> None:
            self.refused = {1} if self.calls < 3 else set()
            await super().send(batch)

    sink = Reluctant()
    await outbox.commit(1)
    async with running(Relay(outbox, sink, poll=0.01, backoff=lambda _: 0.0)):
        await sink.wait_for(1)
    assert sink.calls == 4


async def test_a_running_relay_sends_everything_that_was_there_before(outbox: Outbox) -> None:
    await outbox.commit(*range(30), subject="Clock/a")
    sink = Sink()
    async with running(Relay(outbox, sink, batch=7, poll=NEVER)):
        await sink.wait_for(30)
    assert sink.numbers == list(range(30))


async def test_a_subject_goes_on_at_once_after_an_event_was_given_up(outbox: Outbox) -> None:
    sink = Sink(1)
    await outbox.commit(1, 2, subject="Clock/a")
    async with running(Relay(outbox, sink, poll=NEVER, max_attempts=1)):
        await sink.wait_for(1)
    assert sink.numbers == [2]


async def test_stop_before_the_run_ends_it_at_once(outbox: Outbox) -> None:
    sink = Sink()
    relay = Relay(outbox, sink, poll=NEVER)
    await outbox.commit(1)
    task = asyncio.create_task(relay.run())
    relay.stop()
    async with asyncio.timeout(10):
        await task
    assert sink.numbers == []
    async with running(relay):
        await sink.wait_for(1)


async def test_stop_lets_the_batch_in_hand_end(outbox: Outbox) -> None:
    class Slow(Sink):
        async def send(self, batch: Sequence[Envelope]) -> None:
            relay.stop()
            await asyncio.sleep(0.01)
            await super().send(batch)

    sink = Slow()
    relay = Relay(outbox, sink, poll=NEVER)
    await outbox.commit(1, subject="Clock/a")
    async with asyncio.timeout(10):
        await relay.run()
    assert sink.numbers == [1]
    assert await outbox.counts() == (0, 0, 0)


async def test_a_run_that_is_cancelled_holds_nothing(outbox: Outbox) -> None:
    class Stuck(Sink):
        async def send(self, batch: Sequence[Envelope]) -> None:
            sending.set()
            await asyncio.Event().wait()

    sending = asyncio.Event()
    await outbox.commit(1)
    task = asyncio.create_task(Relay(outbox, Stuck()).run())
    await sending.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await Relay(outbox, Sink()).drain_once() == RelayReport(published=1)


async def test_a_run_survives_an_outbox_that_breaks_down(
    outbox: Outbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[int] = []

    def no_rest(failures: int) -> float:
        rests.append(failures)
        return 0.0

    monkeypatch.setattr("cleanarch_kit.application.events.relay._rest", no_rest)
    outbox.breakdowns = 3
    sink = Sink()
    await outbox.commit(1)
    async with running(Relay(outbox, sink, poll=NEVER)):
        await sink.wait_for(1)
    assert rests == [1, 2, 3]
    assert [record.getMessage() for record in caplog.records] == [
        "the outbox cannot be drained (cleanarch_kit.errors.TransientError)"
    ] * 3


async def test_a_run_rests_while_the_sink_is_down_whatever_is_committed(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[int] = []
    resting = asyncio.Event()

    def long_rest(failures: int) -> float:
        rests.append(failures)
        resting.set()
        return NEVER

    monkeypatch.setattr("cleanarch_kit.application.events.relay._rest", long_rest)
    sink = Sink()
    sink.down = True
    await outbox.commit(*range(20))
    async with running(Relay(outbox, sink, poll=0.001, backoff=lambda _: 0.0)):
        await resting.wait()
        calls = sink.calls
        for number in range(20, 40):
            await outbox.commit(number)
            await asyncio.sleep(0)
        assert sink.calls == calls
    assert rests == [1]


async def test_a_rest_ends_by_itself(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    class Recovering(Sink):
        async def send(self, batch: Sequence[Envelope]) -> None:
            self.down = self.calls < 12
            await super().send(batch)

    def short_rest(failures: int) -> float:
        return 0.01

    monkeypatch.setattr("cleanarch_kit.application.events.relay._rest", short_rest)
    sink = Recovering()
    await outbox.commit(*range(20))
    async with running(Relay(outbox, sink, poll=NEVER, backoff=lambda _: 0.0)):
        await sink.wait_for(20)


async def test_an_error_that_is_no_exception_ends_the_run(outbox: Outbox) -> None:
    class Ending(Sink):
        async def send(self, batch: Sequence[Envelope]) -> None:
            raise KeyboardInterrupt

    await outbox.commit(1)
    with pytest.raises(KeyboardInterrupt):
        await Relay(outbox, Ending()).run()


def test_reports_add_up() -> None:
    assert RelayReport(1, 2, 3) + RelayReport(10, 20, 30) == RelayReport(11, 22, 33)
