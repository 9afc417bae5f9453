import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import create_async_engine
from cleanarch_kit.adapters.sqlalchemy.connecting.read_only import begin_read_only, reading_engine

metadata = sa.MetaData()
items = sa.Table("items", metadata, sa.Column("id", sa.Integer, primary_key=True))


@pytest.fixture
async def tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


async def test_the_database_refuses_a_change(engine: AsyncEngine, tables: None) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(begin_read_only)
        assert (await connection.execute(sa.select(items))).all() == []
        with pytest.raises(DBAPIError, match=r"(?i)read[ -]?only"):
            await connection.execute(items.insert(), {"id": 1})


async def test_the_pool_gets_its_connection_back_as_it_was(engine: AsyncEngine, tables: None) -> None:
    one = create_async_engine(engine.url, pool_size=1, max_overflow=0)
    async with one.connect() as connection:
        await connection.run_sync(begin_read_only)
        await connection.execute(sa.select(items))
    async with one.begin() as connection:
        await connection.execute(items.insert(), {"id": 1})
    await one.dispose()


async def test_a_connection_that_broke_is_not_restored(engine: AsyncEngine, tables: None) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(begin_read_only)
        await connection.execute(sa.select(items))
        await connection.invalidate()
    async with engine.begin() as connection:
        await connection.execute(items.insert(), {"id": 1})


@pytest.mark.parametrize("database", ["sqlite", "asyncpg", "psycopg"], indirect=True)
async def test_a_session_reads_through_an_engine_of_its_own(engine: AsyncEngine, tables: None) -> None:
    assert reading_engine(engine) is reading_engine(engine)
    async with reading_engine(engine).connect() as connection:
        with pytest.raises(DBAPIError, match=r"(?i)read[ -]?only"):
            await connection.execute(items.insert(), {"id": 1})
