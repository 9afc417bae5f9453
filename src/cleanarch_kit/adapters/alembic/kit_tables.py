"""The kit's tables as steps of migrations, for those who write theirs by hand.

The schema of the tables has a version of its own. Each step from one to the next is written out here and never changed
afterwards, so that a migration does the same whatever kit runs it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import SchemaItem

from cleanarch_kit.errors import DefinitionError

if TYPE_CHECKING:  # Alembic loads this package while it is half imported itself
    from alembic.operations import Operations

__all__ = ["migrate_kit_tables"]

_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def migrate_kit_tables(start: int, end: int) -> None:
    """Take the tables of outbox, inbox and idempotency from one version of their schema to another, up or down.

    To be called in a migration: ``migrate_kit_tables(0, 1)`` in ``upgrade``, ``migrate_kit_tables(1, 0)`` in
    ``downgrade``. The versions are numbers and not the newest one, so that the migration stays what it is. Going down
    to 0 drops the tables with what is in them.

    Args:
        start: the version that the database has; 0 where there are no such tables.
        end: the version that it gets.

    Raises:
        DefinitionError: this kit does not know one of the versions.
    """
    for version in (start, end):
        if not 0 <= version <= len(_STEPS):
            raise DefinitionError(
                f"this kit knows versions 0 to {len(_STEPS)} of its tables, not {version}:"
                " install the cleanarch-kit that the migration was written for"
            )
    op = cast("Operations", import_module("alembic.op"))
    for up, _ in _STEPS[start:end]:
        up(op)
    for _, down in reversed(_STEPS[end:start]):
        down(op)


def _moment() -> sa.types.TypeEngine[Any]:
    return sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _bytes() -> sa.types.TypeEngine[Any]:
    return sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def _number() -> SchemaItem:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("seq", kind, sa.Identity(), primary_key=True)


def _envelope() -> list[SchemaItem]:
    return [
        sa.Column("partition_id", sa.SmallInteger(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(255), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("occurred_at", _moment(), nullable=False),
        sa.Column("data", _bytes(), nullable=False),
        sa.Column("dataschema", sa.String(255)),
        sa.Column("correlation_id", sa.String(255)),
        sa.Column("causation_id", sa.String(255)),
        sa.Column("traceparent", sa.String(255)),
    ]


def _create(op: "Operations") -> None:
    delayed = sa.text("retry_at IS NOT NULL")
    op.create_table(
        "outbox",
        _number(),
        *_envelope(),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("retry_at", _moment()),
        sa.Column("last_error", sa.String(200)),
        sqlite_autoincrement=True,
        **_OPTIONS,
    )
    op.create_index("ix_outbox_partition", "outbox", ["partition_id", "seq"])
    op.create_index(
        "ix_outbox_delayed", "outbox", ["partition_id", "retry_at"], postgresql_where=delayed, sqlite_where=delayed
    )
    op.create_table(
        "outbox_partition",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("holder", sa.String(255)),
        sa.Column("held_until", _moment()),
        **_OPTIONS,
    )
    op.create_table(
        "outbox_dead",
        _number(),
        *_envelope(),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(200)),
        sa.Column("failed_at", _moment(), nullable=False),
        sqlite_autoincrement=True,
        **_OPTIONS,
    )
    op.create_index("ix_outbox_dead_event", "outbox_dead", ["event_id"])
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(200), primary_key=True),
        sa.Column("event_id", sa.Uuid(), primary_key=True),
        sa.Column("handled_at", _moment(), nullable=False),
        **_OPTIONS,
    )
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("result", _bytes()),
        sa.Column("ends_at", _moment(), nullable=False),
        **_OPTIONS,
    )


def _drop(op: "Operations") -> None:
    for table in ("idempotency", "inbox", "outbox_dead", "outbox_partition", "outbox"):
        op.drop_table(table)


_STEPS: list[tuple[Callable[["Operations"], None], Callable[["Operations"], None]]] = [(_create, _drop)]
"""For each version what makes it of the one before, and what undoes that. A step that was released never changes."""
