import asyncio
import logging

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyUnitOfWork, session_factory
from cleanarch_kit.adapters.sqlalchemy.messaging.unless_present import insert_unless_present

metadata = sa.MetaData()
table = sa.Table("marks", metadata, sa.Column("name", sa.String(10), primary_key=True), sa.Column("n", sa.Integer))
strict = sa.Table(
    "strict_marks", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer, nullable=False)
)


@pytest.fixture(autouse=True)
async def tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


async def test_a_row_is_inserted_once_and_the_transaction_goes_on(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with engine.begin() as connection:
        inserted = [await connection.run_sync(insert_unless_present, table, {"name": "a", "n": n}) for n in range(3)]
        inserted.append(await connection.run_sync(insert_unless_present, table, {"name": "b", "n": 0}))
    assert inserted == [True, False, False, True]
    async with engine.connect() as connection:
        rows = await connection.execute(sa.select(table).order_by(table.c.name))
        assert [tuple(row) for row in rows] == [("a", 0), ("b", 0)]
    assert "Duplicate" not in caplog.text


async def test_a_duplicate_is_no_error_of_its_unit_of_work(engine: AsyncEngine) -> None:
    async with SqlAlchemyUnitOfWork(session_factory(engine)) as unit:
        await unit.session.execute(table.insert(), {"name": "a", "n": 1})
        assert not await (await unit.connection()).run_sync(insert_unless_present, table, {"name": "a", "n": 2})
    async with engine.connect() as connection:
        assert (await connection.execute(sa.select(table.c.n))).scalar_one() == 1


async def test_it_waits_for_a_transaction_that_has_the_key(engine: AsyncEngine, database: str) -> None:
    if database == "sqlite":
        pytest.skip("SQLite has one writer at a time")

    async def second() -> bool:
        async with engine.begin() as connection:
            return await connection.run_sync(insert_unless_present, table, {"name": "a", "n": 2})

    async with engine.connect() as first:
        assert await first.run_sync(insert_unless_present, table, {"name": "a", "n": 1})
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await first.rollback()
        assert await waiting


async def test_what_breaks_another_rule_is_an_error(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError):
        async with engine.begin() as connection:
            await connection.run_sync(insert_unless_present, strict, {"id": 1, "n": None})
