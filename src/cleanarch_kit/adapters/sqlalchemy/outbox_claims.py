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
from cleanarch_kit.adapters.sqlalchemy.moments import now_plus
from cleanarch_kit.adapters.sqlalchemy.outbox_rows import (
    LONGEST_WAIT,
    apply_outcome,
    due_entries,
    first_due_partition,
)
from cleanarch_kit.adapters.sqlalchemy.tables import outbox_partition
from cleanarch_kit.application.ports.outbox import Claim, FailedEntry, OutboxEntry
from cleanarch_kit.application.shielding import run_to_end
from cleanarch_kit.errors import StorageError

__all__ = ["Claiming", "claim_by_lease", "claim_by_lock"]

_log = logging.getLogger(__name__)
_PATIENCE = 5.0

Sessions = async_sessionmaker[AsyncSession]


class Claiming(Protocol):
    """A way to hold a partition; see `Outbox.claim`."""

    def __call__(
        self, sessions: Sessions, *, after: int, limit: int, hold: float
    ) -> AbstractAsyncContextManager[Claim | None]:
        """Hold the next partition with due events as long as the block lasts."""
        ...


# --- databases with row locks -------------------------------------------------------------
_IDLE_TIMEOUT = "idle_in_transaction_session_timeout"
_next_unlocked = first_due_partition.with_for_update(skip_locked=True)
_next_unlocked_for_a_while = _next_unlocked.add_columns(
    # Should this process stop without dying, PostgreSQL ends its transaction and frees the partition.
    sa.func.set_config(_IDLE_TIMEOUT, sa.bindparam("hold", type_=sa.String), True)
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


@asynccontextmanager
async def claim_by_lock(sessions: Sessions, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim | None]:
    """One short transaction: lock the row, read the events in a second statement, settle, commit.

    The second statement sees what was committed until the lock was taken. One statement would see less: what the
    relay that held the lock before had just deleted would be sent again.
    """
    async with sessions() as session:
        claim = await translated(_lock(session, after, limit, hold))
        yield claim
        if claim is not None and claim.settled:
            await translated(session.commit())


async def _lock(session: AsyncSession, after: int, limit: int, hold: float) -> _LockedClaim | None:
    connection = await session.connection(execution_options={"isolation_level": "READ COMMITTED"})
    statement, parameters = _next_unlocked, dict[str, object](after=after)
    if connection.dialect.name == "postgresql":
        statement, parameters = _next_unlocked_for_a_while, {"after": after, "hold": f"{int(hold * 1000)}"}
    while (partition := await connection.scalar(statement, parameters)) is not None:
        if entries := await due_entries(connection, partition, limit):
            return _LockedClaim(connection, partition, entries)
        parameters["after"] = partition  # somebody else was quicker
    return None


# --- SQLite, which has one writer ------------------------------------------------------------
_is_free = (
    outbox_partition.c.leased_until.is_(None)
    | (outbox_partition.c.leased_until <= now_plus(0.0))
    | (outbox_partition.c.leased_until > now_plus(LONGEST_WAIT))
)
_next_free = first_due_partition.where(_is_free)
_is_mine = (outbox_partition.c.id == sa.bindparam("partition")) & (
    outbox_partition.c.token == sa.bindparam("mine", type_=sa.BigInteger)
)
_lease = (
    sa.update(outbox_partition)
    .where(outbox_partition.c.id == sa.bindparam("partition"), _is_free)
    .values(
        owner=sa.bindparam("holder", type_=sa.String),
        leased_until=now_plus(sa.bindparam("seconds", type_=sa.Double)),
        token=outbox_partition.c.token + 1,
    )
)
_token = sa.select(outbox_partition.c.token).where(outbox_partition.c.id == sa.bindparam("partition"))
_release = sa.update(outbox_partition).where(_is_mine).values(owner=None, leased_until=None)


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


@asynccontextmanager
async def claim_by_lease(sessions: Sessions, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim | None]:
    """Two short transactions: one leases the partition and reads the events, one settles; nothing is open between.

    The token grows with each lease, so that whoever comes back after its lease ran out changes nothing.
    """
    claim = await translated(_take_lease(sessions, after, limit, hold))
    try:
        yield claim
    finally:
        if claim is not None and claim.held:
            await run_to_end(claim.release(), patience=_PATIENCE)


async def _take_lease(sessions: Sessions, after: int, limit: int, hold: float) -> _LeasedClaim | None:
    async with sessions() as session:  # a look first, so that an idle relay never takes the one lock there is
        connection = await session.connection(execution_options={READ_ONLY: True})
        if await connection.scalar(_next_free, {"after": after}) is None:
            return None
    async with sessions.begin() as session:
        connection = await session.connection()
        while (partition := await connection.scalar(_next_free, {"after": after})) is not None:
            lease = {"partition": partition, "holder": _holder(), "seconds": min(hold, LONGEST_WAIT)}
            if (await connection.execute(_lease, lease)).rowcount:
                token = (await connection.execute(_token, {"partition": partition})).scalar_one()
                if entries := await due_entries(connection, partition, limit):
                    return _LeasedClaim(sessions, partition, entries, token)
                await connection.execute(_release, {"partition": partition, "mine": token})
            after = partition
    return None


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"[:255]
