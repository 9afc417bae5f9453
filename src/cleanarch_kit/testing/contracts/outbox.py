"""What every outbox promises, as tests."""

import asyncio
from abc import ABC
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from cleanarch_kit.application.context import MessageContext, message_context
from cleanarch_kit.application.events.envelope import Envelope
from cleanarch_kit.application.events.relay import Relay
from cleanarch_kit.application.ports.outbox import LAST_PARTITION, FailedEntry, OutboxEntry, PendingEvent
from cleanarch_kit.testing.contracts.outbox_subject import OutboxSubject, Ticked, number_of, shown

__all__ = ["OutboxContract"]

_SUBJECTS = [f"Clock/{number}" for number in range(40)]
_LATER = 1000.0


class OutboxContract(ABC):
    """Tests for an outbox.

    Derive a test class from it and give it a fixture ``subject`` with your outbox:

        class TestMyOutbox(OutboxContract):
            @pytest.fixture
            def subject(self) -> OutboxSubject:
                return OutboxSubject(MyOutbox(..., CONTRACT_EVENTS), my_transaction)

    They need pytest-asyncio in its automatic mode.

    Attributes:
        concurrent_writers: whether two transactions can write at the same time.
    """

    concurrent_writers: bool = True

    @pytest.fixture
    def subject(self) -> "OutboxSubject | AsyncIterator[OutboxSubject]":
        """The outbox under test, with an empty store. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture 'subject' that gives an OutboxSubject")

    async def let_pass(self, seconds: float) -> None:
        """Let time pass for the outbox. Override it where its clock can be set."""
        await asyncio.sleep(seconds)

    # --- storing
    async def test_an_event_is_claimed_as_it_was_stored(self, subject: OutboxSubject) -> None:
        text = "Straße " + "x" * 200_000
        with message_context(MessageContext.new("request-1")):
            stored = subject.outbox.encode(
                [
                    PendingEvent(Ticked(number=1, text=text), "Clock/1"),
                    PendingEvent(Ticked(number=2, occurred_at=datetime(1999, 1, 1, 0, 0, 0, 1, UTC)), "Clock/1"),
                ]
            )
        async with subject.transaction() as connection:
            await subject.outbox.write(connection, stored)
        async with subject.claim() as claim:
            assert claim is not None
            assert [entry.envelope for entry in claim.entries] == list(stored)
            assert [entry.attempts for entry in claim.entries] == [0, 0]
            assert claim.entries[0].position < claim.entries[1].position

    async def test_events_that_are_rolled_back_are_never_seen(self, subject: OutboxSubject) -> None:
        with pytest.raises(ZeroDivisionError):
            async with subject.transaction() as connection:
                await subject.write(connection, "Clock/1", 1)
                raise ZeroDivisionError
        assert await subject.due() == []

    async def test_events_are_seen_once_they_are_committed_and_none_is_skipped(self, subject: OutboxSubject) -> None:
        """Positions are given before the commit: one that is committed late must not be passed over."""
        if not self.concurrent_writers:
            pytest.skip(f"{type(self).__name__} has one writer at a time")
        async with subject.transaction() as slow:
            await subject.write(slow, "Clock/1", 1)
            await subject.store("Clock/1", 2)
            assert await subject.due() == [("Clock/1", 2)]
            await subject.settle_all()
        assert await subject.due() == [("Clock/1", 1)]

    async def test_writing_nothing_stores_nothing(self, subject: OutboxSubject) -> None:
        async with subject.transaction() as connection:
            await subject.outbox.write(connection, [])
        assert await subject.due() == []

    async def test_a_subject_of_any_text_keeps_to_itself(self, subject: OutboxSubject) -> None:
        await subject.store("Clock/a", 1)
        await subject.settle_all(_delay)
        await subject.store("Clock/a", 2)
        others = ["Clock/A", "Clock/ä", "Clock/%", "Clock/a%", "\U0001f600" * 200, "x" * 255]
        for key in others:
            await subject.store(key, 1)
        assert sorted(await subject.due()) == sorted((key, 1) for key in others)

    # --- claiming
    async def test_an_empty_outbox_has_nothing_to_claim(self, subject: OutboxSubject) -> None:
        async with subject.claim() as claim:
            assert claim is None
        async with subject.claim(after=10**4) as claim:
            assert claim is None

    async def test_a_claim_has_the_oldest_events_up_to_the_limit(self, subject: OutboxSubject) -> None:
        await subject.store("Clock/1", *range(10))
        async with subject.claim(limit=4) as claim:
            assert claim is not None
            assert [number_of(entry.envelope) for entry in claim.entries] == [0, 1, 2, 3]

    async def test_partitions_are_claimed_in_turn(self, subject: OutboxSubject) -> None:
        for key in _SUBJECTS:
            await subject.store(key, 1)
        lasts: list[int] = []
        subjects: list[str] = []
        async with aclosing(subject.outbox.claims(after=-1, limit=100, hold=_LATER)) as claims:
            async for claim in claims:
                lasts.append(claim.last)
                subjects += [shown(entry)[0] for entry in claim.entries]
        assert lasts == sorted(set(lasts))
        assert lasts[-1] <= LAST_PARTITION
        assert sorted(subjects) == sorted(_SUBJECTS)

    async def test_what_is_held_is_claimed_by_nobody_else(self, subject: OutboxSubject) -> None:
        for key in _SUBJECTS:
            await subject.store(key, 1)
        async with subject.claim() as first, subject.claim() as second:
            assert first is not None
            assert not set(_subjects(first.entries)) & set(_subjects(second.entries if second else ()))
            assert not set(_subjects(first.entries)) & {key for key, _ in await subject.due()}

    async def test_what_was_not_settled_is_claimed_again(self, subject: OutboxSubject) -> None:
        await subject.store("Clock/1", 1)
        for _ in range(3):
            async with subject.claim() as claim:
                assert claim is not None
                assert [(shown(entry), entry.attempts) for entry in claim.entries] == [(("Clock/1", 1), 0)]

    @pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError, KeyboardInterrupt])
    async def test_an_error_in_the_block_sets_the_partition_free(
        self, subject: OutboxSubject, error: type[BaseException]
    ) -> None:
        await subject.store("Clock/1", 1)
        with pytest.raises(error):
            async with subject.claim():
                raise error
        assert await subject.due() == [("Clock/1", 1)]

    async def test_a_cancelled_holder_sets_the_partition_free(self, subject: OutboxSubject) -> None:
        await subject.store("Clock/1", 1)
        holding = asyncio.Event()

        async def hold() -> None:
            async with subject.claim():
                holding.set()
                await asyncio.Event().wait()

        holder = asyncio.create_task(hold())
        await holding.wait()
        assert await subject.due() == []
        holder.cancel()
        await asyncio.wait([holder])
        assert await subject.due() == [("Clock/1", 1)]

    # --- settling
    async def test_what_was_published_is_gone_and_the_rest_stays(self, subject: OutboxSubject) -> None:
        await subject.store("Clock/1", 1, 2, 3)
        async with subject.claim() as claim:
            assert claim is not None
            await claim.settle([claim.entries[0].position], [])
        assert await subject.due() == [("Clock/1", 2), ("Clock/1", 3)]
        assert (await subject.outbox.stats()).pending == 2

    async def test_events_that_come_while_a_claim_is_held_stay(self, subject: OutboxSubject) -> None:
        await subject.store("Clock/1", 1)
        async with subject.claim() as claim:
            assert claim is not None
            await subject.store("Clock/1", 2)
            await claim.settle([entry.position for entry in claim.entries], [])
        assert await subject.due() == [("Clock/1", 2)]

    async def test_a_subject_waits_for_its_failed_event_and_others_go_on(self, subject: OutboxSubject) -> None:
        async with subject.transaction() as connection:
            for key in _SUBJECTS:
                await subject.write(connection, key, 0, 1, 2)
        await subject.settle_all(lambda entry: _delay(entry) if shown(entry) == (_SUBJECTS[0], 1) else None)
        async with subject.transaction() as connection:
            for key in _SUBJECTS:
                await subject.write(connection, key, 3)
        assert sorted(await subject.due()) == sorted((key, 3) for key in _SUBJECTS[1:])
        assert (await subject.outbox.stats()).delayed == 1

    async def test_a_failed_event_comes_again_after_its_wait(self, subject: OutboxSubject) -> None:
        await subject.store("Clock/1", 1, 2)
        for attempts in range(3):
            async with subject.claim() as claim:
                assert claim is not None
                assert [(shown(entry)[1], entry.attempts) for entry in claim.entries] == [(1, attempts), (2, 0)]
                await claim.settle([], [_delay(claim.entries[0], 0.2)])
            assert await subject.due() == []
            await self.let_pass(0.25)

    async def test_an_event_that_is_given_up_lets_its_subject_go_on(self, subject: OutboxSubject) -> None:
        await subject.store("Clock/1", 1, 2)
        async with subject.claim() as claim:
            assert claim is not None
            await claim.settle([], [FailedEntry(claim.entries[0].position, "ValueError", None)])
        assert await subject.due() == [("Clock/1", 2)]
        stats = await subject.outbox.stats()
        assert (stats.pending, stats.delayed, stats.dead) == (1, 0, 1)

    async def test_dead_letters_can_be_put_back(self, subject: OutboxSubject) -> None:
        await subject.store("Clock/1", 1, 2, 3)
        async with subject.claim() as claim:
            assert claim is not None
            kept = [entry.envelope for entry in claim.entries]
            await claim.settle([], [FailedEntry(entry.position, "ValueError", None) for entry in claim.entries])
        await subject.store("Clock/1", 4)
        assert await subject.outbox.replay([kept[1].id, uuid4()]) == 1
        assert await subject.due() == [("Clock/1", 4), ("Clock/1", 2)]
        assert await subject.outbox.replay() == 2
        async with subject.claim() as claim:
            assert claim is not None
            assert [shown(entry)[1] for entry in claim.entries] == [4, 2, 1, 3]
            assert [entry.attempts for entry in claim.entries] == [0, 0, 0, 0]
            assert [entry.envelope for entry in claim.entries[1:]] == [kept[1], kept[0], kept[2]]
        assert (await subject.outbox.stats()).dead == 0
        assert await subject.outbox.replay() == 0
        assert await subject.outbox.replay([]) == 0

    async def test_the_age_of_the_oldest_event_is_known(self, subject: OutboxSubject) -> None:
        assert (await subject.outbox.stats()).oldest is None
        old = Ticked(number=1, occurred_at=datetime.now(UTC) - timedelta(hours=1))
        async with subject.transaction() as connection:
            await subject.outbox.write(connection, subject.outbox.encode([PendingEvent(old, "Clock/1")]))
        await subject.store("Clock/1", 2)
        oldest = (await subject.outbox.stats()).oldest
        assert oldest is not None
        assert timedelta(minutes=59) < oldest < timedelta(minutes=61)

    # --- with relays
    async def test_waiting_relays_are_woken(self, subject: OutboxSubject) -> None:
        subject.outbox.wake()
        with subject.outbox.wake_up.subscribe() as first, subject.outbox.wake_up.subscribe() as second:
            subject.outbox.wake()
            async with asyncio.timeout(5):
                await asyncio.gather(first.wait(_LATER), second.wait(_LATER))

    async def test_three_relays_deliver_each_event_once_and_each_subject_in_order(self, subject: OutboxSubject) -> None:
        sink = _SlowSink(expected=300)
        relays = [Relay(subject.outbox, sink, batch=7, poll=0.02) for _ in range(3)]
        running = [asyncio.create_task(relay.run()) for relay in relays]
        for number in range(0, 30, 3):
            for key in _SUBJECTS[:10]:
                await subject.store(key, number, number + 1, number + 2)
            subject.outbox.wake()
        async with asyncio.timeout(60):
            await sink.complete.wait()
        for relay in relays:
            relay.stop()
        await asyncio.gather(*running)
        for key in _SUBJECTS[:10]:
            assert [number for name, number in sink.received if name == key] == list(range(30))
        assert (await subject.outbox.stats()).pending == 0


class _SlowSink:
    """Takes uneven time, as a network does, and notes what it was sent."""

    def __init__(self, expected: int) -> None:
        self.received: list[tuple[str, int]] = []
        self.complete = asyncio.Event()
        self._expected = expected

    async def send(self, batch: Sequence[Envelope]) -> None:
        for envelope in batch:
            await asyncio.sleep(len(self.received) % 3 / 2000)
            self.received.append((envelope.subject or "", number_of(envelope)))
        if len(self.received) >= self._expected:
            self.complete.set()


def _subjects(entries: Sequence[OutboxEntry]) -> list[str]:
    return [shown(entry)[0] for entry in entries]


def _delay(entry: OutboxEntry, seconds: float = _LATER) -> FailedEntry:
    return FailedEntry(entry.position, "builtins.ValueError", seconds)
