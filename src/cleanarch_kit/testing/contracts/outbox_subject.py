"""What the contract of the outbox is tested on."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from cleanarch_kit.application.events.envelope import Envelope
from cleanarch_kit.application.events.registry import EventRegistry
from cleanarch_kit.application.ports.outbox import Claim, FailedEntry, Outbox, OutboxEntry, OutboxWriter, PendingEvent
from cleanarch_kit.domain.event import DomainEvent

__all__ = ["CONTRACT_EVENTS", "OutboxSubject", "StoredOutbox", "Ticked", "number_of", "shown"]

_HOLD = 30.0


@dataclass(frozen=True, kw_only=True)
class Ticked(DomainEvent, name="cleanarch_kit.contract.ticked"):
    """The sample event: its number and some text."""

    number: int
    text: str = ""


CONTRACT_EVENTS = EventRegistry([Ticked], source="/contract")
"""The registry that the outbox under test must be built with."""


class StoredOutbox(Outbox, OutboxWriter[Any], Protocol):  # Any: the adapter's own connection
    """Both sides of an outbox."""


@dataclass(frozen=True, slots=True)
class OutboxSubject:
    """The outbox under test, with an empty store.

    Attributes:
        outbox: built with `CONTRACT_EVENTS`.
        transaction: a block that commits, or rolls back where an exception leaves it, and gives what `write` takes.
    """

    outbox: StoredOutbox
    transaction: Callable[[], AbstractAsyncContextManager[Any]]

    async def store(self, subject: str, *numbers: int) -> None:
        """Commit some events of one subject."""
        async with self.transaction() as connection:
            await self.write(connection, subject, *numbers)

    async def write(self, connection: object, subject: str, *numbers: int) -> None:
        """Write some events of one subject."""
        events = [PendingEvent(Ticked(number=number), subject) for number in numbers]
        await self.outbox.write(connection, self.outbox.encode(events))

    @asynccontextmanager
    async def claim(self, *, after: int = -1, limit: int = 100, hold: float = _HOLD) -> AsyncGenerator[Claim | None]:
        """The first claim, as long as the block lasts; None if there is none."""
        async with aclosing(self.outbox.claims(after=after, limit=limit, hold=hold)) as claims:
            yield await anext(claims, None)

    async def due(self) -> list[tuple[str, int]]:
        """Subject and number of what is due, in all partitions; nothing changes."""
        found: list[tuple[str, int]] = []
        async with aclosing(self.outbox.claims(after=-1, limit=1000, hold=_HOLD)) as claims:
            async for claim in claims:
                found += map(shown, claim.entries)
        return found

    async def settle_all(self, fail: Callable[[OutboxEntry], FailedEntry | None] = lambda _: None) -> None:
        """Settle everything that is due: as published, unless it is made to fail or its subject is."""
        async with aclosing(self.outbox.claims(after=-1, limit=1000, hold=_HOLD)) as claims:
            async for claim in claims:
                published, failed = _outcome(claim.entries, fail)
                await claim.settle(published, failed)


def _outcome(
    entries: Sequence[OutboxEntry], fail: Callable[[OutboxEntry], FailedEntry | None]
) -> tuple[list[int], list[FailedEntry]]:
    published: list[int] = []
    failed: list[FailedEntry] = []
    waiting: set[str | None] = set()
    for entry in entries:
        if entry.envelope.subject in waiting:
            continue
        if failure := fail(entry):
            failed.append(failure)
            waiting.add(entry.envelope.subject)
        else:
            published.append(entry.position)
    return published, failed


def number_of(envelope: Envelope) -> int:
    """The number of a `Ticked`."""
    event = CONTRACT_EVENTS.decode(envelope)
    assert isinstance(event, Ticked)
    return event.number


def shown(entry: OutboxEntry) -> tuple[str, int]:
    """Subject and number of an entry."""
    return entry.envelope.subject or "", number_of(entry.envelope)
