"""What a unit of work needs of an outbox, and what a relay needs of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cleanarch_kit.application.envelope import Envelope
from cleanarch_kit.domain.event import DomainEvent

__all__ = ["OutboxWriter", "PendingEvent"]

ConnectionT_contra = TypeVar("ConnectionT_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event that an aggregate recorded and that is not yet stored.

    Attributes:
        event: the event.
        subject: key of the aggregate that recorded it, for example ``"Order/0198..."``. Events of one subject are
            delivered in the order in which they were written.
    """

    event: DomainEvent
    subject: str


class OutboxWriter(Protocol[ConnectionT_contra]):
    """Stores events in the transaction that changes the state, so that both are committed or neither.

    A unit of work calls the three methods in this order, once per commit.
    """

    def encode(self, events: Sequence[PendingEvent]) -> Sequence[Envelope]:
        """Turn events into data, before the first statement of the flush. Touches nothing but its arguments.

        Returns:
            One envelope per event, in the same order.

        Raises:
            EventEncodingError: an event is too large, too deep, or holds what cannot be stored.
        """
        ...

    async def write(self, connection: ConnectionT_contra, envelopes: Sequence[Envelope]) -> None:
        """Store envelopes in the caller's transaction, as the last statement before its COMMIT.

        Neither commits nor closes the connection, and does nothing when there are no envelopes.
        """
        ...

    def wake(self) -> None:
        """Tell the relays of this process that something was committed. Never raises and never blocks."""
        ...
