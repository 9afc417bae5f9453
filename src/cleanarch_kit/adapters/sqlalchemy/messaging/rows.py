"""Envelopes as rows of the outbox, and the statements that move them."""

from collections.abc import Collection, Mapping, Sequence
from itertools import repeat
from typing import Any
from zlib import crc32

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from cleanarch_kit.adapters.sqlalchemy.messaging.moments import now_plus
from cleanarch_kit.adapters.sqlalchemy.messaging.tables import outbox, outbox_dead, outbox_partition
from cleanarch_kit.application.events.envelope import Envelope
from cleanarch_kit.application.ports.outbox import FailedEntry, OutboxEntry

__all__ = [
    "ENVELOPE_COLUMNS",
    "HELD_AT_ONCE",
    "INSERT",
    "LONGEST_WAIT",
    "apply_outcome",
    "due_entries",
    "next_due_partitions",
    "padded",
    "to_row",
]

LONGEST_WAIT = 3600.0
"""Seconds that an event or a partition can have to wait. A moment further away stems from a clock that was put back
since, and counts as past."""

HELD_AT_ONCE = 4
"""How many partitions a relay holds at a time: enough to make a batch of what comes in drop by drop, few enough to
leave work to other relays when much has piled up."""

ENVELOPE_COLUMNS = tuple(
    column.name for column in outbox_dead.columns if column.name not in {"seq", "attempts", "last_error", "failed_at"}
)
"""Columns that an event has in the outbox and among the dead letters."""

INSERT = sa.insert(outbox).inline()


def to_row(envelope: Envelope, partitions: int) -> dict[str, object]:
    """The row of a new event; its partition follows from its subject alone."""
    subject = envelope.subject or str(envelope.id)
    return {
        "partition_id": crc32(subject.encode()) % partitions,
        "event_id": envelope.id,
        "type": envelope.type,
        "source": envelope.source,
        "subject": subject,
        "occurred_at": envelope.time,
        "data": envelope.data,
        "dataschema": envelope.dataschema,
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "traceparent": envelope.traceparent,
    }


def _waits(row: sa.FromClause) -> sa.ColumnElement[bool]:
    return (row.c.retry_at > now_plus(0.0)) & (row.c.retry_at <= now_plus(LONGEST_WAIT))


_earlier = outbox.alias("earlier")
_is_due = ~sa.exists().where(
    _earlier.c.partition_id == outbox.c.partition_id,
    _earlier.c.subject == outbox.c.subject,
    _earlier.c.seq <= outbox.c.seq,
    _waits(_earlier),
)

_oldest_due = (
    # As a value it is looked up along the index, partition by partition; EXISTS may be turned into a join of all rows.
    sa.select(outbox.c.seq)
    .where(outbox.c.partition_id == outbox_partition.c.id, _is_due)
    .order_by(outbox.c.seq)
    .limit(1)
    .scalar_subquery()
)
_every_partition = outbox_partition.alias("every_partition")
next_due_partitions = (
    sa.select(outbox_partition.c.id, sa.select(sa.func.max(_every_partition.c.id)).scalar_subquery().label("highest"))
    .where(outbox_partition.c.id > sa.bindparam("after", type_=sa.SmallInteger), _oldest_due.is_not(None))
    .order_by(outbox_partition.c.id)
    .limit(HELD_AT_ONCE)
)
"""The next few partitions after `after` that have due events, each with the highest number that there is."""

_limit = sa.bindparam("limit", type_=sa.Integer)


_entry_columns = (
    outbox.c.seq,
    outbox.c.attempts,
    outbox.c.event_id,
    outbox.c.type,
    outbox.c.source,
    outbox.c.subject,
    outbox.c.occurred_at,
    outbox.c.data,
    outbox.c.dataschema,
    outbox.c.correlation_id,
    outbox.c.causation_id,
    outbox.c.traceparent,
)


def _oldest_of(number: int) -> sa.Select[Any]:
    """The oldest due events of one partition, along the index."""
    partition = sa.bindparam(f"partition_{number}", type_=sa.SmallInteger)
    oldest = sa.select(*_entry_columns).where(outbox.c.partition_id == partition, _is_due).order_by(outbox.c.seq)
    return sa.select(oldest.limit(_limit).subquery())


_due = sa.union_all(*map(_oldest_of, range(HELD_AT_ONCE))).order_by("seq").limit(_limit)


async def due_entries(connection: AsyncConnection, partitions: Sequence[int], limit: int) -> Sequence[OutboxEntry]:
    """The oldest events of a few partitions that need not wait, neither for themselves nor for an earlier one."""
    chosen = {f"partition_{number}": -1 for number in range(HELD_AT_ONCE)}
    chosen |= {f"partition_{number}": partition for number, partition in enumerate(partitions)}
    rows = (await connection.execute(_due, {**chosen, "limit": limit})).all()
    return [_to_entry(tuple(row)) for row in rows]


def _to_entry(columns: tuple[Any, ...]) -> OutboxEntry:
    seq, attempts, event_id, kind, source, subject, occurred_at, data, schema, correlation, causation, trace = columns
    envelope = Envelope(
        id=event_id,
        type=kind,
        source=source,
        subject=subject,
        time=occurred_at,
        data=data,
        dataschema=schema,
        correlation_id=correlation,
        causation_id=causation,
        traceparent=trace,
    )
    return OutboxEntry(seq, envelope, attempts)


_seq = sa.bindparam("position", type_=sa.BigInteger)
_error = sa.bindparam("error", type_=sa.String)
_delete = sa.delete(outbox).where(outbox.c.seq.in_(sa.bindparam("positions", expanding=True, type_=sa.BigInteger)))
_delete_on_postgresql = sa.delete(outbox).where(
    outbox.c.seq == sa.any_(sa.bindparam("positions", type_=ARRAY(sa.BigInteger)))
)
_delay = (
    sa.update(outbox)
    .where(outbox.c.seq == _seq)
    .values(
        attempts=outbox.c.attempts + 1,
        retry_at=now_plus(sa.bindparam("seconds", type_=sa.Double)),
        last_error=_error,
    )
)
_bury = sa.insert(outbox_dead).from_select(
    [*ENVELOPE_COLUMNS, "attempts", "last_error", "failed_at"],
    sa.select(*(outbox.c[name] for name in ENVELOPE_COLUMNS), outbox.c.attempts + 1, _error, now_plus(0.0)).where(
        outbox.c.seq == _seq
    ),
)


async def apply_outcome(
    connection: AsyncConnection, published: Collection[int], failed: Collection[FailedEntry]
) -> None:
    """Delete what was published, delay what failed, bury what is given up; in the transaction of the connection."""
    gone = list(published)
    for entry in failed:
        parameters: Mapping[str, object] = {"position": entry.position, "error": entry.error}
        if entry.retry_in is None:
            await connection.execute(_bury, parameters)
            gone.append(entry.position)
        else:
            await connection.execute(_delay, {**parameters, "seconds": min(entry.retry_in, LONGEST_WAIT)})
    if gone and connection.dialect.name == "postgresql":
        await connection.execute(_delete_on_postgresql, {"positions": gone})
    elif gone:
        await connection.execute(_delete, {"positions": padded(gone)})


def padded(positions: Sequence[int]) -> list[int]:
    """Repeat the last one until there is a power of two of them, so that few statements serve all lengths."""
    length = 1 << (len(positions) - 1).bit_length()
    return [*positions, *repeat(positions[-1], length - len(positions))]
