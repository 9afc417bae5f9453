"""Envelopes as rows of the outbox, and the statements that move them."""

from collections.abc import Collection, Mapping, Sequence
from itertools import repeat
from typing import Any
from zlib import crc32

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cleanarch_kit.adapters.sqlalchemy.messaging.moments import now_plus
from cleanarch_kit.adapters.sqlalchemy.messaging.tables import outbox, outbox_dead, outbox_partition
from cleanarch_kit.application.events.envelope import Envelope
from cleanarch_kit.application.ports.outbox import FailedEntry, OutboxEntry

__all__ = [
    "ENVELOPE_COLUMNS",
    "INSERT",
    "LONGEST_WAIT",
    "apply_outcome",
    "due_entries",
    "first_due_partition",
    "padded",
    "to_row",
]

LONGEST_WAIT = 3600.0
"""Seconds that an event or a partition can have to wait. A moment further away stems from a clock that was put back
since, and counts as past."""

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


def _to_entry(row: Any) -> OutboxEntry:
    envelope = Envelope(
        id=row.event_id,
        type=row.type,
        source=row.source,
        subject=row.subject,
        time=row.occurred_at,
        data=row.data,
        dataschema=row.dataschema,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        traceparent=row.traceparent,
    )
    return OutboxEntry(row.seq, envelope, row.attempts)


def _waits(row: sa.FromClause) -> sa.ColumnElement[bool]:
    return (row.c.retry_at > now_plus(0.0)) & (row.c.retry_at <= now_plus(LONGEST_WAIT))


_earlier = outbox.alias("earlier")
_is_due = ~sa.exists().where(
    _earlier.c.partition_id == outbox.c.partition_id,
    _earlier.c.subject == outbox.c.subject,
    _earlier.c.seq <= outbox.c.seq,
    _waits(_earlier),
)

first_due_partition = (
    sa.select(outbox_partition.c.id)
    .where(
        outbox_partition.c.id > sa.bindparam("after", type_=sa.SmallInteger),
        sa.exists().where(outbox.c.partition_id == outbox_partition.c.id, _is_due),
    )
    .order_by(outbox_partition.c.id)
    .limit(1)
)
"""The first partition after `after` that has due events."""

_due = (
    sa.select(outbox)
    .where(outbox.c.partition_id == sa.bindparam("partition", type_=sa.SmallInteger), _is_due)
    .order_by(outbox.c.seq)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


async def due_entries(connection: AsyncConnection, partition: int, limit: int) -> Sequence[OutboxEntry]:
    """The oldest events of a partition that need not wait, neither for themselves nor for an earlier one."""
    rows = await connection.execute(_due, {"partition": partition, "limit": limit})
    return [_to_entry(row) for row in rows]


_seq = sa.bindparam("position", type_=sa.BigInteger)
_error = sa.bindparam("error", type_=sa.String)
_delete = sa.delete(outbox).where(outbox.c.seq.in_(sa.bindparam("positions", expanding=True, type_=sa.BigInteger)))
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
    if gone:
        await connection.execute(_delete, {"positions": padded(gone)})


def padded(positions: Sequence[int]) -> list[int]:
    """Repeat the last one until there is a power of two of them, so that few statements serve all lengths."""
    length = 1 << (len(positions) - 1).bit_length()
    return [*positions, *repeat(positions[-1], length - len(positions))]
