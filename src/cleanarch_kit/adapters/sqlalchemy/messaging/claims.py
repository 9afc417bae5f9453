"""Two ways to hold partitions: by locks while a transaction lasts, and by leases in their rows."""

import logging
import os
import socket
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cleanarch_kit.adapters.sqlalchemy.connecting.execution import translated
from cleanarch_kit.adapters.sqlalchemy.connecting.read_only import READ_ONLY
from cleanarch_kit.adapters.sqlalchemy.messaging.moments import now_plus
from cleanarch_kit.adapters.sqlalchemy.messaging.rows import (
    HELD_AT_ONCE,
    LONGEST_WAIT,
    apply_outcome,
    due_entries,
    next_due_partitions,
)
from cleanarch_kit.adapters.sqlalchemy.messaging.tables import outbox_partition
from cleanarch_kit.application.ports.outbox import LAST_PARTITION, Claim, FailedEntry, OutboxEntry
from cleanarch_kit.application.shielding import run_to_end
from cleanarch_kit.errors import StorageError

__all__ = ["Leases", "Locks", "PartitionHolding"]

_log = logging.getLogger(__name__)
_PATIENCE = 5.0
_READ_COMMITTED = "READ COMMITTED"


class PartitionHolding(Protocol):
    """A way to hold partitions."""

    def claims(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim]:
        """See `Outbox.claims`."""
        ...


# --- databases with row locks -------------------------------------------------------------
_next_unlocked = next_due_partitions.with_for_update(skip_locked=True)
_next_unlocked_on_postgresql = _next_unlocked.add_columns(
    # Should this process stop without dying, the server ends its transaction and frees the partitions.
    sa.func.set_config("idle_in_transaction_session_timeout", sa.bindparam("hold", type_=sa.String), True),
    # What was sent and is not deleted after a crash is sent again: not worth waiting for the disk.
    sa.func.set_config("synchronous_commit", "off", True),
)


@dataclass(slots=True)
class _LockedClaim:
    connection: AsyncConnection
    last: int
    entries: Sequence[OutboxEntry]

    async def settle(self, published: Collection[int], failed: Collection[FailedEntry]) -> None:
        """See `Claim`."""
        await translated(self._settle(published, failed))

    async def _settle(self, published: Collection[int], failed: Collection[FailedEntry]) -> None:
        await apply_outcome(self.connection, published, failed)
        await self.connection.commit()


class Locks:
    """Holds partitions by row locks, in one short transaction: lock, read, settle, commit.

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

    async def claims(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim]:
        """See `Outbox.claims`. One connection serves them all, one transaction each."""
        if self._committed is None:
            self._committed = await translated(self._reading_committed())
        async with self._committed.connect() as connection:
            while after < LAST_PARTITION:
                claim = await translated(_lock(connection, after, limit, hold))
                if claim is None:
                    return
                yield claim
                await translated(connection.rollback())  # what was settled is committed
                after = claim.last

    async def _reading_committed(self) -> AsyncEngine:
        """The engine with transactions that are READ COMMITTED; itself where they are, as a change costs time."""
        async with self._engine.connect() as connection:
            level = await connection.run_sync(sa.Connection.get_isolation_level)
        return (
            self._engine
            if level == _READ_COMMITTED
            else self._engine.execution_options(isolation_level=_READ_COMMITTED)
        )


async def _lock(connection: AsyncConnection, after: int, limit: int, hold: float) -> _LockedClaim | None:
    statement, parameters = _next_unlocked, dict[str, object](after=after)
    if connection.dialect.name == "postgresql":
        statement, parameters = _next_unlocked_on_postgresql, {"after": after, "hold": str(int(hold * 1000))}
    while found := (await connection.execute(statement, parameters)).all():
        if entries := await due_entries(connection, [row.id for row in found], limit):
            return _LockedClaim(connection, _last_of(found), entries)
        parameters["after"] = found[-1].id  # somebody else was quicker
    return None


def _last_of(found: Sequence[sa.Row[Any, Any]]) -> int:
    """The last partition that was looked at: all of them, where no more can be found."""
    is_last = len(found) < HELD_AT_ONCE or found[-1].id == found[-1].highest
    return LAST_PARTITION if is_last else found[-1].id


# --- SQLite, which has one writer ------------------------------------------------------------
_is_free = (
    outbox_partition.c.held_until.is_(None)
    | (outbox_partition.c.held_until <= now_plus(0.0))
    | (outbox_partition.c.held_until > now_plus(LONGEST_WAIT))
)
_next_free = next_due_partitions.where(_is_free)
_lease = (
    sa.update(outbox_partition)
    .where(outbox_partition.c.id.in_(sa.bindparam("partitions", type_=sa.SmallInteger, expanding=True)))
    .values(holder=sa.bindparam("me", type_=sa.String), held_until=now_plus(sa.bindparam("seconds", type_=sa.Double)))
)
_release = (
    sa.update(outbox_partition)
    .where(outbox_partition.c.holder == sa.bindparam("me", type_=sa.String))
    .values(holder=None, held_until=None)
)


@dataclass(slots=True)
class _LeasedClaim:
    engine: AsyncEngine
    me: str
    last: int = LAST_PARTITION
    entries: Sequence[OutboxEntry] = ()
    held: int = 0

    async def take(self, after: int, limit: int, hold: float) -> bool:
        """Lease the next free partitions with due events, if there are any."""
        async with self.engine.begin() as connection:
            found = (await connection.execute(_next_free, {"after": after})).all()
            if found:
                partitions = [row.id for row in found]
                lease = {"partitions": partitions, "me": self.me, "seconds": min(hold, LONGEST_WAIT)}
                await connection.execute(_lease, lease)
                self.last, self.held = _last_of(found), len(found)
                self.entries = await due_entries(connection, partitions, limit)
        return bool(found)

    async def settle(self, published: Collection[int], failed: Collection[FailedEntry]) -> None:
        """See `Claim`."""
        if not await translated(self._settle(published, failed)):
            _log.warning("a lease on partitions of the outbox ran out: what was sent under it is sent again")

    async def release(self) -> None:
        """Give the partitions back; if that fails, the lease runs out by itself."""
        with suppress(StorageError):
            await translated(self._settle((), ()))

    async def _settle(self, published: Collection[int], failed: Collection[FailedEntry]) -> bool:
        """Change nothing unless all that was leased still is."""
        async with self.engine.begin() as connection:
            released = await connection.execute(_release, {"me": self.me})
            whole = released.rowcount == self.held
            if whole:
                await apply_outcome(connection, published, failed)
        self.held = 0
        return whole


class Leases:
    """Holds partitions by a lease: one short transaction takes it and reads, another one settles.

    Nothing is open between them, so that a sink may use the database itself. Each lease has a name of its own, so
    that whoever comes back after it ran out changes nothing.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        """Hold partitions in transactions of their own.

        Args:
            engine: where their connections come from.
        """
        self._engine = engine
        self._reader = engine.execution_options(**{READ_ONLY: True})

    async def claims(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim]:
        """See `Outbox.claims`."""
        while after < LAST_PARTITION and await translated(self._is_something_due(after)):
            claim = _LeasedClaim(self._engine, f"{socket.gethostname()}:{os.getpid()}:{uuid4()}")
            try:
                if not await translated(claim.take(after, limit, hold)):
                    return
                yield claim
            finally:
                if claim.held:  # a cancelled `take` may have got it without getting to know
                    await run_to_end(claim.release(), patience=_PATIENCE)
            after = claim.last

    async def _is_something_due(self, after: int) -> bool:
        """A look without a lock: an idle relay never takes the one that writers wait for."""
        async with self._reader.connect() as connection:
            return (await connection.execute(_next_free, {"after": after})).first() is not None
