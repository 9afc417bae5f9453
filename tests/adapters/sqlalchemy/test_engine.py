import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyUnitOfWork, create_async_engine, session_factory
from cleanarch_kit.adapters.sqlalchemy.engine import OwnedPool
from cleanarch_kit.errors import EngineOwnershipError

metadata = sa.MetaData()
items = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent", sa.Integer, sa.ForeignKey("items.id", name="fk_items_parent")),
)

servers_only = pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)


@pytest.fixture
async def tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


async def scalar(engine: AsyncEngine, statement: str) -> Any:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(statement))).scalar()


@servers_only
async def test_servers_read_what_is_committed(engine: AsyncEngine, tables: None) -> None:
    async with engine.connect() as reader:
        assert await reader.get_isolation_level() == "READ COMMITTED"
        await reader.execute(sa.select(items))
        async with engine.begin() as writer:
            await writer.execute(items.insert(), {"id": 1})
        assert (await reader.execute(sa.select(sa.func.count()).select_from(items))).scalar() == 1


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


@pytest.mark.parametrize("database", ["sqlite", "asyncpg"], indirect=True)
def test_a_unit_of_work_on_a_second_event_loop_is_told_the_same(database_url: str) -> None:
    engine = create_async_engine(database_url)

    async def read() -> None:
        async with SqlAlchemyUnitOfWork(session_factory(engine)) as unit:
            await (await unit.connection()).execute(sa.text("SELECT 1"))

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(read())
        with pytest.raises(EngineOwnershipError, match="create one engine per event loop"):
            second.run(read())
        first.run(engine.dispose())


def in_child(work: Callable[[], bool]) -> int:
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)  # the child must never return into pytest
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
async def test_a_forked_process_is_refused_and_told_what_to_do(engine: AsyncEngine) -> None:
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
    assert await scalar(engine, "SELECT 1") == 1  # the parent's connections are none the worse for it


def test_a_pool_of_ones_own_is_left_alone() -> None:
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=NullPool)
    assert not isinstance(engine.pool, OwnedPool)


async def test_sessions_keep_what_they_loaded_after_a_commit(engine: AsyncEngine) -> None:
    assert session_factory(engine).kw["expire_on_commit"] is False
