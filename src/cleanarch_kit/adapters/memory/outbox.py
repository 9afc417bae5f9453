"""An outbox in an `InMemoryStore`."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count, islice
from operator import attrgetter
from time import monotonic
from uuid import UUID
from zlib import crc32

from cleanarch_kit.adapters.memory.store import InMemoryStore
from cleanarch_kit.adapters.memory.transaction import InMemoryTransaction
from cleanarch_kit.application.events.envelope import Envelope
from cleanarch_kit.application.events.registry import EventRegistry
from cleanarch_kit.application.events.wake_up import WakeUp
from cleanarch_kit.application.ports.outbox import Claim, FailedEntry, OutboxEntry, OutboxStats, PendingEvent
from cleanarch_kit.domain.clock import SystemClock

__all__ = ["InMemoryOutbox"]

_PENDING = "outbox"
_DEAD = "outbox_dead"
_PARTITIONS = 16
_positions = count()


@dataclass(frozen=True, slots=True)
class _Row:
    position: int
    envelope: Envelope
    attempts: int = 0
    retry_at: float | None = None

    @property
    def subject(self) -> str:
        return self.envelope.subject or str(self.envelope.id)

    @property
    def partition(self) -> int:
        return crc32(self.subject.encode()) % _PARTITIONS


class InMemoryOutbox:
    """Stores events in the transaction of an `InMemoryUnitOfWork`, and lends them to relays of the same event loop.

    It behaves like the outbox in a database, and is forgotten with the process.
    """

    def __init__(
        self, store: InMemoryStore, registry: EventRegistry, *, clock: Callable[[], float] = monotonic
    ) -> None:
        """Create an outbox in a store.

        Args:
            store: what is committed.
            registry: the events that may be written.
            clock: seconds that only ever grow; for tests.
        """
        self._store = store
        self._registry = registry
        self._clock = clock
        self._wake_up = WakeUp()

    def encode(self, events: Sequence[PendingEvent]) -> Sequence[Envelope]:
        """See `OutboxWriter`."""
        return [self._registry.encode(pending.event, subject=pending.subject) for pending in events]

    async def write(self, connection: InMemoryTransaction, envelopes: Sequence[Envelope]) -> None:
        """See `OutboxWriter`."""
        await asyncio.sleep(0)
        for envelope in envelopes:
            position = next(_positions)
            connection.put(_PENDING, position, _Row(position, envelope))

    def wake(self) -> None:
        """See `OutboxWriter`."""
        self._wake_up.notify()

    @property
    def wake_up(self) -> WakeUp:
        """See `Outbox`."""
        return self._wake_up

    async def claims(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim]:  # noqa: ARG002 - this process lives or dies as a whole
        """See `Outbox`."""
        locks = self._store.locks
        for partition in range(after + 1, _PARTITIONS):
            await asyncio.sleep(0)
            key = (_PENDING, partition)
            rows = list(islice(self._due(partition), limit))
            if not rows or locks.owner_of(key) is not None:
                continue
            claim = _Claim(self, partition, [OutboxEntry(row.position, row.envelope, row.attempts) for row in rows])
            await locks.acquire(key, claim)
            try:
                yield claim
            finally:
                locks.release([key])

    async def stats(self) -> OutboxStats:
        """See `Outbox`."""
        pending, now = self._rows(_PENDING), self._clock()
        delayed = sum(row.retry_at is not None and row.retry_at > now for row in pending)
        age = max(SystemClock().now() - pending[0].envelope.time, timedelta(0)) if pending else None
        return OutboxStats(len(pending), delayed, len(self._rows(_DEAD)), age)

    async def replay(self, event_ids: Collection[UUID] | None = None) -> int:
        """See `Outbox`."""
        chosen = [row for row in self._rows(_DEAD) if event_ids is None or row.envelope.id in event_ids]
        pending = self._store.tables.setdefault(_PENDING, {})
        for row in chosen:
            del self._store.tables[_DEAD][row.position]
            position = next(_positions)
            pending[position] = _Row(position, row.envelope)
        self.wake()
        return len(chosen)

    def _rows(self, table: str) -> list[_Row]:
        """Rows by position; transactions may have committed them in another order."""
        return sorted(self._store.tables.get(table, {}).values(), key=attrgetter("position"))

    def _due(self, partition: int) -> Iterator[_Row]:
        now = self._clock()
        blocked: set[str] = set()
        for row in self._rows(_PENDING):
            if row.partition != partition or row.subject in blocked:
                continue
            if row.retry_at is not None and row.retry_at > now:
                blocked.add(row.subject)
            else:
                yield row

    def settle(self, published: Collection[int], failed: Collection[FailedEntry]) -> None:
        """Let an outcome take effect; a claim calls it."""
        pending = self._store.tables.setdefault(_PENDING, {})
        for position in published:
            pending.pop(position, None)
        for failure in failed:
            row: _Row = pending.pop(failure.position)
            row = replace(row, attempts=row.attempts + 1)
            if failure.retry_in is None:
                self._store.tables.setdefault(_DEAD, {})[row.position] = row
            else:
                pending[row.position] = replace(row, retry_at=self._clock() + failure.retry_in)


@dataclass(slots=True, eq=False)
class _Claim:
    outbox: InMemoryOutbox
    last: int
    entries: Sequence[OutboxEntry]

    async def settle(self, published: Collection[int], failed: Collection[FailedEntry]) -> None:
        """See `Claim`."""
        await asyncio.sleep(0)
        self.outbox.settle(published, failed)
