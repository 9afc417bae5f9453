"""`SqlAlchemyUnitOfWork`: a unit of work over a session of SQLAlchemy's."""

from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy.connecting.single_writer import single_writer
from cleanarch_kit.adapters.sqlalchemy.connecting.transaction import SessionTransaction
from cleanarch_kit.application.ports.event_publisher import EventPublisher
from cleanarch_kit.application.ports.outbox import OutboxWriter
from cleanarch_kit.application.ports.unit_of_work import current_unit_of_work
from cleanarch_kit.application.tracking.after_commit import ErrorReport, TagInvalidator
from cleanarch_kit.application.tracking.unit_of_work import TrackingUnitOfWork

__all__ = ["SqlAlchemyUnitOfWork"]


class SqlAlchemyUnitOfWork(TrackingUnitOfWork[AsyncSession]):
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
        on_after_commit_error: is called with each error that is raised after the commit. By default it is logged
            with its type and the ids of the events, and without its text.

    Raises:
        DefinitionError: the engine is one of SQLite's that `create_async_engine` of cleanarch_kit did not make.
        UnitOfWorkStateError: when it is opened inside another one that it would wait for.

    Attributes:
        single_writer: the one place from which a SQLite database is written; None on other databases.
    """

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        *,
        publisher: EventPublisher | None = None,
        outbox: OutboxWriter[AsyncSession] | None = None,
        cache: TagInvalidator | None = None,
        read_only: bool = False,
        on_after_commit_error: ErrorReport | None = None,
    ) -> None:
        super().__init__(
            SessionTransaction(sessions, read_only=read_only),
            publisher=publisher,
            outbox=outbox,
            cache=cache,
            read_only=read_only,
            on_after_commit_error=on_after_commit_error,
        )
        self.single_writer = single_writer(sessions)
        self._sessions = sessions

    async def __aenter__(self) -> Self:
        if self.single_writer is not None:
            self.single_writer.enter(self, current_unit_of_work.get())
        return await super().__aenter__()

    @property
    def session(self) -> AsyncSession:
        """The session, for statements of your own in the same transaction. It must not be committed or closed.

        Raises:
            UnitOfWorkStateError: the unit of work is not open, or can only be rolled back.
        """
        self.guard.check()
        return self.transaction.connection

    @property
    def dialect_name(self) -> str:
        """Name of the database's dialect, for example ``"postgresql"``."""
        bind: object = self._sessions.kw.get("bind")
        return bind.dialect.name if isinstance(bind, AsyncEngine) else self.session.get_bind().dialect.name
