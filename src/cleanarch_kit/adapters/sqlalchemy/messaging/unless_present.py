"""Inserting a row unless one with its key is there."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from cleanarch_kit.adapters.sqlalchemy.connecting.driver_errors import translate
from cleanarch_kit.adapters.sqlalchemy.connecting.failed_statements import MAY_FAIL
from cleanarch_kit.errors import DuplicateError

__all__ = ["insert_unless_present"]


def insert_unless_present(
    connection: sa.Connection, table: sa.Table, row: Mapping[str, object | sa.ColumnElement[object]]
) -> bool:
    """Insert a row, in the transaction of the connection, which stays usable either way.

    Waits for a transaction that has inserted the same key and not ended yet.

    Returns:
        Whether the row was inserted; False if one with its key is there.
    """
    if connection.dialect.name == "postgresql":
        statement = postgresql.insert(table).on_conflict_do_nothing().values(row)
        return connection.execute(statement, execution_options=_COUNTED).rowcount == 1
    if connection.dialect.name == "sqlite":
        return connection.execute(sqlite.insert(table).on_conflict_do_nothing().values(row)).rowcount == 1
    # INSERT IGNORE would also ignore what does not fit, and its driver logs the key of every duplicate.
    try:
        connection.execute(sa.insert(table).values(row), execution_options=MAY_FAIL)
    except IntegrityError as error:
        if isinstance(translate(error), DuplicateError):
            return False
        raise
    return True


_COUNTED = {"preserve_rowcount": True}  # psycopg does not keep it where SQLAlchemy asks for a result
