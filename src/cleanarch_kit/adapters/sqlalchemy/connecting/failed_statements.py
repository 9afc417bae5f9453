"""Transactions in which a statement failed, whether or not anybody told the unit of work.

PostgreSQL answers the COMMIT of such a transaction with a rollback and without an error, MariaDB has rolled back after
a deadlock, SQLite after a full disk; what comes next would then be committed alone. The others would commit what the
failed statement left out. So the error of a statement, swallowed or not, leaves only the rollback, on all of them,
unless it came inside a savepoint that was taken back.
"""

from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine.interfaces import Dialect, ExceptionContext

from cleanarch_kit.application.tracking.usage_guard import STATEMENT_FAILED
from cleanarch_kit.errors import UnitOfWorkStateError

__all__ = ["MAY_FAIL", "any_failed", "refuse_failed", "watch_statements"]

_MAY_FAIL = "cleanarch_may_fail"
MAY_FAIL = {_MAY_FAIL: True}
"""Execution options of a statement whose error is expected, on a database that goes on after it."""

_WHOLE_TRANSACTION_LOST = frozenset({1020, 1213})

_watched: WeakSet[Dialect] = WeakSet()
_failed: WeakKeyDictionary[sa.Connection, bool] = WeakKeyDictionary()
"""Connections on which a statement failed, and whether only a rollback of everything can help."""


def watch_statements(engine: sa.Engine) -> None:
    """Note from now on which connections of an engine had a statement that failed."""
    if engine.dialect not in _watched:
        _watched.add(engine.dialect)
        event.listen(engine, "handle_error", _note)


def any_failed() -> bool:
    """Whether there is any such connection, of whatever unit of work: cheap, and almost always no."""
    return bool(_failed)


def refuse_failed(connection: sa.Connection) -> None:
    """Refuse to commit what a failed statement has left.

    Raises:
        UnitOfWorkStateError: a statement has failed in this transaction, and was not taken back with a savepoint.
        DBAPIError: the same, as PostgreSQL says it.
    """
    for_good = _failed.get(connection)
    if for_good:
        raise UnitOfWorkStateError(STATEMENT_FAILED)
    if for_good is not None and connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT 1")


def _note(context: ExceptionContext) -> None:
    connection, statement = context.connection, context.execution_context
    if connection is None or not isinstance(context.sqlalchemy_exception, exc.DBAPIError):
        return
    if statement is None or _MAY_FAIL not in statement.execution_options:
        for_good = not connection.in_nested_transaction() or _is_lost(connection, context.original_exception)
        _failed[connection] = _failed.get(connection, False) or for_good


def _is_lost(connection: sa.Connection, error: BaseException) -> bool:
    """Whether the database has rolled back everything, the savepoints included."""
    if connection.dialect.name == "sqlite":
        driver_connection: Any = connection.connection.driver_connection
        return not driver_connection.in_transaction
    return bool(error.args) and error.args[0] in _WHOLE_TRANSACTION_LOST
