import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import create_async_engine
from cleanarch_kit.adapters.sqlalchemy.connecting.read_only import READ_ONLY

metadata = sa.MetaData()
items = sa.Table("items", metadata, sa.Column("id", sa.Integer, primary_key=True))

sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
async def tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


async def scalar(engine: AsyncEngine, statement: str) -> object:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(statement))).scalar()


@sqlite_only
async def test_sqlite_gets_its_pragmas(engine: AsyncEngine) -> None:
    assert await scalar(engine, "PRAGMA journal_mode") == "wal"
    assert await scalar(engine, "PRAGMA foreign_keys") == 1
    assert await scalar(engine, "PRAGMA busy_timeout") == 5000


@sqlite_only
async def test_a_savepoint_as_first_statement_goes_with_the_rollback_around_it(
    engine: AsyncEngine, tables: None
) -> None:
    async with engine.connect() as connection:
        async with connection.begin_nested():
            await connection.execute(items.insert(), {"id": 1})
        await connection.rollback()
    assert await scalar(engine, "SELECT count(*) FROM items") == 0


@sqlite_only
async def test_a_writer_holds_the_write_lock_from_its_first_statement(engine: AsyncEngine, tables: None) -> None:
    async with engine.connect() as first:
        await first.execute(sa.select(items))
        impatient = create_async_engine(engine.url, connect_args={"timeout": 0})
        async with impatient.connect() as second:
            with pytest.raises(OperationalError, match="database is locked"):
                await second.execute(sa.select(items))
        await impatient.dispose()


@sqlite_only
async def test_a_reader_waits_for_no_writer_and_cannot_write(engine: AsyncEngine, tables: None) -> None:
    readers = engine.execution_options(**{READ_ONLY: True})
    async with engine.connect() as writer, readers.connect() as reader:
        await writer.execute(items.insert(), {"id": 1})
        assert (await reader.execute(sa.select(sa.func.count()).select_from(items))).scalar() == 0
        with pytest.raises(OperationalError, match="readonly database"):
            await reader.execute(items.insert(), {"id": 2})


@sqlite_only
async def test_a_connection_that_was_read_only_writes_again(engine: AsyncEngine, tables: None) -> None:
    one = create_async_engine(engine.url, pool_size=1, max_overflow=0)
    async with one.execution_options(**{READ_ONLY: True}).connect() as connection:
        await connection.execute(sa.select(items))
    async with one.begin() as connection:
        await connection.execute(items.insert(), {"id": 1})
    await one.dispose()
    assert await scalar(engine, "SELECT count(*) FROM items") == 1


@sqlite_only
async def test_autocommit_begins_nothing(engine: AsyncEngine) -> None:
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(sa.text("VACUUM"))


async def test_a_database_in_memory_has_one_connection_used_in_turn() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)

    async def add(number: int) -> None:
        async with engine.begin() as connection:
            await connection.execute(items.insert(), {"id": number})
            await asyncio.sleep(0)

    await asyncio.gather(*map(add, range(5)))
    assert await scalar(engine, "SELECT count(*) FROM items") == 5
    await engine.dispose()


async def test_processes_that_open_a_new_file_at_once_lose_no_update(tmp_path: Path) -> None:
    """They wait for each other's write lock: none reads, is overtaken, and fails with SQLITE_BUSY_SNAPSHOT."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'new.db'}"
    script = Path(__file__).with_name("sqlite_writer.py")
    writers = [
        await asyncio.create_subprocess_exec(sys.executable, script, url, "40", stdin=PIPE, stdout=PIPE)
        for _ in range(6)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert await writer.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(writer.communicate(b"go\n") for writer in writers))
    told = [output.decode().strip() for output, _ in outputs]
    assert [line for line in told if not line.startswith("40 ") or "SNAPSHOT" in line] == []
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        (tally,) = await connection.execute(sa.text("SELECT value, version FROM tallies"))
    assert tuple(tally) == (240, 241)
    await engine.dispose()
