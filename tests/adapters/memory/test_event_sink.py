from collections.abc import Sequence

import pytest

from cleanarch_kit.adapters.memory import InMemoryEventSink
from cleanarch_kit.application import Envelope, EventSink
from cleanarch_kit.testing.contracts.event_sink import EventSinkContract


class TestInMemoryEventSink(EventSinkContract):
    @pytest.fixture
    def sink(self) -> EventSink:
        return InMemoryEventSink()

    async def received(self, sink: EventSink) -> Sequence[Envelope]:
        assert isinstance(sink, InMemoryEventSink)
        return sink.envelopes
