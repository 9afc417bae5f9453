import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from cleanarch_kit.adapters.sqlalchemy import create_async_engine, session_factory
from cleanarch_kit.adapters.sqlalchemy.connecting.sqlite import READ_ONLY
from cleanarch_kit.adapters.sqlalchemy.engine import OwnedPool
from cleanarch_kit.errors import EngineOwnershipError

metadata = sa.MetaData()
items = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent", sa.Integer, sa.ForeignKey("items.id", name="fk_items_parent")),
)

sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
servers_only = pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
pooled_servers = pytest.mark.parametrize("database", ["asyncpg", "asyncmy"], indirect=True)


@pytest.fixture
async def tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


async def scalar(engine: AsyncEngine, statement: str) -> Any:
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
    url = f"sqlite+aiosqlite:///{tmp_path / 'new.db'}"
    script = Path(__file__).with_name("sqlite_writer.py")
    writers = [
        await asyncio.create_subprocess_exec(sys.executable, script, url, "50", stdin=PIPE, stdout=PIPE)
        for _ in range(4)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert await writer.stdout.readline() == b"ready\n"
    await asyncio.gather(*(writer.communicate(b"go\n") for writer in writers))
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    engine = create_async_engine(url)
    assert await scalar(engine, "SELECT value FROM counters") == 200
    await engine.dispose()


@servers_only
async def test_servers_read_what_is_committed(engine: AsyncEngine, tables: None) -> None:
    async with engine.connect() as reader:
        assert await reader.get_isolation_level() == "READ COMMITTED"
        await reader.execute(sa.select(items))
        async with engine.begin() as writer:
            await writer.execute(items.insert(), {"id": 1})
        assert (await reader.execute(sa.select(sa.func.count()).select_from(items))).scalar() == 1


@servers_only
async def test_a_read_only_connection_refuses_changes(engine: AsyncEngine, tables: None) -> None:
    readers = engine.execution_options(**{READ_ONLY: True, "postgresql_readonly": True})
    async with readers.connect() as connection:
        with pytest.raises(DBAPIError, match=r"(?i)read[ -]only"):
            await connection.execute(items.insert(), {"id": 1})
    async with engine.begin() as connection:
        await connection.execute(items.insert(), {"id": 1})


@servers_only
async def test_a_pooled_connection_that_was_killed_is_replaced_unseen(engine: AsyncEngine) -> None:
    on_postgresql = engine.dialect.name == "postgresql"
    own_id = "SELECT pg_backend_pid()" if on_postgresql else "SELECT connection_id()"
    pooled = await scalar(engine, own_id)
    killer = create_async_engine(engine.url, poolclass=NullPool)
    async with killer.connect() as connection:
        kill = f"SELECT pg_terminate_backend({pooled})" if on_postgresql else f"KILL {pooled}"
        await connection.execute(sa.text(kill))
    assert await scalar(engine, own_id) != pooled
    await killer.dispose()


async def test_parameters_stay_out_of_errors(engine: AsyncEngine, tables: None) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with engine.begin() as connection:
            await connection.execute(sa.text("INSERT INTO nowhere VALUES (:secret)"), {"secret": "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert "SQL parameters hidden" in str(caught.value)


def test_a_second_event_loop_is_refused_and_told_what_to_do(database_url: str) -> None:
    engine = create_async_engine(database_url)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(scalar(engine, "SELECT 1"))
        with pytest.raises(EngineOwnershipError) as caught:
            second.run(scalar(engine, "SELECT 1"))
        first.run(engine.dispose())
        second.run(scalar(engine, "SELECT 1"))
        second.run(engine.dispose())
    assert str(caught.value) == (
        "this engine belongs to another event loop: create one engine per event loop,"
        " or end the first loop's work with `await engine.dispose()`"
    )


def in_child(work: Callable[[], bool]) -> int:
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)  # the child must never return into pytest
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
async def test_a_forked_process_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'fork.db'}")
    assert await scalar(engine, "SELECT 1") == 1

    def refused() -> bool:
        try:
            engine.sync_engine.pool.connect()
        except EngineOwnershipError as error:
            return str(error) == (
                "this engine had connections before the process forked:"
                " call engine.sync_engine.dispose(close=False) in the child, or create the engine there"
            )
        return False

    assert in_child(refused) == 0
    await engine.dispose()


def test_a_pool_of_ones_own_is_left_alone() -> None:
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=NullPool)
    assert not isinstance(engine.pool, OwnedPool)


async def test_sessions_keep_what_they_loaded_after_a_commit(engine: AsyncEngine) -> None:
    assert session_factory(engine).kw["expire_on_commit"] is False
