"""PostgreSQL's COPY: many rows in one trip, past the parser, the planner and the parameters."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import AdaptedConnection
from sqlalchemy.exc import DBAPIError, StatementError

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, Row

__all__ = ["can_copy", "copy_rows"]

_RawConnection: TypeAlias = Any
"""A connection of asyncpg or psycopg, whose types are only there where they are installed."""

_DoCopy: TypeAlias = Callable[[_RawConnection, str, sa.Table, Sequence[str], Sequence[Row]], Awaitable[None]]

_SAME_AS_INSERT = sa.text(
    "SELECT relkind IN ('r', 'p') AND NOT relhasrules AND NOT row_security_active(oid)"
    " FROM pg_catalog.pg_class WHERE oid = CAST(:name AS regclass)"
)


def can_copy(connection: sa.Connection, table: sa.Table) -> bool:
    """Ask whether COPY does with a table what INSERT does: it heeds no rules, and refuses views and row security.

    It is a statement of its own, also so that SQLAlchemy and the driver have begun their transaction.
    """
    name = connection.dialect.identifier_preparer.format_table(table)
    same: bool = connection.execute(_SAME_AS_INSERT, {"name": name}).scalar_one()
    return same


def copy_rows(connection: sa.Connection, table: sa.Table, columns: Sequence[AnyColumn], rows: Sequence[Row]) -> None:
    """Write rows, in the transaction that the connection is in.

    Args:
        connection: the connection, on which a statement has run in this transaction.
        table: the table.
        columns: the columns, in the order of the rows' values.
        rows: the values as the driver takes them.

    Raises:
        DBAPIError: the database refused or failed.
        StatementError: a value cannot be sent.
    """
    preparer = connection.dialect.identifier_preparer
    names = [column.name for column in columns]
    statement = f"COPY {preparer.format_table(table)} ({', '.join(map(preparer.quote, names))}) FROM STDIN"
    copy = _COPIES[connection.dialect.driver]
    adapted = cast("AdaptedConnection", connection.connection.dbapi_connection)
    try:
        adapted.run_async(lambda raw: copy(raw, statement, table, names, rows))
    except Exception as error:
        raise _as_sqlalchemy_would(connection, statement, error) from error
    except BaseException:
        # Cancelled: what the server makes of it is not known here.
        connection.invalidate()
        raise


async def _by_asyncpg(
    raw: _RawConnection, _statement: str, table: sa.Table, names: Sequence[str], rows: Sequence[Row]
) -> None:
    await raw.copy_records_to_table(table.name, records=rows, columns=names, schema_name=table.schema)


async def _by_psycopg(
    raw: _RawConnection, statement: str, _table: sa.Table, _names: Sequence[str], rows: Sequence[Row]
) -> None:
    async with raw.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            await copy.write_row(row)


_COPIES: Mapping[str, _DoCopy] = {"asyncpg": _by_asyncpg, "psycopg": _by_psycopg}


def _as_sqlalchemy_would(connection: sa.Connection, statement: str, error: Exception) -> Exception:
    """The error that a statement executed by SQLAlchemy would have raised; a lost connection is given up."""
    if isinstance(error, OSError):
        connection.invalidate()
        return error
    orig = _of_dbapi(connection.dialect, error)
    if orig is None:
        return StatementError("a value cannot be sent", statement, None, error, hide_parameters=True)
    dialect: Any = connection.dialect
    lost: bool = dialect.is_disconnect(orig, connection.connection.dbapi_connection, None)
    if lost:
        connection.invalidate()
    wrapped: Exception = DBAPIError.instance(
        statement, None, orig, dialect.loaded_dbapi.Error, True, connection_invalidated=lost, dialect=dialect
    )
    return wrapped


def _of_dbapi(dialect: sa.Dialect, error: Exception) -> Exception | None:
    """The driver's error, in the form that SQLAlchemy gives it; None for an error of something else."""
    dbapi: Any = dialect.loaded_dbapi
    if dialect.driver != "asyncpg":
        return error if isinstance(error, dbapi.Error) else None
    if not isinstance(error, dbapi.asyncpg.PostgresError | dbapi.asyncpg.InterfaceError):
        return None
    kind = dbapi.InterfaceError if isinstance(error, dbapi.asyncpg.InterfaceError) else dbapi.Error
    orig: Exception = kind(str(error), error)
    orig.__cause__ = error
    return orig
