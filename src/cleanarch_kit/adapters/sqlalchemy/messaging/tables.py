"""The tables of outbox, inbox and idempotency."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import SchemaItem

from cleanarch_kit.adapters.sqlalchemy.types import UtcDateTime
from cleanarch_kit.errors import DefinitionError

__all__ = ["add_kit_tables", "idempotency", "inbox", "outbox", "outbox_dead", "outbox_partition"]

_OURS = "cleanarch_kit"
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BYTES = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
_DELAYED = sa.text("retry_at IS NOT NULL")
_OPTIONS: dict[str, Any] = {  # names and keys are compared byte by byte, on MariaDB and MySQL too
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
_metadata = sa.MetaData()


def _table(name: str, *items: SchemaItem, **options: Any) -> sa.Table:
    return sa.Table(name, _metadata, *items, info={_OURS: True}, **_OPTIONS, **options)


def _envelope() -> list[SchemaItem]:
    return [
        sa.Column("partition_id", sa.SmallInteger, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.String(255), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("data", _BYTES, nullable=False),
        sa.Column("dataschema", sa.String(255)),
        sa.Column("correlation_id", sa.String(255)),
        sa.Column("causation_id", sa.String(255)),
        sa.Column("traceparent", sa.String(255)),
    ]


outbox = _table(
    "outbox",
    sa.Column("seq", _NUMBER, sa.Identity(), primary_key=True),
    *_envelope(),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("retry_at", UtcDateTime),
    sa.Column("last_error", sa.String(200)),
    sa.Index("ix_outbox_partition", "partition_id", "seq"),
    sa.Index("ix_outbox_delayed", "partition_id", "retry_at", postgresql_where=_DELAYED, sqlite_where=_DELAYED),
    sqlite_autoincrement=True,  # a number is never given twice, even after the table was empty
)
"""Events that wait to be sent. A row is deleted once its event was confirmed."""

outbox_partition = _table(
    "outbox_partition",
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.String(255)),
    sa.Column("held_until", UtcDateTime),
)
"""One row per partition: what a relay locks, or leases on SQLite, while it sends."""

outbox_dead = _table(
    "outbox_dead",
    sa.Column("seq", _NUMBER, sa.Identity(), primary_key=True),
    *_envelope(),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_error", sa.String(200)),
    sa.Column("failed_at", UtcDateTime, nullable=False),
    sa.Index("ix_outbox_dead_event", "event_id"),
    sqlite_autoincrement=True,
)
"""Events that were given up."""

inbox = _table(
    "inbox",
    sa.Column("consumer", sa.String(200), primary_key=True),
    sa.Column("event_id", sa.Uuid, primary_key=True),
    sa.Column("handled_at", UtcDateTime, nullable=False),
)
"""Events that a consumer has handled."""

idempotency = _table(
    "idempotency",
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("result", _BYTES),
    sa.Column("ends_at", UtcDateTime, nullable=False),
)
"""Requests that were handled, with their results."""


def add_kit_tables(metadata: sa.MetaData) -> None:
    """Put the kit's tables on your own MetaData, to be created and migrated with your own tables.

    They are `outbox`, `outbox_partition`, `outbox_dead`, `inbox` and `idempotency`. Calling it again changes nothing.

    Args:
        metadata: one without a schema of its own: the tables lie in the default schema of the connection.

    Raises:
        DefinitionError: the MetaData has a schema, or another table of one of these names.
    """
    if metadata.schema is not None:
        raise DefinitionError(
            "the tables of outbox and inbox lie in the default schema of the connection:"
            " call add_kit_tables with a MetaData that has no schema"
        )
    for table in _metadata.sorted_tables:
        existing = metadata.tables.get(table.name)
        if existing is None:
            table.to_metadata(metadata)
        elif _OURS not in existing.info:
            raise DefinitionError(f"the MetaData has another table named {table.name!r}: give that one another name")
