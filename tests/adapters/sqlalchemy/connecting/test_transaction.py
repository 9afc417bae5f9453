"""Transactions, and what happens when the server, the network or another writer gets in their way."""

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import AsyncAdaptedQueuePool

from cleanarch_kit.adapters.sqlalchemy import (
    SqlAlchemyUnitOfWork,
    UtcDateTime,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.adapters.sqlalchemy.connecting.transaction import SqlTransaction, engine_of
from cleanarch_kit.domain import DomainEvent, Money
from cleanarch_kit.errors import (
    CommitOutcomeUnknownError,
    DefinitionError,
    InvalidValueError,
    StorageError,
    StorageFullError,
    TransientError,
    UnitOfWorkStateError,
)
from cleanarch_kit.testing import Book, BookId, Subject

servers = pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
Sessions = async_sessionmaker[AsyncSession]


def a_book(title: str = "Emma") -> Book:
    return Book(id=BookId.new(), isbn=title, title=title, price=Money(1, "EUR"), rank=0)


class Log:
    """A publisher and a cache that note what they are told."""

    def __init__(self) -> None:
        self.published: list[DomainEvent] = []
        self.invalidated: list[str] = []

    async def publish(self, *events: DomainEvent) -> None:
        self.published += events

    async def invalidate(self, *tags: str) -> None:
        self.invalidated += tags


class HastyUnitOfWork(SqlAlchemyUnitOfWork):
    commit_timeout = 0.5


async def checked_out(engine: AsyncEngine) -> int:
    pool = engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)
    return pool.checkedout()


@servers
@pytest.mark.parametrize("hang", [False, True], ids=["connection closed", "no answer"])
async def test_a_lost_reply_to_commit_is_an_unknown_outcome(
    sql_subject: Subject, proxied_engine: AsyncEngine, proxy: object, hang: bool
) -> None:
    books_of = sql_subject.books
    book = a_book()
    log = Log()
    with pytest.raises(CommitOutcomeUnknownError) as caught:
        async with HastyUnitOfWork(session_factory(proxied_engine), publisher=log, cache=log) as unit:
            await books_of(unit).add(book)
            book.rename("Persuasion")
            unit.invalidate("books")
            await unit.flush()
            vars(proxy).update(lose_replies_after=b"COMMIT", hang=hang)
    assert str(caught.value).startswith("the reply to COMMIT was lost")
    assert log.published == []
    assert log.invalidated == ["books"]
    assert await checked_out(proxied_engine) == 0
    found = await sql_subject.book(book.id)
    assert found is not None
    assert found.title == "Persuasion"  # it was committed, and nobody could know


async def kill(engine: AsyncEngine, process: int) -> None:
    statement = f"SELECT pg_terminate_backend({process})" if engine.dialect.name == "postgresql" else f"KILL {process}"
    async with engine.connect() as connection:
        await connection.execute(sa.text(statement))


async def process_of(unit: SqlAlchemyUnitOfWork) -> int:
    function = "pg_backend_pid()" if unit.dialect_name == "postgresql" else "connection_id()"
    connection = await unit.connection()
    process: int = (await connection.execute(sa.text(f"SELECT {function}"))).scalar_one()
    return process


@servers
async def test_a_connection_killed_in_mid_transaction(
    engine: AsyncEngine, sessions: Sessions, sql_subject: Subject
) -> None:
    book = a_book()
    await sql_subject.add_books(book)
    unit = SqlAlchemyUnitOfWork(sessions)
    with pytest.raises(TransientError) as caught:
        async with unit:
            await kill(engine, await process_of(unit))
            await sql_subject.books(unit).get(book.id)
    assert caught.value.reason in ("connection lost", "server shutting down")
    with pytest.raises(UnitOfWorkStateError):
        await sql_subject.books(unit).get(book.id)
    assert await sql_subject.book(book.id) is not None  # the next one heals
    assert await checked_out(engine) == 0


@servers
async def test_a_connection_killed_before_commit_commits_nothing_silently(
    engine: AsyncEngine, sessions: Sessions, sql_subject: Subject
) -> None:
    book = a_book()
    with pytest.raises(StorageError):
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await sql_subject.books(unit).add(book)
            await unit.flush()
            await kill(engine, await process_of(unit))
    assert await sql_subject.book(book.id) is None
    assert await checked_out(engine) == 0


@servers
async def test_the_loser_of_a_deadlock_may_try_again(sessions: Sessions, sql_subject: Subject) -> None:
    first, second = a_book("first"), a_book("second")
    await sql_subject.add_books(first, second)
    both = asyncio.Barrier(2)

    async def lock(one: BookId, other: BookId) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            books = sql_subject.books(unit)
            await books.get(one, for_update=True)
            await both.wait()
            await books.get(other, for_update=True)

    results = await asyncio.gather(lock(first.id, second.id), lock(second.id, first.id), return_exceptions=True)
    losers = [result for result in results if result is not None]
    assert len(losers) == 1
    assert isinstance(losers[0], TransientError)
    assert losers[0].reason == "deadlock"


@pytest.mark.parametrize("database", ["asyncpg", "psycopg"], indirect=True)
async def test_the_loser_of_a_serialization_failure_may_try_again(engine: AsyncEngine, sql_subject: Subject) -> None:
    strict = create_async_engine(engine.url, isolation_level="SERIALIZABLE")
    sessions = session_factory(strict)
    book = a_book()
    await sql_subject.add_books(book)
    both = asyncio.Barrier(2)

    async def count_and_add(title: str) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            books = sql_subject.books(unit)
            await books.count()
            await both.wait()
            await books.add(a_book(title))

    results = await asyncio.gather(count_and_add("a"), count_and_add("b"), return_exceptions=True)
    losers = [result for result in results if result is not None]
    assert [type(loser) for loser in losers] == [TransientError]
    await strict.dispose()


async def test_a_pool_that_is_used_up_is_a_passing_trouble(engine: AsyncEngine, sql_subject: Subject) -> None:
    small = create_async_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    sessions = session_factory(small)
    async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
        await sql_subject.books(unit).count()
        with pytest.raises(TransientError) as caught:
            async with SqlAlchemyUnitOfWork(sessions, read_only=True) as other:
                await sql_subject.books(other).count()
    assert caught.value.reason == "no free connection in the pool"
    async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
        await sql_subject.books(unit).count()
    await small.dispose()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_full_disk_leaves_the_file_usable(
    engine: AsyncEngine, sessions: Sessions, sql_subject: Subject
) -> None:
    async with engine.connect() as connection:
        pages = (await connection.execute(sa.text("PRAGMA page_count"))).scalar_one()
    tight = create_async_engine(engine.url, pool_size=1, max_overflow=0)

    async with tight.connect() as connection:
        await connection.execute(sa.text(f"PRAGMA max_page_count={pages}"))
    with pytest.raises(StorageFullError):
        async with SqlAlchemyUnitOfWork(session_factory(tight)) as unit:
            await sql_subject.books(unit).add_all([a_book(f"t{at}") for at in range(500)])
    assert await sql_subject.titles() == []
    await tight.dispose()


async def test_a_transaction_that_never_began_ends_quietly(
    engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]
) -> None:
    transaction = SqlTransaction(engine, sessions, read_only=False)
    await transaction.begin()
    await transaction.commit()
    await transaction.rollback()
    await transaction.close()
    await transaction.close()
    assert engine_of(sessions) is engine


def test_sessions_without_one_engine_are_refused() -> None:
    with pytest.raises(DefinitionError) as caught:
        engine_of(async_sessionmaker())
    assert str(caught.value) == ("a unit of work needs sessions that are bound to one engine: session_factory(engine)")


class Model(DeclarativeBase): ...


class Item(Model):
    __tablename__ = "items_of_a_session"
    id: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


async def test_what_a_session_cannot_write_at_the_end_is_no_unknown_outcome(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'items.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Model.metadata.create_all)
    with pytest.raises(InvalidValueError):
        async with SqlAlchemyUnitOfWork(session_factory(engine)) as unit:
            naive = datetime(2026, 1, 1)  # noqa: DTZ001 - what the column refuses, as late as the flush
            unit.session.add(Item(id=1, since=naive))
    assert await checked_out(engine) == 0
    await engine.dispose()
