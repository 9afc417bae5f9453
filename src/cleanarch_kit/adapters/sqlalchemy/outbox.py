"""`SqlAlchemyOutbox`: the outbox in the database that holds the state."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy._loose_types import Parameters
from cleanarch_kit.adapters.sqlalchemy.connecting.execution import run, translated
from cleanarch_kit.adapters.sqlalchemy.connecting.read_only import READ_ONLY
from cleanarch_kit.adapters.sqlalchemy.connecting.single_writer import single_writer
from cleanarch_kit.adapters.sqlalchemy.connecting.transaction import engine_of
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import ConnectionSource
from cleanarch_kit.adapters.sqlalchemy.messaging.claims import Leases, Locks, PartitionHolding
from cleanarch_kit.adapters.sqlalchemy.messaging.moments import now_plus
from cleanarch_kit.adapters.sqlalchemy.messaging.rows import ENVELOPE_COLUMNS, INSERT, LONGEST_WAIT, padded, to_row
from cleanarch_kit.adapters.sqlalchemy.messaging.tables import outbox, outbox_dead, outbox_partition
from cleanarch_kit.adapters.sqlalchemy.messaging.unless_present import insert_unless_present
from cleanarch_kit.application.events.envelope import Envelope
from cleanarch_kit.application.events.registry import EventRegistry
from cleanarch_kit.application.events.wake_up import WakeUp
from cleanarch_kit.application.ports.outbox import Claim, OutboxStats, PendingEvent
from cleanarch_kit.errors import DefinitionError

__all__ = ["SqlAlchemyOutbox"]

_MOST_PARTITIONS = 1024
_REPLAYED_AT_ONCE = 500

_delayed = (outbox.c.retry_at > now_plus(0.0)) & (outbox.c.retry_at <= now_plus(LONGEST_WAIT))
_stats = sa.select(
    sa.select(sa.func.count()).select_from(outbox).scalar_subquery().label("pending"),
    sa.select(sa.func.count()).select_from(outbox).where(_delayed).scalar_subquery().label("delayed"),
    sa.select(sa.func.count()).select_from(outbox_dead).scalar_subquery().label("dead"),
    sa.select(outbox.c.occurred_at).order_by(outbox.c.seq).limit(1).scalar_subquery().label("oldest"),
    now_plus(0.0).label("now"),
)
_partitions = sa.select(outbox_partition.c.id)
_seqs = sa.bindparam("seqs", expanding=True, type_=sa.BigInteger)
_newest_dead = sa.select(sa.func.max(outbox_dead.c.seq))
_put_back = sa.insert(outbox).from_select(
    ENVELOPE_COLUMNS,
    sa.select(*(outbox_dead.c[name] for name in ENVELOPE_COLUMNS))
    .where(outbox_dead.c.seq.in_(_seqs))
    .order_by(outbox_dead.c.seq),
)
_forget = sa.delete(outbox_dead).where(outbox_dead.c.seq.in_(_seqs))


class SqlAlchemyOutbox:
    """Stores events in the transaction that changes the state, and lends them to relays by partition.

    It satisfies `OutboxWriter` and `Outbox`. Its tables come from `add_kit_tables`. A subject always falls into the
    same partition, and a partition is held by one relay at a time: on PostgreSQL, MariaDB (10.6 or newer) and MySQL
    by a row lock in one short transaction, on SQLite by a lease, with nothing open while events are sent. What is
    due is decided by the database's clock; a clock that is put back delays nothing by more than an hour.
    """

    def __init__(
        self, sessions: async_sessionmaker[AsyncSession], registry: EventRegistry, *, partitions: int = 16
    ) -> None:
        """Bring database and events together; the engine behind the sessions stays the caller's to dispose of.

        Args:
            sessions: makes the relay's sessions; see `session_factory`.
            registry: the events that may be written.
            partitions: into how many parts subjects fall, at most so many relays send at once. Drain the outbox
                before you change it: a subject may fall elsewhere then.

        Raises:
            DefinitionError: `partitions` is not from 1 to 1024, or the sessions are not bound to one engine, or to one
                of SQLite's that `create_async_engine` of cleanarch_kit did not make.
        """
        if not 1 <= partitions <= _MOST_PARTITIONS:
            raise DefinitionError(f"an outbox has 1 to {_MOST_PARTITIONS} partitions")
        engine = engine_of(sessions)
        self._engine = engine
        self._reader = engine.execution_options(**{READ_ONLY: True})
        self._holding: PartitionHolding = Leases(engine) if single_writer(engine.sync_engine) else Locks(engine)
        self._registry = registry
        self._partitions = partitions
        self._wake_up = WakeUp()

    # --- for the unit of work
    def encode(self, events: Sequence[PendingEvent]) -> Sequence[Envelope]:
        """See `OutboxWriter`."""
        return [self._registry.encode(pending.event, subject=pending.subject) for pending in events]

    async def write(self, connection: ConnectionSource, envelopes: Sequence[Envelope]) -> None:
        """See `OutboxWriter`."""
        if envelopes:
            rows = [to_row(envelope, self._partitions) for envelope in envelopes]
            await run(connection, outbox.metadata, _insert, rows)

    def wake(self) -> None:
        """See `OutboxWriter`."""
        self._wake_up.notify()

    # --- for the relay
    @property
    def wake_up(self) -> WakeUp:
        """See `Outbox`."""
        return self._wake_up

    async def claims(self, *, after: int, limit: int, hold: float) -> AsyncGenerator[Claim]:
        """See `Outbox`."""
        found = False
        async with aclosing(self._holding.claims(after=after, limit=limit, hold=hold)) as claims:
            async for claim in claims:
                found = True
                yield claim
        if not found and after < 0 and await translated(self._create_partitions()):
            async with aclosing(self._holding.claims(after=after, limit=limit, hold=hold)) as claims:
                async for claim in claims:
                    yield claim

    # --- for the operator
    async def stats(self) -> OutboxStats:
        """See `Outbox`."""
        return await translated(self._stats())

    async def replay(self, event_ids: Collection[UUID] | None = None) -> int:
        """See `Outbox`. Works in short transactions, each of which puts back some hundred events."""
        wanted = sa.true() if event_ids is None else outbox_dead.c.event_id.in_(event_ids)
        newest = await translated(self._newest_dead())
        count = 0
        while moved := await translated(self._replay_some(wanted & (outbox_dead.c.seq <= newest))):
            count += moved
            self.wake()
        return count

    async def _stats(self) -> OutboxStats:
        async with self._reader.connect() as connection:
            row = (await connection.execute(_stats)).one()
        age = None if row.oldest is None else max(row.now - row.oldest, timedelta(0))
        return OutboxStats(row.pending, row.delayed, row.dead, age)

    async def _newest_dead(self) -> int:
        async with self._reader.connect() as connection:
            newest: int | None = (await connection.execute(_newest_dead)).scalar()
        return newest or 0

    async def _replay_some(self, wanted: sa.ColumnElement[bool]) -> int:
        """Lock some rows first: what is deleted is then exactly what was put back."""
        some = sa.select(outbox_dead.c.seq).where(wanted).order_by(outbox_dead.c.seq).limit(_REPLAYED_AT_ONCE)
        async with self._engine.begin() as connection:
            seqs = (await connection.scalars(some.with_for_update())).all()
            if seqs:
                await connection.execute(_put_back, {"seqs": padded(seqs)})
                await connection.execute(_forget, {"seqs": padded(seqs)})
        return len(seqs)

    async def _create_partitions(self) -> bool:
        """Create the rows that relays hold, where some are missing; others may do the same."""
        async with self._reader.connect() as connection:
            missing = set(range(self._partitions)).difference(await connection.scalars(_partitions))
        if missing:
            async with self._engine.begin() as connection:
                for number in sorted(missing):
                    await connection.run_sync(insert_unless_present, outbox_partition, {"id": number})
        return bool(missing)


def _insert(connection: sa.Connection, rows: list[Parameters]) -> None:
    connection.execute(INSERT, rows)
