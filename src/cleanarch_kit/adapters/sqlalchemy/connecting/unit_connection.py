"""`UnitConnection`: the connection of one unit of work, and the session over it for those who ask for one."""

from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncResult,
    AsyncSession,
    AsyncSessionTransaction,
    async_sessionmaker,
)

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnySelect, Parameters
from cleanarch_kit.adapters.sqlalchemy.connecting.failed_statements import any_failed, refuse_failed
from cleanarch_kit.adapters.sqlalchemy.connecting.kept_values import rolling_back
from cleanarch_kit.adapters.sqlalchemy.connecting.read_only import begin_read_only, reading_engine
from cleanarch_kit.adapters.sqlalchemy.connecting.text_collations import is_checked, report_collations

__all__ = ["ConnectionSource", "UnitConnection"]


class ConnectionSource(Protocol):
    """What gives the connection of a transaction: a unit of work's, or a session of SQLAlchemy's."""

    async def connection(self) -> AsyncConnection:
        """The connection; taken from the pool if this is the first use."""
        ...


class UnitConnection:
    """One connection, taken from the pool with the first statement.

    Statements of ours run on the connection itself, because a session would add a fifth to the cost of a small unit
    of work. A session is made when somebody asks for it, and shares the connection and its transaction.

    Args:
        engine: where the connection comes from.
        sessions: makes the session.
        read_only: let the database itself refuse changes.

    Attributes:
        may_have_written: whether the connection was given for more than reading, or the session to somebody.
    """

    __slots__ = (
        "_connection",
        "_engine",
        "_read_only",
        "_session",
        "_session_leads",
        "_sessions",
        "_streams",
        "_unchecked",
        "may_have_written",
    )

    def __init__(self, engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession], *, read_only: bool) -> None:
        self._engine = engine
        self._read_only = read_only
        self._sessions = sessions
        self._connection: AsyncConnection | None = None
        self._session: AsyncSession | None = None
        self._session_leads = False
        self.may_have_written = False
        self._streams: list[AsyncResult[Any]] = []
        self._unchecked: list[sa.Table] = []

    def expect(self, *tables: sa.Table) -> None:
        """Have tables looked at, the first time that they are met, for text that is compared differently here."""
        self._unchecked += (table for table in tables if not is_checked(self._engine.sync_engine, table))

    async def connection(self) -> AsyncConnection:
        """The connection; taken from the pool if this is the first use."""
        self.may_have_written = True
        return await self.reading() if self._connection is None or self._unchecked else self._connection

    async def reading(self) -> AsyncConnection:
        """The connection, for statements that change nothing."""
        if self._connection is None:
            if self._session is None:
                self._connection = await self._engine.connect()
                if self._read_only:
                    await self._connection.run_sync(begin_read_only)
            else:
                self._connection = await self._session.connection()
        if self._unchecked:
            tables, self._unchecked = self._unchecked, []
            for table in tables:
                await self._connection.run_sync(report_collations, table)
        return self._connection

    def session(self) -> AsyncSession:
        """The session; made if this is the first use."""
        self.may_have_written = True
        return self._session or self._make_session()

    def reading_session(self) -> AsyncSession:
        """The session, for what changes nothing; once there is a connection, so that it need not lead."""
        return self._session or self._make_session()

    async def flush(self) -> None:
        """Write what the session has not written yet. A step before COMMIT, so that its errors are not COMMIT's."""
        await self._close_streams()
        if self._session is not None:
            await self._session.flush()

    async def check(self) -> None:
        """Refuse to commit what a failed statement has left, whoever saw its error. Sends nothing if none failed.

        Raises:
            UnitOfWorkStateError: a statement failed, and was not taken back with a savepoint.
        """
        if not any_failed():
            return
        connection = self._connection
        if connection is None and self._session is not None and self._session.in_transaction():
            connection = await self._session.connection()
        if connection is not None:
            await connection.run_sync(refuse_failed)

    async def commit(self) -> None:
        """Commit what was flushed."""
        if self._session is not None and self._session_leads:
            await self._session.commit()
        elif self._connection is not None:
            await self._connection.commit()

    async def rollback(self) -> None:
        """Roll back."""
        await self._close_streams()
        if self._session is not None:
            with rolling_back(self._session.sync_session):
                await self._session.rollback()
        if self._connection is not None and not self._session_leads:
            await self._connection.rollback()

    async def begin_nested(self) -> AsyncSessionTransaction:
        """Begin a savepoint, with a connection that has begun a transaction.

        It is the session's, even where nobody has asked for one yet: what a session first made inside came to hold
        would otherwise outlive the savepoint.
        """
        self.may_have_written = True
        if self._connection is None:
            self._connection = await self.reading()
        session = self._session or self._make_session()
        nested = await session.begin_nested()
        self._connection = await session.connection()  # sends it: a session waits for a statement of its own
        return nested

    async def close(self) -> None:
        """Close the session and give the connection back."""
        await self._close_streams()
        session, self._session = self._session, None
        connection, self._connection = self._connection, None
        try:
            if session is not None:
                await session.close()
        finally:
            if connection is not None and not self._session_leads:
                await connection.close()

    async def stream(self, statement: AnySelect, parameters: Parameters) -> AsyncResult[Any]:
        """Begin to read the rows of a SELECT; closed with the transaction at the latest."""
        result: AsyncResult[Any] = await (await self.reading()).stream(statement, parameters)
        self._streams.append(result)
        return result

    def _make_session(self) -> AsyncSession:
        self._session_leads = self._connection is None
        bind = self._connection or (reading_engine(self._engine) if self._read_only else self._engine)
        self._session = self._sessions(bind=bind, join_transaction_mode="rollback_only", expire_on_commit=False)
        return self._session

    async def _close_streams(self) -> None:
        while self._streams:
            await self._streams.pop().close()
