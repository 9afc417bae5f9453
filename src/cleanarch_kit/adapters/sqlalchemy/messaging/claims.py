"""Two ways to hold a partition: by a lock while the transaction lasts, and by a lease in the row."""

import logging
import os
import socket
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy.connecting.execution import translated
from cleanarch_kit.adapters.sqlalchemy.connecting.sqlite import READ_ONLY
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

Sessions = async_sessionmaker[AsyncSession]


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

    def __init__(self, sessions: Sessions) -> None:
        """Hold partitions through connections of their own.

        Args:
            sessions: makes the sessions.
        """
        self._sessions = sessions
        self._options: dict[str, str] | None = None

    @asynccontextmanager
    async def claim(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim | None]:
        """See `Outbox.claim`."""
        if self._options is None:
            self._options = await translated(self._needed_options())
        async with self._sessions() as session:
            claim = await translated(self._lock(session, after, limit, hold))
            yield claim
            if claim is not None and claim.settled:
                await translated(session.commit())

    async def _needed_options(self) -> dict[str, str]:
        """What makes a transaction READ COMMITTED: nothing, where it is so already, as it costs round trips."""
        async with self._sessions() as session:
            connection = await session.connection()
            level = await connection.run_sync(sa.Connection.get_isolation_level)
        return {} if level == _READ_COMMITTED else {"isolation_level": _READ_COMMITTED}

    async def _lock(self, session: AsyncSession, after: int, limit: int, hold: float) -> _LockedClaim | None:
        connection = await session.connection(execution_options=self._options)
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
    .where(outbox_partition.c.id == _partition, _is_free)
    .values(
        owner=sa.bindparam("holder", type_=sa.String),
        leased_until=now_plus(sa.bindparam("seconds", type_=sa.Double)),
        token=outbox_partition.c.token + 1,
    )
)
_token = sa.select(outbox_partition.c.token).where(outbox_partition.c.id == _partition)
_release = (
    sa.update(outbox_partition)
    .where(outbox_partition.c.id == _partition, outbox_partition.c.token == sa.bindparam("mine", type_=sa.BigInteger))
    .values(owner=None, leased_until=None)
)


@dataclass(slots=True)
class _LeasedClaim:
    sessions: Sessions
    partition: int
    entries: Sequence[OutboxEntry]
    token: int
    held: bool = True

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
        async with self.sessions.begin() as session:
            connection = await session.connection()
            released = await connection.execute(_release, {"partition": self.partition, "mine": self.token})
            if released.rowcount:
                await apply_outcome(connection, published, failed)
        self.held = False
        return bool(released.rowcount)


class Leases:
    """Holds a partition by a lease: one short transaction takes it and reads, another one settles.

    Nothing is open between them, so that a sink may use the database itself. The token grows with each lease, so
    that whoever comes back after its lease ran out changes nothing.
    """

    def __init__(self, sessions: Sessions) -> None:
        """Hold partitions in transactions of their own.

        Args:
            sessions: makes the sessions.
        """
        self._sessions = sessions

    @asynccontextmanager
    async def claim(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim | None]:
        """See `Outbox.claim`."""
        claim = await translated(self._take(after, limit, hold))
        try:
            yield claim
        finally:
            if claim is not None and claim.held:
                await run_to_end(claim.release(), patience=_PATIENCE)

    async def _take(self, after: int, limit: int, hold: float) -> _LeasedClaim | None:
        async with self._sessions() as session:  # a look first: an idle relay never takes the one lock there is
            connection = await session.connection(execution_options={READ_ONLY: True})
            if await connection.scalar(_next_free, {"after": after}) is None:
                return None
        async with self._sessions.begin() as session:
            connection = await session.connection()
            while (partition := await connection.scalar(_next_free, {"after": after})) is not None:
                lease = {"partition": partition, "holder": _holder(), "seconds": min(hold, LONGEST_WAIT)}
                if (await connection.execute(_lease, lease)).rowcount:
                    token = (await connection.execute(_token, {"partition": partition})).scalar_one()
                    if entries := await due_entries(connection, partition, limit):
                        return _LeasedClaim(self._sessions, partition, entries, token)
                    await connection.execute(_release, {"partition": partition, "mine": token})
                after = partition
        return None


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"[:255]
