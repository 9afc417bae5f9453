"""What SQLite needs before a unit of work can rely on it.

Python's driver begins transactions on its own, late and only for some statements: a savepoint may then outlive the
rollback around it, and two writers may both read the old value. Here every transaction begins with a BEGIN of ours.
"""

import asyncio
import sqlite3
from asyncio import CancelledError
from contextlib import suppress
from typing import Any, TypeAlias, cast
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import AdaptedConnection, DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from cleanarch_kit.adapters.sqlalchemy.connecting.read_only import READ_ONLY

__all__ = ["is_in_memory", "is_prepared", "prepare_sqlite"]

_WAL_ATTEMPTS = 100

_prepared: WeakSet[sa.Dialect] = WeakSet()

_RawConnection: TypeAlias = Any
"""A connection of aiosqlite, which has no types of its own here."""


def is_in_memory(url: sa.URL) -> bool:
    """Tell whether the URL names a database that lives and dies with its one connection."""
    return url.database in {None, "", ":memory:"}


def prepare_sqlite(engine: sa.Engine) -> None:
    """Put the listeners on an engine that give its connections and transactions their settings."""
    event.listen(engine, "do_connect", _take_over_transactions)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "invalidate", _roll_back)
    _prepared.add(engine.dialect)


def is_prepared(engine: sa.Engine) -> bool:
    """Tell whether `prepare_sqlite` has seen this engine, or the one that it was made of with other options."""
    return engine.dialect in _prepared


def _take_over_transactions(
    _dialect: sa.Dialect, _record: ConnectionPoolEntry, _arguments: list[Any], options: dict[str, Any]
) -> None:
    options["isolation_level"] = None


def _configure(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cast(AdaptedConnection, connection).run_async(_set_pragmas)


async def _set_pragmas(raw: _RawConnection) -> None:
    await raw.execute("PRAGMA foreign_keys=ON")
    for attempt in range(_WAL_ATTEMPTS):
        try:
            await raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # Several processes that open a new file at once: the change of mode does not wait for its lock.
            if attempt == _WAL_ATTEMPTS - 1 or not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise
            await asyncio.sleep(0.02)
        else:
            return


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") == "AUTOCOMMIT":
        return
    read_only = bool(options.get(READ_ONLY))
    statement = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    async def begin(raw: _RawConnection) -> None:
        if bool(connection.info.get(READ_ONLY)) is not read_only:
            await raw.execute(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
            connection.info[READ_ONLY] = read_only
        await raw.execute(statement)

    try:
        cast(AdaptedConnection, connection.connection.dbapi_connection).run_async(begin)
    except sqlite3.Error as error:
        # The driver was called past SQLAlchemy, to spare three trips to its thread: wrapped as SQLAlchemy would.
        raise DBAPIError.instance(statement, None, error, sqlite3.Error, hide_parameters=True) from error
    except BaseException:
        # Cancelled: the driver's thread begins all the same, and would keep the lock.
        connection.invalidate()
        raise


def _roll_back(connection: DBAPIConnection, _record: ConnectionPoolEntry, _error: BaseException | None) -> None:
    """End the transaction of a connection that is about to be closed in the middle of a statement.

    SQLite keeps a closed connection, with its locks, for as long as one of its statements is referred to; and the
    traceback of a cancellation refers to one.
    """
    with suppress(CancelledError, sqlite3.Error, ValueError):
        cast(AdaptedConnection, connection).run_async(_shielded_rollback)


async def _shielded_rollback(raw: _RawConnection) -> None:
    await asyncio.shield(raw.rollback())
