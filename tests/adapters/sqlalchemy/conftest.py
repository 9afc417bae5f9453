"""Databases for the tests of this package: one of each kind, empty at the beginning of every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import create_async_engine, session_factory

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
