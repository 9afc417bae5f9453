"""`SqlTransaction`: one transaction of one connection."""

from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    AsyncSessionTransaction,
    async_sessionmaker,
)

from cleanarch_kit.adapters.sqlalchemy.connecting.driver_errors import is_settled, translate
from cleanarch_kit.adapters.sqlalchemy.connecting.execution import translated
from cleanarch_kit.adapters.sqlalchemy.connecting.kept_values import keeping_values
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.application.tracking.transaction import Savepoint, Transaction
from cleanarch_kit.errors import CommitOutcomeUnknownError, DefinitionError

__all__ = ["SqlTransaction", "engine_of"]


def engine_of(sessions: async_sessionmaker[AsyncSession]) -> AsyncEngine:
    """The engine that sessions are bound to.

    Raises:
        DefinitionError: they are bound to something else.
    """
    bind: object = sessions.kw.get("bind")
    if not isinstance(bind, AsyncEngine):
        raise DefinitionError("a unit of work needs sessions that are bound to one engine: session_factory(engine)")
    return bind


class SqlTransaction(Transaction[UnitConnection]):
    """A transaction that begins with the first statement. One that has only read ends with a rollback.

    Args:
        engine: gives the connection.
        sessions: makes the session for those who ask for one; bound to the engine.
        read_only: let the database itself refuse changes.
    """

    def __init__(self, engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession], *, read_only: bool) -> None:
        self._connection = UnitConnection(engine, sessions, read_only=read_only)

    @property
    def connection(self) -> UnitConnection:
        """The connection. See `Transaction.connection`."""
        return self._connection

    async def commit(self) -> None:
        """Commit. See `Transaction.commit`.

        Where everything was read, nothing is sent: `close` rolls back, which costs one trip instead of two.
        """
        if not self._connection.may_have_written:
            return None
        await translated(self._connection.flush())
        await translated(self._connection.check())
        try:
            return await self._connection.commit()
        except Exception as error:
            problem = translate(error)
            if problem is None:
                raise
            if not is_settled(error):
                problem = CommitOutcomeUnknownError()
                problem.orig = error
        raise problem

    async def rollback(self) -> None:
        """Roll back. See `Transaction.rollback`."""
        await translated(self._connection.rollback())

    async def close(self) -> None:
        """Give the connection back. See `Transaction.close`."""
        await translated(self._connection.close())

    async def savepoint(self) -> Savepoint:
        """Begin a savepoint. See `Transaction.savepoint`."""
        return _SqlSavepoint(await translated(self._connection.begin_nested()))


class _SqlSavepoint:
    def __init__(self, nested: AsyncSessionTransaction) -> None:
        self._nested = nested

    async def commit(self) -> None:
        await translated(self._nested.commit())

    async def rollback(self) -> None:
        with keeping_values(self._nested.session.sync_session):
            await translated(self._nested.rollback())
