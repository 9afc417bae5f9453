from collections.abc import Sequence
from dataclasses import replace

from cleanarch_kit.application import (
    Envelope,
    EventPublisher,
    EventRegistry,
    MessageContext,
    message_context,
)

__all__ = ["InProcessSink"]


class InProcessSink:
    """Where the relay sends events that are handled in this process: an event sink without a broker.

    Args:
        events: how to read an event.
        publisher: who hands an event to its handlers, and raises if one of them fails; the relay then tries again.
    """

    def __init__(self, events: EventRegistry, publisher: EventPublisher) -> None:
        self._events = events
        self._publisher = publisher

    async def send(self, batch: Sequence[Envelope]) -> None:
        """Hand over events one after another, under the ids of the request that set them off."""
        for envelope in batch:
            context = MessageContext.new(envelope.correlation_id)
            with message_context(replace(context, traceparent=envelope.traceparent)):
                await self._publisher.publish(self._events.decode(envelope))
