"""What every `EventSink` promises, as tests."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from cleanarch_kit.application.events.envelope import Envelope
from cleanarch_kit.application.ports.event_sink import EventSink

__all__ = ["EventSinkContract"]


class EventSinkContract(ABC):
    """Tests for a sink.

    Derive a test class from it, open your sink in the fixture, and say what arrived at its other end:

        class TestMySink(EventSinkContract):
            @pytest.fixture
            def sink(self) -> EventSink:
                return MySink(...)

            async def received(self, sink: EventSink) -> Sequence[Envelope]:
                return await read_everything(...)

    They need pytest-asyncio in its automatic mode.
    """

    @pytest.fixture
    def sink(self) -> "EventSink | AsyncIterator[EventSink]":
        """The sink under test, with nothing sent yet. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture 'sink' that gives an EventSink")

    @abstractmethod
    async def received(self, sink: EventSink) -> Sequence[Envelope]:
        """Everything that has arrived so far, oldest first."""

    async def test_an_event_arrives_as_it_was_sent(self, sink: EventSink) -> None:
        full = Envelope(
            id=uuid4(),
            type="cleanarch_kit.contract.ticked.v1",
            source="/contract",
            subject="Clock/ä",
            time=datetime(1999, 12, 31, 23, 59, 59, 1, UTC),
            data='{"text":"Straße","nested":{"list":[1,null]}}'.encode(),
            dataschema="https://example.com/schema",
            correlation_id="request-1",
            causation_id=str(uuid4()),
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        bare = Envelope(id=uuid4(), type="t.v1", source="/", subject=None, time=datetime.now(UTC), data=b"{}")
        await sink.send([full])
        await sink.send([bare])
        assert sorted(await self.received(sink), key=_by_id) == sorted([full, bare], key=_by_id)

    async def test_events_of_one_subject_arrive_in_the_order_of_the_batch(self, sink: EventSink) -> None:
        batch = [_event(f"Clock/{number % 3}") for number in range(60)]
        await sink.send(batch[:50])
        await sink.send(batch[50:])
        received = await self.received(sink)
        assert len(received) == 60
        for subject in ("Clock/0", "Clock/1", "Clock/2"):
            assert [e.id for e in received if e.subject == subject] == [e.id for e in batch if e.subject == subject]

    async def test_an_event_that_is_sent_again_keeps_its_id(self, sink: EventSink) -> None:
        event = _event("Clock/1")
        await sink.send([event])
        await sink.send([event])
        received = await self.received(sink)
        assert {envelope.id for envelope in received} == {event.id}

    async def test_a_large_event_arrives(self, sink: EventSink) -> None:
        event = _event("Clock/1", data=b'{"text":"' + b"x" * 250_000 + b'"}')
        await sink.send([event])
        assert list(await self.received(sink)) == [event]

    async def test_batches_may_be_sent_at_the_same_time(self, sink: EventSink) -> None:
        batches = [[_event(f"Clock/{number}") for _ in range(5)] for number in range(10)]
        await asyncio.gather(*(sink.send(batch) for batch in batches))
        received = await self.received(sink)
        for batch in batches:
            assert [e.id for e in received if e.subject == batch[0].subject] == [e.id for e in batch]

    async def test_a_cancelled_send_leaves_the_sink_usable(self, sink: EventSink) -> None:
        for suspensions in range(10):
            batch = [_event("Clock/1") for _ in range(20)]
            sending = asyncio.create_task(sink.send(batch))
            for _ in range(suspensions):
                await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait([sending])
        last = _event("Clock/2")
        await sink.send([last])
        assert last in await self.received(sink)


def _event(subject: str, data: bytes = b'{"number":1}') -> Envelope:
    return Envelope(id=uuid4(), type="t.v1", source="/", subject=subject, time=datetime.now(UTC), data=data)


def _by_id(envelope: Envelope) -> UUID:
    return envelope.id
