"""Transactions in which the database itself refuses changes."""

from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["READ_ONLY", "begin_read_only", "reading_engine"]

READ_ONLY = "cleanarch_read_only"
"""Execution option of a connection: SQLite's transactions begin without a lock and refuse changes."""

_RESTORE = "cleanarch_restore_read_write"
_readers: WeakKeyDictionary[AsyncEngine, AsyncEngine] = WeakKeyDictionary()


def begin_read_only(connection: sa.Connection) -> None:
    """Let the transaction that the connection's first statement begins be a read-only one."""
    dialect: Any = connection.dialect
    if dialect.name == "sqlite":
        connection.execution_options(**{READ_ONLY: True})
    elif dialect.name == "postgresql":
        # SQLAlchemy's own option does the same at six times the cost.
        pooled = connection.connection
        if not event.contains(connection.engine, "checkin", _restore):
            event.listen(connection.engine, "checkin", _restore)
        pooled.info[_RESTORE] = dialect
        dialect.set_readonly(pooled.dbapi_connection, True)
    else:
        _start(connection)


def reading_engine(engine: AsyncEngine) -> AsyncEngine:
    """The same engine for a session that begins its transactions itself."""
    reader = _readers.get(engine)
    if reader is None:
        reader = _readers[engine] = engine.execution_options(**{READ_ONLY: True, "postgresql_readonly": True})
        if engine.dialect.name in {"mysql", "mariadb"}:
            event.listen(reader.sync_engine, "begin", _start)
    return reader


def _start(connection: sa.Connection) -> None:
    connection.exec_driver_sql("START TRANSACTION READ ONLY")


def _restore(connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    """Give a connection back to the pool as it came."""
    dialect: Any = record.info.pop(_RESTORE, None)
    if dialect is not None and connection is not None:
        dialect.set_readonly(connection, False)
