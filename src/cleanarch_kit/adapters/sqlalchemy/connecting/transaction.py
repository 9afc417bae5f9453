"""`SessionTransaction`: one transaction of one SQLAlchemy session."""

from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, AsyncSessionTransaction, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy.connecting.driver_errors import is_settled, translate
from cleanarch_kit.adapters.sqlalchemy.connecting.execution import translated
from cleanarch_kit.adapters.sqlalchemy.connecting.sqlite import READ_ONLY
from cleanarch_kit.application.tracking.transaction import Savepoint, Transaction
from cleanarch_kit.errors import CommitOutcomeUnknownError, UnitOfWorkStateError

__all__ = ["SessionTransaction"]

_readers: WeakKeyDictionary[AsyncEngine, AsyncEngine] = WeakKeyDictionary()


class SessionTransaction(Transaction[AsyncSession]):
    """A session that is made when the unit of work opens and takes a connection with its first statement.

    Args:
        sessions: makes the session.
        read_only: let the database itself refuse changes.
    """

    def __init__(self, sessions: async_sessionmaker[AsyncSession], *, read_only: bool) -> None:
        self._sessions = sessions
        self._read_only = read_only
        self._session: AsyncSession | None = None

    @property
    def connection(self) -> AsyncSession:
        """The session."""
        if self._session is None:
            raise UnitOfWorkStateError("this unit of work is not open: use it inside 'async with'")
        return self._session

    async def begin(self) -> None:
        """Make the session. See `Transaction.begin`."""
        bind: object = self._sessions.kw.get("bind")
        if self._read_only and isinstance(bind, AsyncEngine):
            self._session = self._sessions(bind=_reader(bind))
        else:
            self._session = self._sessions()

    async def commit(self) -> None:
        """Commit. See `Transaction.commit`."""
        try:
            await self.connection.commit()
        except Exception as error:
            problem = translate(error)
            if not is_settled(error):
                problem = CommitOutcomeUnknownError()
                problem.orig = error
            if problem is None:
                raise
        else:
            return
        raise problem

    async def rollback(self) -> None:
        """Roll back. See `Transaction.rollback`."""
        await translated(self.connection.rollback())

    async def close(self) -> None:
        """Give the connection back. See `Transaction.close`."""
        session, self._session = self._session, None
        if session is not None:
            await translated(session.close())

    async def savepoint(self) -> Savepoint:
        """Begin a savepoint. See `Transaction.savepoint`."""
        return _SessionSavepoint(await translated(_nested(self.connection)))


class _SessionSavepoint:
    def __init__(self, nested: AsyncSessionTransaction) -> None:
        self._nested = nested

    async def commit(self) -> None:
        await translated(self._nested.commit())

    async def rollback(self) -> None:
        await translated(self._nested.rollback())


async def _nested(session: AsyncSession) -> AsyncSessionTransaction:
    return await session.begin_nested()


def _reader(engine: AsyncEngine) -> AsyncEngine:
    """The same engine, with transactions that cannot write."""
    reader = _readers.get(engine)
    if reader is None:
        reader = _readers[engine] = engine.execution_options(**{READ_ONLY: True, "postgresql_readonly": True})
    return reader
