"""Port of the event publisher: tells whoever is interested what happened."""

from typing import Protocol

from cleanarch_kit.domain.event import DomainEvent

__all__ = ["EventPublisher"]


class EventPublisher(Protocol):
    """Publishes domain events.

    A unit of work calls it once after its commit, with everything its aggregates recorded, in the order of recording.
    """

    async def publish(self, *events: DomainEvent) -> None:
        """Deliver the events, in this order. Without any, nothing happens."""
        ...
