"""A unit of work never waits for one that waits for it."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.ext.asyncio import create_async_engine as plain_engine

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyUnitOfWork, create_async_engine, session_factory
from cleanarch_kit.adapters.sqlalchemy.connecting.single_writer import single_writer
from cleanarch_kit.errors import DefinitionError, UnitOfWorkStateError

Sessions = async_sessionmaker[AsyncSession]
sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@sqlite_only
async def test_a_second_writer_in_one_context_is_refused_at_once(sessions: Sessions) -> None:
    async with SqlAlchemyUnitOfWork(sessions):
        with pytest.raises(UnitOfWorkStateError) as caught:
            async with SqlAlchemyUnitOfWork(sessions):
                raise AssertionError("entered")
    assert str(caught.value) == (
        "a unit of work is open in this context on the same SQLite database, which has one writer, and this one would"
        " wait for it for ever: use the open one, or open this one with read_only=True"
    )


@sqlite_only
async def test_another_engine_on_the_same_file_is_the_same_database(engine: AsyncEngine, sessions: Sessions) -> None:
    other = create_async_engine(engine.url)
    async with SqlAlchemyUnitOfWork(sessions):
        with pytest.raises(UnitOfWorkStateError):
            async with SqlAlchemyUnitOfWork(session_factory(other)):
                raise AssertionError("entered")
    await other.dispose()


@sqlite_only
async def test_an_engine_with_other_options_is_as_well_prepared(engine: AsyncEngine, sessions: Sessions) -> None:
    traced = engine.execution_options(logging_token="traced")
    async with SqlAlchemyUnitOfWork(session_factory(traced)):
        with pytest.raises(UnitOfWorkStateError):
            async with SqlAlchemyUnitOfWork(sessions):
                raise AssertionError("entered")


async def test_a_database_in_memory_is_the_same_with_other_options() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    other = engine.execution_options(logging_token="traced")
    assert single_writer(engine.sync_engine) == single_writer(other.sync_engine)
    await engine.dispose()


@sqlite_only
async def test_it_is_seen_through_what_lies_between(sessions: Sessions, tmp_path: Path) -> None:
    elsewhere = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'elsewhere.db'}")
    async with SqlAlchemyUnitOfWork(sessions), SqlAlchemyUnitOfWork(session_factory(elsewhere)):
        with pytest.raises(UnitOfWorkStateError):
            async with SqlAlchemyUnitOfWork(sessions):
                raise AssertionError("entered")
    await elsewhere.dispose()


@sqlite_only
@pytest.mark.parametrize("outer", [True, False])
async def test_a_reader_needs_no_lock(sessions: Sessions, outer: bool) -> None:
    async with SqlAlchemyUnitOfWork(sessions, read_only=outer) as first:
        await (await first.connection()).execute(sa.text("SELECT 1"))
        async with SqlAlchemyUnitOfWork(sessions, read_only=not outer) as second:
            await (await second.connection()).execute(sa.text("SELECT 1"))


@sqlite_only
async def test_one_after_another_and_in_another_context_is_fine(sessions: Sessions) -> None:
    async def once() -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await (await unit.connection()).execute(sa.text("SELECT 1"))

    await once()
    await once()
    await asyncio.gather(once(), once())


@sqlite_only
async def test_joining_is_no_second_writer(sessions: Sessions) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit, unit:
        pass


@pytest.mark.parametrize("database", ["asyncpg", "asyncmy"], indirect=True)
async def test_servers_have_many_writers(sessions: Sessions) -> None:
    async with SqlAlchemyUnitOfWork(sessions), SqlAlchemyUnitOfWork(sessions):
        pass


async def test_a_database_in_memory_has_one_connection_for_all() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    sessions = session_factory(engine)
    async with SqlAlchemyUnitOfWork(sessions, read_only=True):
        with pytest.raises(UnitOfWorkStateError, match="in memory, which has one connection"):
            async with SqlAlchemyUnitOfWork(sessions, read_only=True):
                raise AssertionError("entered")
    await engine.dispose()


async def test_an_engine_of_another_make_is_refused_with_the_reason(tmp_path: Path) -> None:
    engine = plain_engine(f"sqlite+aiosqlite:///{tmp_path / 'plain.db'}")
    with pytest.raises(DefinitionError) as caught:
        SqlAlchemyUnitOfWork(async_sessionmaker(engine))
    assert str(caught.value) == (
        "this SQLite engine leaves transactions to Python's driver, which loses updates and savepoints:"
        " make it with cleanarch_kit's create_async_engine"
    )
    assert single_writer(sa.create_engine("postgresql+psycopg://")) is None
