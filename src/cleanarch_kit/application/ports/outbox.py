"""The outbox: events stored with the state they tell of, until a relay has sent them."""

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeVar
from uuid import UUID

from cleanarch_kit.application.events.envelope import Envelope
from cleanarch_kit.application.events.wake_up import WakeUp
from cleanarch_kit.domain.event import DomainEvent

__all__ = [
    "LAST_PARTITION",
    "Claim",
    "FailedEntry",
    "Outbox",
    "OutboxEntry",
    "OutboxStats",
    "OutboxWriter",
    "PendingEvent",
]

LAST_PARTITION = 32_767
"""The highest number that a partition can have."""

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
    """Stores events in the transaction that changes the state, so that both are committed or neither."""

    def encode(self, events: Sequence[PendingEvent]) -> Sequence[Envelope]:
        """Turn events into data. Touches nothing but its arguments.

        A unit of work calls it before the first statement of each flush, with the events that are new.

        Returns:
            One envelope per event, in the same order.

        Raises:
            EventEncodingError: an event is too large, too deep, or holds what cannot be stored.
            UnknownEventError: an event's class is not registered.
        """
        ...

    async def write(self, connection: ConnectionT_contra, envelopes: Sequence[Envelope]) -> None:
        """Store envelopes in the caller's transaction, once, as the last statement before its COMMIT.

        Neither commits nor closes the connection, and does nothing when there are no envelopes. Written last, the
        rows of two transactions that changed the same aggregate are numbered in the order of their commits.
        """
        ...

    def wake(self) -> None:
        """Tell the relays of this process that something was committed. Never raises and never blocks."""
        ...


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An event that waits in the outbox.

    Attributes:
        position: its place in the outbox; grows within a subject.
        envelope: the event.
        attempts: how often it was sent in vain.
    """

    position: int
    envelope: Envelope
    attempts: int


@dataclass(frozen=True, slots=True)
class FailedEntry:
    """What became of an event that could not be sent.

    Attributes:
        position: its place in the outbox.
        error: what kind of error it was; never the error's text, which may hold data.
        retry_in: seconds until its next attempt, or None if it is given up.
    """

    position: int
    error: str
    retry_in: float | None


class Claim(Protocol):
    """Some events of one or a few partitions, held by one relay."""

    @property
    def last(self) -> int:
        """Number of the last partition that was looked at: what a pass has still to claim comes after it."""
        ...

    @property
    def entries(self) -> Sequence[OutboxEntry]:
        """Events that are due, by position, at least one. Of each subject it is the oldest ones."""
        ...

    async def settle(self, published: Collection[int], failed: Collection[FailedEntry]) -> None:
        """Say what became of the entries; what is not named stays as it was. Ends what is held.

        What was published is deleted. What failed waits, and the later events of its subject with it, or is moved to
        the dead letters. Everything takes effect, attempts included, or nothing. Called at most once.

        Args:
            published: positions of the events that the sink confirmed.
            failed: the events that it did not.
        """
        ...


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """How an outbox is doing.

    Attributes:
        pending: events that wait to be sent.
        delayed: those of them that failed and wait for their next attempt.
        dead: events that were given up.
        oldest: age of the oldest pending event, or None if there is none.
    """

    pending: int
    delayed: int
    dead: int
    oldest: timedelta | None


class Outbox(Protocol):
    """What a relay drains and an operator looks into."""

    @property
    def wake_up(self) -> WakeUp:
        """Tells waiting relays of this process that something was committed."""
        ...

    def claims(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim]:
        """Hold partitions that have due events and that nobody else holds, a few at a time.

        While they are held, nobody else claims them, so that the order within a subject survives any number of
        relays. A claim ends when the next one is asked for or the generator is closed; close it in any case, with
        `contextlib.aclosing`. If the process dies, what it held is free again at once, or after `hold`, as the store
        can tell.

        Args:
            after: number of a partition; only later ones are looked at. -1 for all.
            limit: how many events to take at most in one claim.
            hold: how many seconds a claim lasts at most.

        Returns:
            The claims, by partition, until no later partition has due events and is free.
        """
        ...

    async def stats(self) -> OutboxStats:
        """Count what waits and what was given up."""
        ...

    async def replay(self, event_ids: Collection[UUID] | None = None) -> int:
        """Put events that were given up back, in their old order, behind what is pending.

        Args:
            event_ids: which ones; None for all.

        Returns:
            How many were put back.
        """
        ...
