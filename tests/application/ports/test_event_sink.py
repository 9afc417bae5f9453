from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from cleanarch_kit.adapters.memory import InMemoryEventSink
from cleanarch_kit.application import Envelope, EventSink


class CountingSink:
    def __init__(self) -> None:
        self.count = 0

    async def send(self, batch: Sequence[Envelope]) -> None:
        self.count += len(batch)


async def test_whatever_sends_a_batch_is_a_sink() -> None:
    event = Envelope(id=uuid4(), type="t.v1", source="/", subject=None, time=datetime.now(UTC), data=b"{}")
    counting, keeping = CountingSink(), InMemoryEventSink()
    sinks: list[EventSink] = [counting, keeping]
    for sink in sinks:
        await sink.send([event, event])
    assert (counting.count, keeping.envelopes) == (2, [event, event])
