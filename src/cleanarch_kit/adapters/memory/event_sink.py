"""A sink that keeps what it is sent."""

from collections.abc import Sequence

from cleanarch_kit.application.events.envelope import Envelope

__all__ = ["InMemoryEventSink"]


class InMemoryEventSink:
    """Keeps events in the order in which they arrive, duplicates included, for tests and for programs of one process.

    Attributes:
        envelopes: everything that was sent, oldest first.
    """

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def send(self, batch: Sequence[Envelope]) -> None:
        """See `EventSink`."""
        self.envelopes.extend(batch)
