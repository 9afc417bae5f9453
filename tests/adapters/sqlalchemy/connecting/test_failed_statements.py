"""A statement that failed leaves only the rollback, whether or not its error was swallowed."""

import asyncio
from contextlib import suppress

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyUnitOfWork, create_async_engine, session_factory
from cleanarch_kit.domain import DomainEvent
from cleanarch_kit.errors import UnitOfWorkStateError
from cleanarch_kit.testing import Subject
from cleanarch_kit.testing.contracts.subject import a_book

Sessions = async_sessionmaker[AsyncSession]


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items_of_ones_own"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


items = Base.metadata.tables["items_of_ones_own"]
postgresql = pytest.mark.parametrize("database", ["asyncpg", "psycopg"], indirect=True)


@pytest.fixture(autouse=True)
async def tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def stored(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as connection:
        return list((await connection.execute(sa.select(items.c.id).order_by(items.c.id))).scalars())


@pytest.mark.parametrize("through", ["session", "connection"])
async def test_a_swallowed_error_never_looks_committed(engine: AsyncEngine, sessions: Sessions, through: str) -> None:
    followed = False

    async def follow(*events: DomainEvent) -> None:
        nonlocal followed
        followed = True

    with pytest.raises(UnitOfWorkStateError, match="a statement of this unit of work has failed"):
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            unit.after_commit(follow)
            doer = unit.session if through == "session" else await unit.connection()
            await doer.execute(items.insert(), {"id": 1})
            with suppress(DBAPIError):
                await doer.execute(items.insert(), {"id": 1})
    assert await stored(engine) == []
    assert not followed


async def test_a_savepoint_heals_it(engine: AsyncEngine, sessions: Sessions) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        connection = await unit.connection()
        await connection.execute(items.insert(), {"id": 1})
        with suppress(DBAPIError):
            async with unit.savepoint():
                await connection.execute(items.insert(), {"id": 1})
        with suppress(DBAPIError):
            async with connection.begin_nested():
                await connection.execute(items.insert(), {"id": 1})
        with suppress(DBAPIError):
            async with unit.session.begin_nested():
                await unit.session.execute(items.insert(), {"id": 1})
        await unit.session.execute(items.insert(), {"id": 2})
    assert await stored(engine) == [1, 2]


async def test_a_session_that_was_rolled_back_has_nothing_to_commit(engine: AsyncEngine, sessions: Sessions) -> None:
    with pytest.raises(UnitOfWorkStateError, match="can only be rolled back"):
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await unit.session.execute(items.insert(), {"id": 1})
            await unit.session.rollback()
            with suppress(UnitOfWorkStateError):
                await unit.session.execute(items.insert(), {"id": 2})
    assert await stored(engine) == []


async def test_what_a_session_cannot_write_can_be_swallowed_in_a_savepoint_only(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        unit.session.add(Item(id=1))
        await unit.session.flush()
        with suppress(DBAPIError):
            async with unit.savepoint():
                await unit.session.execute(items.insert(), {"id": 1})
        unit.session.add(Item(id=2))
    with pytest.raises(UnitOfWorkStateError, match="can only be rolled back"):
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            session = unit.session
            await session.execute(items.insert(), {"id": 3})
            session.add(Item(id=1))
            with suppress(DBAPIError):
                await session.flush()
    assert await stored(engine) == [1, 2]


async def test_a_session_first_made_in_a_savepoint_goes_on_after_what_it_could_not_write(
    engine: AsyncEngine, sessions: Sessions
) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await (await unit.connection()).execute(items.insert(), {"id": 1})
        with suppress(DBAPIError):
            async with unit.savepoint():
                unit.session.add(Item(id=1))
                await unit.session.flush()
        session = unit.session
        session.add(Item(id=2))
        with pytest.raises(UnitOfWorkStateError):
            async with unit.savepoint():
                session.add(Item(id=1))
                with suppress(DBAPIError):
                    await session.flush()
        session.add(Item(id=3))
    assert await stored(engine) == [1, 2, 3]


@postgresql
async def test_the_next_statement_says_what_happened(sql_subject: Subject, sessions: Sessions) -> None:
    with pytest.raises(UnitOfWorkStateError, match="a statement of this unit of work has failed"):
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            with suppress(DBAPIError):
                await (await unit.connection()).execute(sa.text("SELECT 1 / 0"))
            await sql_subject.books(unit).add(a_book())


@postgresql
async def test_a_savepoint_that_was_not_taken_back_heals_nothing(engine: AsyncEngine, sessions: Sessions) -> None:
    with pytest.raises(UnitOfWorkStateError, match="a statement of this unit of work has failed"):
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            connection = await unit.connection()
            await connection.execute(items.insert(), {"id": 1})
            savepoint = await connection.begin_nested()
            with suppress(DBAPIError):
                await connection.execute(items.insert(), {"id": 1})
            with suppress(DBAPIError):
                await savepoint.commit()
    assert await stored(engine) == []


@pytest.mark.parametrize("database", ["asyncmy"], indirect=True)
async def test_a_swallowed_deadlock_takes_the_savepoints_along(engine: AsyncEngine, sessions: Sessions) -> None:
    async with engine.begin() as connection:
        await connection.execute(items.insert(), [{"id": 1}, {"id": 2}])
    both = asyncio.Barrier(2)

    async def lock(first: int, second: int, own: int) -> str:
        try:
            async with SqlAlchemyUnitOfWork(sessions) as unit:
                connection = await unit.connection()
                await connection.execute(items.insert(), {"id": own})
                savepoint = await connection.begin_nested()
                await connection.execute(sa.select(items).where(items.c.id == first).with_for_update())
                await both.wait()
                with suppress(DBAPIError):
                    await connection.execute(sa.select(items).where(items.c.id == second).with_for_update())
                with suppress(DBAPIError):
                    await savepoint.rollback()
        except UnitOfWorkStateError:
            return "refused"
        return f"committed {own}"

    outcomes = await asyncio.gather(lock(1, 2, 3), lock(2, 1, 4))
    assert sorted(outcomes)[1] == "refused"
    assert await stored(engine) == [1, 2, int(min(outcomes)[-1])]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_full_disk_takes_the_savepoints_along(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        pages = (await connection.execute(sa.text("PRAGMA page_count"))).scalar_one()
    tight = create_async_engine(engine.url, pool_size=1, max_overflow=0)
    async with tight.connect() as connection:
        await connection.execute(sa.text(f"PRAGMA max_page_count={pages}"))
    with pytest.raises(UnitOfWorkStateError, match="a statement of this unit of work has failed"):
        async with SqlAlchemyUnitOfWork(session_factory(tight)) as unit:
            connection = await unit.connection()
            savepoint = await connection.begin_nested()
            with suppress(DBAPIError):
                await connection.execute(items.insert(), [{"id": number} for number in range(5_000)])
            with suppress(DBAPIError):
                await savepoint.rollback()
            await connection.execute(items.insert(), {"id": 7})
    await tight.dispose()


async def test_units_of_work_that_swallowed_nothing_are_not_concerned(engine: AsyncEngine, sessions: Sessions) -> None:
    async with engine.connect() as other:
        async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
            assert (await unit.connection()).dialect.name
        with suppress(DBAPIError):
            await other.execute(sa.text("SELECT nothing FROM nowhere"))
        await other.rollback()
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await unit.session.execute(items.insert(), {"id": 1})
    assert await stored(engine) == [1]
