import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from cleanarch_kit.application import Envelope, OutboxEntry
from cleanarch_kit.application.events.delivery import LONGEST, Outcome, deliver

TIMEOUT = 0.05
PATIENT = 60.0


class Sink:
    """Refuses what it is told to refuse, and notes what it was asked to send."""

    def __init__(self, refuse: Callable[[Sequence[int]], bool] = lambda _: False) -> None:
        self.refuse = refuse
        self.calls: list[list[int]] = []

    async def send(self, batch: Sequence[Envelope]) -> None:
        numbers = [envelope.id.int for envelope in batch]
        self.calls.append(numbers)
        if self.refuse(numbers):
            raise ValueError("hunter2")


def entry(number: int, subject: str | None = None, attempts: int = 0) -> OutboxEntry:
    envelope = Envelope(
        id=UUID(int=number), type="t.v1", source="/", subject=subject, time=datetime.now(UTC), data=b"{}"
    )
    return OutboxEntry(number, envelope, attempts)


def summary(outcome: Outcome) -> tuple[list[int], list[int]]:
    return [entry.position for entry in outcome.published], [entry.position for entry, _ in outcome.failed]


async def test_entries_go_as_one_batch() -> None:
    sink = Sink()
    assert summary(await deliver([entry(n, "a") for n in range(5)], sink, PATIENT)) == ([0, 1, 2, 3, 4], [])
    assert sink.calls == [[0, 1, 2, 3, 4]]


async def test_a_single_entry_is_sent_once() -> None:
    sink = Sink(refuse=lambda _: True)
    assert summary(await deliver([entry(1, "a")], sink, PATIENT)) == ([], [1])
    assert sink.calls == [[1]]


async def test_when_a_batch_fails_each_entry_is_tried_alone_and_the_one_at_fault_is_found() -> None:
    sink = Sink(refuse=lambda numbers: 2 in numbers)
    outcome = await deliver([entry(n, f"s{n}") for n in range(5)], sink, PATIENT)
    assert summary(outcome) == ([0, 1, 3, 4], [2])
    assert sink.calls == [[0, 1, 2, 3, 4], [0], [1], [2], [3], [4]]
    assert isinstance(outcome.failed[0][1], ValueError)


async def test_what_follows_a_failed_entry_in_its_subject_is_left_alone() -> None:
    sink = Sink(refuse=lambda numbers: 1 in numbers)
    entries = [entry(0, "a"), entry(1, "b"), entry(2, "a"), entry(3, "b"), entry(4, "b")]
    assert summary(await deliver(entries, sink, PATIENT)) == ([0, 2], [1])
    assert sink.calls[1:] == [[0], [1], [2]]


async def test_entries_without_a_subject_do_not_wait_for_each_other() -> None:
    sink = Sink(refuse=lambda numbers: 1 in numbers)
    assert summary(await deliver([entry(0), entry(1), entry(2)], sink, PATIENT)) == ([0, 2], [1])


async def test_subjects_that_failed_before_do_not_disturb_the_batch() -> None:
    sink = Sink(refuse=lambda numbers: 1 in numbers)
    entries = [entry(1, "a", attempts=3), entry(2, "b"), entry(3, "a"), entry(4, "b")]
    assert summary(await deliver(entries, sink, PATIENT)) == ([2, 4], [1])
    assert sink.calls == [[2, 4], [1]]


async def test_a_subject_that_failed_before_goes_on_once_it_gets_through() -> None:
    sink = Sink()
    entries = [entry(1, "a", attempts=3), entry(2, "a"), entry(3, "b")]
    assert summary(await deliver(entries, sink, PATIENT)) == ([3, 1, 2], [])
    assert sink.calls == [[3], [1], [2]]


async def test_a_sink_that_takes_nothing_is_asked_three_times() -> None:
    sink = Sink(refuse=lambda _: True)
    assert summary(await deliver([entry(n, f"s{n}") for n in range(100)], sink, PATIENT)) == ([], [0, 1])
    assert [len(call) for call in sink.calls] == [100, 1, 1]


async def test_a_sink_that_took_something_is_asked_for_each_entry() -> None:
    sink = Sink(refuse=lambda numbers: numbers != [0])
    assert summary(await deliver([entry(n, f"s{n}") for n in range(4)], sink, PATIENT)) == ([0], [1, 2, 3])


class HangingSink(Sink):
    async def send(self, batch: Sequence[Envelope]) -> None:
        await super().send(batch)
        await asyncio.Event().wait()


async def test_a_sink_that_hangs_is_left_after_the_timeout() -> None:
    sink = HangingSink()
    loop = asyncio.get_running_loop()
    started = loop.time()
    outcome = await deliver([entry(n, f"s{n}") for n in range(9)], sink, TIMEOUT)
    assert summary(outcome) == ([], [0])
    assert isinstance(outcome.failed[0][1], TimeoutError)
    assert 2 * TIMEOUT <= loop.time() - started < (LONGEST + 1) * TIMEOUT
    assert sink.calls == [list(range(9)), [0]]


async def test_an_entry_that_makes_the_sink_hang_is_found() -> None:
    class Sticky(Sink):
        async def send(self, batch: Sequence[Envelope]) -> None:
            await super().send(batch)
            if any(envelope.id.int == 2 for envelope in batch):
                await asyncio.Event().wait()

    sink = Sticky()
    assert summary(await deliver([entry(n, f"s{n}") for n in range(5)], sink, TIMEOUT)) == ([0, 1], [2])


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
async def test_what_is_no_failure_of_the_sink_goes_through(error: type[BaseException]) -> None:
    class Interrupted(Sink):
        async def send(self, batch: Sequence[Envelope]) -> None:
            raise error

    with pytest.raises(error):
        await deliver([entry(1, "a"), entry(2, "a")], Interrupted(), PATIENT)


async def test_nothing_is_sent_for_nothing() -> None:
    sink = Sink()
    assert summary(await deliver([], sink, PATIENT)) == ([], [])
    assert sink.calls == []
