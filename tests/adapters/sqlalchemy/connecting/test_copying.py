"""What fails while rows are copied comes out as it would of an INSERT."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy.connecting.copying import can_copy, copy_rows
from cleanarch_kit.adapters.sqlalchemy.connecting.driver_errors import translate
from cleanarch_kit.errors import CleanArchError, DuplicateError, RefusedValueError, TransientError

pytestmark = pytest.mark.parametrize("database", ["asyncpg", "psycopg"], indirect=True)

metadata = sa.MetaData()
rows = sa.Table(
    'odd "rows"',
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column('the "text"', sa.String(5), unique=True),
)


@pytest.fixture(autouse=True)
async def table(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


async def problem(engine: AsyncEngine, *values: tuple[object, object]) -> CleanArchError | None:
    async with engine.connect() as connection:
        assert await connection.run_sync(can_copy, rows)
        with pytest.raises(SQLAlchemyError) as caught:
            await connection.run_sync(copy_rows, rows, list(rows.columns), list(values))
    return translate(caught.value, metadata)


async def test_names_are_quoted_and_the_transaction_is_that_of_the_connection(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        for value in ("taken back", "kept"):
            assert await connection.run_sync(can_copy, rows)
            await connection.run_sync(copy_rows, rows, list(rows.columns), [(1, value[:5]), (2, None)])
            await (connection.commit() if value == "kept" else connection.rollback())
        assert (await connection.execute(sa.select(rows).order_by(rows.c.id))).all() == [(1, "kept"), (2, None)]


async def test_errors_are_told_as_those_of_statements(engine: AsyncEngine) -> None:
    duplicate = await problem(engine, (1, "a"), (1, "b"))
    assert isinstance(duplicate, DuplicateError)
    assert duplicate.constraint == "primary_key"
    for value in ("canary", "c\0", "\ud800"):
        refused = await problem(engine, (1, value))
        assert isinstance(refused, RefusedValueError)
        assert "canary" not in str(refused)


async def test_a_lost_connection_is_told_as_one(engine: AsyncEngine) -> None:
    async with engine.connect() as connection, engine.connect() as other:
        backend = (await connection.execute(sa.text("SELECT pg_backend_pid()"))).scalar_one()
        await other.execute(sa.text("SELECT pg_terminate_backend(:backend, 1000)"), {"backend": backend})
        with pytest.raises(DBAPIError) as caught:
            await connection.run_sync(copy_rows, rows, list(rows.columns), [(1, "a")])
        assert isinstance(translate(caught.value), TransientError)


async def test_a_view_is_not_copied_into(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TEMPORARY VIEW seen AS SELECT 1 AS id"))
        assert not await connection.run_sync(can_copy, sa.Table("seen", sa.MetaData()))
