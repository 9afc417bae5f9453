"""Two ways to hold a partition: by a lock while the transaction lasts, and by a lease in the row."""

import logging
import os
import socket
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cleanarch_kit.adapters.sqlalchemy.connecting.execution import translated
from cleanarch_kit.adapters.sqlalchemy.connecting.read_only import READ_ONLY
from cleanarch_kit.adapters.sqlalchemy.messaging.moments import now_plus
from cleanarch_kit.adapters.sqlalchemy.messaging.rows import (
    LONGEST_WAIT,
    apply_outcome,
    due_entries,
    first_due_partition,
)
from cleanarch_kit.adapters.sqlalchemy.messaging.tables import outbox_partition
from cleanarch_kit.application.ports.outbox import Claim, FailedEntry, OutboxEntry
from cleanarch_kit.application.shielding import run_to_end
from cleanarch_kit.errors import StorageError

__all__ = ["Leases", "Locks", "PartitionHolding"]

_log = logging.getLogger(__name__)
_PATIENCE = 5.0
_READ_COMMITTED = "READ COMMITTED"


class PartitionHolding(Protocol):
    """A way to hold a partition."""

    def claim(self, *, after: int, limit: int, hold: float) -> AbstractAsyncContextManager[Claim | None]:
        """See `Outbox.claim`."""
        ...


# --- databases with row locks -------------------------------------------------------------
_next_unlocked = first_due_partition.with_for_update(skip_locked=True)
_next_unlocked_for_a_while = _next_unlocked.add_columns(
    # Should this process stop without dying, PostgreSQL ends its transaction and frees the partition.
    sa.func.set_config("idle_in_transaction_session_timeout", sa.bindparam("hold", type_=sa.String), True)
)


@dataclass(slots=True)
class _LockedClaim:
    connection: AsyncConnection
    partition: int
    entries: Sequence[OutboxEntry]
    settled: bool = False

    async def settle(self, published: Collection[int], failed: Collection[FailedEntry]) -> None:
        """See `Claim`."""
        await translated(apply_outcome(self.connection, published, failed))
        self.settled = True


class Locks:
    """Holds a partition by a row lock, in one short transaction: lock, read, settle, commit.

    The events are read by a second statement, which sees what was committed until the lock was taken. One statement
    would see less: what the relay that held the lock before has just deleted would be sent again.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """Hold partitions through connections of their own.

        Args:
            engine: where they come from.
        """
        self._engine = engine
        self._committed: AsyncEngine | None = None

    @asynccontextmanager
    async def claim(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim | None]:
        """See `Outbox.claim`."""
        if self._committed is None:
            self._committed = await translated(self._reading_committed())
        async with self._committed.connect() as connection:
            claim = await translated(self._lock(connection, after, limit, hold))
            yield claim
            if claim is not None and claim.settled:
                await translated(connection.commit())

    async def _reading_committed(self) -> AsyncEngine:
        """The engine with transactions that are READ COMMITTED; itself where they are, as a change costs time."""
        async with self._engine.connect() as connection:
            level = await connection.run_sync(sa.Connection.get_isolation_level)
        return (
            self._engine
            if level == _READ_COMMITTED
            else self._engine.execution_options(isolation_level=_READ_COMMITTED)
        )

    async def _lock(self, connection: AsyncConnection, after: int, limit: int, hold: float) -> _LockedClaim | None:
        statement, parameters = _next_unlocked, dict[str, object](after=after)
        if connection.dialect.name == "postgresql":
            statement, parameters = _next_unlocked_for_a_while, {"after": after, "hold": str(int(hold * 1000))}
        while (partition := await connection.scalar(statement, parameters)) is not None:
            if entries := await due_entries(connection, partition, limit):
                return _LockedClaim(connection, partition, entries)
            parameters["after"] = partition  # somebody else was quicker
        return None


# --- SQLite, which has one writer ------------------------------------------------------------
_partition = sa.bindparam("partition", type_=sa.SmallInteger)
_is_free = (
    outbox_partition.c.leased_until.is_(None)
    | (outbox_partition.c.leased_until <= now_plus(0.0))
    | (outbox_partition.c.leased_until > now_plus(LONGEST_WAIT))
)
_next_free = first_due_partition.where(_is_free)
_lease = (
    sa.update(outbox_partition)
    .where(outbox_partition.c.id == _partition)
    .values(
        owner=sa.bindparam("holder", type_=sa.String),
        leased_until=now_plus(sa.bindparam("seconds", type_=sa.Double)),
        token=outbox_partition.c.token + 1,
    )
)
_token = sa.select(outbox_partition.c.token).where(outbox_partition.c.id == _partition)
_release = (
    sa.update(outbox_partition)
    .where(
        outbox_partition.c.id == _partition,
        outbox_partition.c.owner == sa.bindparam("holder", type_=sa.String),
        outbox_partition.c.token == sa.bindparam("mine", type_=sa.BigInteger),
    )
    .values(owner=None, leased_until=None)
)


@dataclass(slots=True)
class _LeasedClaim:
    engine: AsyncEngine
    reader: AsyncEngine
    holder: str
    partition: int = -1
    entries: Sequence[OutboxEntry] = ()
    token: int = -1
    held: bool = False

    async def take(self, after: int, limit: int, hold: float) -> bool:
        """Lease the next free partition with due events, if there is one."""
        async with self.reader.connect() as connection:  # a look first: an idle relay never takes the one lock
            if await connection.scalar(_next_free, {"after": after}) is None:
                return False
        async with self.engine.begin() as connection:
            while (partition := await connection.scalar(_next_free, {"after": after})) is not None:
                lease = {"partition": partition, "holder": self.holder, "seconds": min(hold, LONGEST_WAIT)}
                await connection.execute(_lease, lease)
                self.token = (await connection.execute(_token, {"partition": partition})).scalar_one()
                self.partition, self.held = partition, True
                self.entries = await due_entries(connection, partition, limit)
                if self.entries:
                    return True
                await connection.execute(_release, self._identity)
                self.held = False
                after = partition
        return False

    async def settle(self, published: Collection[int], failed: Collection[FailedEntry]) -> None:
        """See `Claim`."""
        if not await translated(self._settle(published, failed)):
            _log.warning("the lease of outbox partition %d ran out: its events are sent again", self.partition)

    async def release(self) -> None:
        """Give the partition back; if that fails, the lease runs out by itself."""
        with suppress(StorageError):
            await translated(self._settle((), ()))

    async def _settle(self, published: Collection[int], failed: Collection[FailedEntry]) -> bool:
        """Change nothing unless the lease is still this one."""
        async with self.engine.begin() as connection:
            released = await connection.execute(_release, self._identity)
            if released.rowcount:
                await apply_outcome(connection, published, failed)
        self.held = False
        return bool(released.rowcount)

    @property
    def _identity(self) -> dict[str, object]:
        return {"partition": self.partition, "holder": self.holder, "mine": self.token}


class Leases:
    """Holds a partition by a lease: one short transaction takes it and reads, another one settles.

    Nothing is open between them, so that a sink may use the database itself. The token grows with each lease, so
    that whoever comes back after its lease ran out changes nothing.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """Hold partitions in transactions of their own.

        Args:
            engine: where their connections come from.
        """
        self._engine = engine
        self._reader = engine.execution_options(**{READ_ONLY: True})
        self._numbers = count(1)

    @asynccontextmanager
    async def claim(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim | None]:
        """See `Outbox.claim`."""
        holder = f"{socket.gethostname()}:{os.getpid()}:{id(self)}:{next(self._numbers)}"
        claim = _LeasedClaim(self._engine, self._reader, holder)
        try:
            taken = await translated(claim.take(after, limit, hold))
            yield claim if taken else None
        finally:
            if claim.held:  # a cancelled `take` may have got it without getting to know
                await run_to_end(claim.release(), patience=_PATIENCE)
