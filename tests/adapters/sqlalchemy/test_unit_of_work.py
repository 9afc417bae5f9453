"""The unit of work keeps the contract on every database; and what is its own."""

import asyncio
import gc
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.adapters.sqlalchemy import (
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    UtcDateTime,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.errors import UnitOfWorkStateError
from cleanarch_kit.testing import (
    Book,
    BookId,
    CancellationStyle,
    Capability,
    Note,
    NoteId,
    Subject,
    UnitOfWorkContract,
    cancel_everywhere,
    compare_with_a_model,
    keep_tenants_apart,
)
from cleanarch_kit.testing.contracts.machine import OpenSubjects
from cleanarch_kit.testing.contracts.subject import a_book

SQLITE = frozenset(Capability) - {Capability.CONCURRENT_WRITERS, Capability.LOCKS, Capability.SKIP_LOCKED}


class SqlUnitOfWork(UnitOfWorkContract):
    @pytest.fixture
    def subject(self, sql_subject: Subject) -> Subject:
        return sql_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteUnitOfWork(SqlUnitOfWork):
    """SQLite has one writer and locks the database, not rows."""

    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerUnitOfWork(SqlUnitOfWork):
    """Every capability is declared."""


IN_TRANSACTION = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND xact_start IS NOT NULL AND pid <> pg_backend_pid()",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist"
    " ON trx_mysql_thread_id = id WHERE db = DATABASE() AND id <> CONNECTION_ID()",
}


@pytest.mark.parametrize("style", [CancellationStyle.TWICE, CancellationStyle.SCOPE])
@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
async def test_a_cancellation_leaves_no_transaction_open_in_the_server(
    engine: AsyncEngine, sql_subject: Subject, style: CancellationStyle
) -> None:
    book = a_book()
    await sql_subject.add_books(book)

    async def scenario() -> None:
        async with sql_subject.unit_of_work() as unit:
            loaded = await sql_subject.books(unit).get(book.id, for_update=True)
            loaded.rank = (loaded.rank or 0) + 1
            async with unit.savepoint():
                await sql_subject.books(unit).count()

    async def verify() -> None:
        async with asyncio.timeout(10), engine.connect() as connection:
            statement = sa.text(IN_TRANSACTION[engine.dialect.name])
            while (await connection.execute(statement)).scalar_one():
                await connection.rollback()  # the server learns a little later that a connection was closed

    assert await cancel_everywhere(scenario, verify, style=style) > 5


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_connection_asked_for_out_of_turn_leaves_no_coroutine_behind(
    sessions: async_sessionmaker[AsyncSession],
) -> None:
    unit = SqlAlchemyUnitOfWork(sessions)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnitOfWorkStateError, match="not open"):
            raise AssertionError(await unit.connection())
        gc.collect()
    async with unit:
        pass
    with pytest.raises(UnitOfWorkStateError, match="has ended"):
        raise AssertionError(await unit.connection())


model_metadata = sa.MetaData()


class SqlBooks(SqlAlchemyRepository[Book, BookId]):
    table = sa.Table(
        "model_books",
        model_metadata,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("isbn", sa.String(200), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("price_amount", sa.BigInteger, nullable=False),
        sa.Column("price_currency", sa.String(3), nullable=False),
        sa.Column("rank", sa.Integer),
        sa.Column("published_at", UtcDateTime),
        sa.UniqueConstraint("isbn", name="uq_books_isbn"),
        mysql_collate="utf8mb4_nopad_bin",
    )


class SqlNotes(SqlAlchemyRepository[Note, NoteId]):
    table = sa.Table(
        "model_notes",
        model_metadata,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("stars", sa.Integer, nullable=False),
        mysql_collate="utf8mb4_nopad_bin",
    )


@contextmanager
def side_by_side(urls: Mapping[str, str]) -> Generator[tuple[asyncio.Runner, OpenSubjects]]:
    """Databases with the tables of the model, emptied for each example."""
    engines = {name: create_async_engine(url) for name, url in urls.items()}

    async def every(work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        for engine in engines.values():
            async with engine.begin() as connection:
                await work(connection)

    async def create(connection: AsyncConnection) -> None:
        await connection.run_sync(model_metadata.create_all)

    async def empty(connection: AsyncConnection) -> None:
        for table in model_metadata.sorted_tables:
            await connection.execute(table.delete())

    async def drop(connection: AsyncConnection) -> None:
        await connection.run_sync(model_metadata.drop_all)

    @asynccontextmanager
    async def subjects() -> AsyncGenerator[Mapping[str, Subject]]:
        await every(empty)
        in_sql = {
            name: Subject(partial(SqlAlchemyUnitOfWork, session_factory(engine)), SqlBooks, SqlNotes)
            for name, engine in engines.items()
        }
        yield {"memory": Subject(partial(InMemoryUnitOfWork, InMemoryStore()), InMemoryBooks, InMemoryNotes), **in_sql}

    with asyncio.Runner() as runner:
        runner.run(every(create))
        yield runner, subjects
        runner.run(every(drop))
        for engine in engines.values():
            runner.run(engine.dispose())


def sqlite_url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'model.db'}"


class InMemoryBooks(InMemoryRepository[Book, BookId]):
    unique: UniqueKeys[Book] = {"uq_books_isbn": lambda b: b.isbn}


class InMemoryNotes(InMemoryRepository[Note, NoteId]):
    """Nothing to add."""


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_every_database_does_what_a_model_says(
    driver: str, tmp_path: Path, postgresql_url: str, mariadb_url: str
) -> None:
    """Random sequences of steps, side by side: the same results and the same errors at every step."""
    urls = {
        "sqlite": sqlite_url(tmp_path),
        driver: postgresql_url.replace("postgresql://", f"postgresql+{driver}://", 1),
        "asyncmy": mariadb_url.replace("mysql://", "mysql+asyncmy://", 1),
    }
    with side_by_side(urls) as (runner, subjects):
        compare_with_a_model(subjects, runner=runner, examples=15, steps=30)


def test_sqlite_keeps_tenants_apart(tmp_path: Path) -> None:
    with side_by_side({"sqlite": sqlite_url(tmp_path)}) as (runner, subjects):
        keep_tenants_apart(subjects, runner=runner, examples=40)


def test_servers_keep_tenants_apart(postgresql_url: str, mariadb_url: str) -> None:
    urls = {
        "asyncpg": postgresql_url.replace("postgresql://", "postgresql+asyncpg://", 1),
        "asyncmy": mariadb_url.replace("mysql://", "mysql+asyncmy://", 1),
    }
    with side_by_side(urls) as (runner, subjects):
        keep_tenants_apart(subjects, runner=runner, examples=10)
