"""Databases for the tests of this package: one of each kind, empty at the beginning of every test."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.pool import AsyncAdaptedQueuePool

from cleanarch_kit.adapters.sqlalchemy import (
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    UtcDateTime,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.application import SortFields
from cleanarch_kit.testing import Book, BookId, Note, NoteId, Subject

DATABASES = ("sqlite", "asyncpg", "psycopg", "asyncmy")


def url_of(database: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a database that this run may do anything with."""
    if database == "sqlite":
        return f"sqlite+aiosqlite:///{folder / 'test.db'}"
    if database == "asyncmy":
        url: str = request.getfixturevalue("mariadb_url")
        return url.replace("mysql://", "mysql+asyncmy://", 1)
    url = request.getfixturevalue("postgresql_url")
    return url.replace("postgresql://", f"postgresql+{database}://", 1)


async def drop_everything(engine: AsyncEngine) -> None:
    """Leave an empty database to the next test."""
    metadata = sa.MetaData()
    async with engine.begin() as connection:
        await connection.run_sync(metadata.reflect)
        await connection.run_sync(metadata.drop_all)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Name of the driver under test; parametrise it indirectly to choose some."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, with the driver."""
    return url_of(database, request, tmp_path)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on an empty database; what a test leaves there is dropped."""
    engine = create_async_engine(database_url)
    yield engine
    await drop_everything(engine)
    await engine.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """The factory of sessions that units of work take."""
    return session_factory(engine)


contract_metadata = sa.MetaData()
books = sa.Table(
    "books",
    contract_metadata,
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
notes = sa.Table(
    "notes",
    contract_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("text", sa.String(200), nullable=False),
    sa.Column("stars", sa.Integer, nullable=False),
    mysql_collate="utf8mb4_nopad_bin",
)


class SqlBooks(SqlAlchemyRepository[Book, BookId]):
    table = books
    sort_fields: SortFields[Book] = {"title": lambda b: b.title, "rank": lambda b: b.rank}


class SqlNotes(SqlAlchemyRepository[Note, NoteId]):
    table = notes


@pytest.fixture
async def sql_subject(engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]) -> Subject:
    """The adapter under test, for the contracts."""
    async with engine.begin() as connection:
        await connection.run_sync(contract_metadata.create_all)

    def checked_out() -> int:
        pool = engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        return pool.checkedout()

    return Subject(partial(SqlAlchemyUnitOfWork, sessions), SqlBooks, SqlNotes, checked_out)
