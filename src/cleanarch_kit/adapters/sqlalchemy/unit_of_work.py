"""`SqlAlchemyUnitOfWork`: a unit of work over one transaction of a relational database."""

from typing import Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker
from sqlalchemy.orm import ORMExecuteState, Session

from cleanarch_kit.adapters.sqlalchemy.connecting.execution import translated
from cleanarch_kit.adapters.sqlalchemy.connecting.failed_statements import watch_statements
from cleanarch_kit.adapters.sqlalchemy.connecting.single_writer import single_writer
from cleanarch_kit.adapters.sqlalchemy.connecting.transaction import SqlTransaction, engine_of
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import ConnectionSource, UnitConnection
from cleanarch_kit.application.ports.event_publisher import EventPublisher
from cleanarch_kit.application.ports.outbox import OutboxWriter
from cleanarch_kit.application.ports.unit_of_work import current_unit_of_work
from cleanarch_kit.application.tracking.after_commit import ErrorReport, TagInvalidator
from cleanarch_kit.application.tracking.row_scopes import RowScopes
from cleanarch_kit.application.tracking.unit_of_work import TrackingUnitOfWork
from cleanarch_kit.application.tracking.usage_guard import Phase
from cleanarch_kit.errors import UnitOfWorkStateError

__all__ = ["SqlAlchemyUnitOfWork"]

_READ_ONLY = "this unit of work is read-only: open one without read_only=True to change something through its session"


class SqlAlchemyUnitOfWork(TrackingUnitOfWork[UnitConnection]):
    """A transaction of a relational database. See `UnitOfWork` for what it guarantees.

    A connection is taken from the pool with the first statement and given back before anything is published. On
    SQLite a unit of work that may write takes the write lock with its first statement, so that nobody can overtake
    it; a second one that is opened while it is open, in the same context, would wait for it for ever and is refused.

    Args:
        sessions: makes the sessions, see `session_factory`.
        publisher: is given the events after the commit, in this process.
        outbox: stores the events in the transaction.
        cache: is told the tags of `invalidate` after the commit.
        read_only: refuse every change, and let the database refuse them too; on SQLite no lock is taken.
        scopes: criteria, by type of entity, outside of which nothing can be read, changed or added, see `RowScopes`.
        on_after_commit_error: is called with each error that is raised after the commit. By default it is logged
            with its type and the ids of the events, and without its text.

    Raises:
        DefinitionError: the sessions are not bound to one engine, or to one of SQLite's that `create_async_engine` of
            cleanarch_kit did not make.
        UnitOfWorkStateError: when it is opened inside another one that it would wait for.

    Attributes:
        dialect_name: name of the database's dialect, for example ``"postgresql"``.
        single_writer: the one place from which a SQLite database is written; None on other databases.
    """

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        *,
        publisher: EventPublisher | None = None,
        outbox: OutboxWriter[ConnectionSource] | None = None,
        cache: TagInvalidator | None = None,
        read_only: bool = False,
        scopes: RowScopes | None = None,
        on_after_commit_error: ErrorReport | None = None,
    ) -> None:
        engine = engine_of(sessions)
        super().__init__(
            SqlTransaction(engine, sessions, read_only=read_only),
            publisher=publisher,
            outbox=outbox,
            cache=cache,
            read_only=read_only,
            scopes=scopes,
            on_after_commit_error=on_after_commit_error,
        )
        self._engine = engine.sync_engine
        self.dialect_name = engine.dialect.name
        self.single_writer = single_writer(self._engine)
        self._watched: AsyncSession | None = None

    async def __aenter__(self) -> Self:
        if self.single_writer is not None:
            self.single_writer.enter(self, current_unit_of_work.get())
        return await super().__aenter__()

    @property
    def session(self) -> AsyncSession:
        """A session in the same transaction, for statements and ORM objects of your own.

        It must not be committed or closed. What it writes counts as a change of this unit of work.

        Raises:
            UnitOfWorkStateError: the unit of work is not open, or can only be rolled back.
        """
        self.guard.check()
        session = self.transaction.connection.session()
        if session is not self._watched:
            self._watched = session
            watch_statements(self._engine)
            event.listen(session.sync_session, "do_orm_execute", self._note_statement)
            event.listen(session.sync_session, "before_flush", self._note_flush)
            event.listen(session.sync_session, "after_rollback", self._note_rollback)
        return session

    async def connection(self) -> AsyncConnection:
        """The connection, for Core statements of your own in the same transaction. It must not be committed or closed.

        Call `writing` before you change something through it.

        Raises:
            UnitOfWorkStateError: the unit of work is not open, or can only be rolled back.
            StorageError: the database cannot be reached.
        """
        watch_statements(self._engine)
        return await self.guard.run(self._connect)

    async def _connect(self) -> AsyncConnection:
        return await translated(self.transaction.connection.connection())

    def _note_statement(self, state: ORMExecuteState) -> None:
        # Of text nobody knows what it does: it counts as a change, and a read-only database refuses it if it is one.
        if not state.is_select and not (self.read_only and isinstance(state.statement, sa.TextClause)):
            self._note_change()

    def _note_flush(self, _session: Session, _context: object, _instances: object) -> None:
        self._note_change()

    def _note_rollback(self, session: Session) -> None:
        """What the session rolled back as a whole, after an error or because it was told to, is not there to commit."""
        if not session.in_nested_transaction() and self.guard.phase is not Phase.ENDED:
            self.guard.fail()

    def _note_change(self) -> None:
        """As `writing`, also in the middle of a statement or of the commit."""
        if self.read_only:
            raise UnitOfWorkStateError(_READ_ONLY)
        self._touched = True
