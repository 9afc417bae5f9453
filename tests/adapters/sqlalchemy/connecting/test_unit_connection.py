"""One connection, with or without a session over it."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyUnitOfWork
from cleanarch_kit.errors import UnitOfWorkStateError

Sessions = async_sessionmaker[AsyncSession]


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(sa.String(50))


@pytest.fixture
async def tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def names(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        return list((await connection.execute(sa.select(Item.name).order_by(Item.id))).scalars())


@pytest.mark.usefixtures("tables")
class TestUnitConnection:
    async def test_orm_objects_are_committed(self, engine: AsyncEngine, sessions: Sessions) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            unit.session.add(Item(id=1, name="a"))
            assert not unit.changed
            await unit.session.flush()
            assert unit.changed
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            unit.session.add(Item(id=2, name="b"))
        assert await names(engine) == ["a", "b"]

    async def test_orm_objects_are_rolled_back(self, engine: AsyncEngine, sessions: Sessions) -> None:
        with pytest.raises(RuntimeError):
            async with SqlAlchemyUnitOfWork(sessions) as unit:
                unit.session.add(Item(id=1, name="a"))
                await unit.session.flush()
                raise RuntimeError
        assert await names(engine) == []

    async def test_a_session_joins_the_connection_that_there_is(self, engine: AsyncEngine, sessions: Sessions) -> None:
        insert = sa.insert(Item)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await (await unit.connection()).execute(insert, {"id": 1, "name": "a"})
            assert (await unit.session.scalars(sa.select(Item.name))).all() == ["a"]
            unit.session.add(Item(id=2, name="b"))
        with pytest.raises(RuntimeError):
            async with SqlAlchemyUnitOfWork(sessions) as unit:
                await (await unit.connection()).execute(insert, {"id": 3, "name": "c"})
                await unit.session.execute(insert, {"id": 4, "name": "d"})
                raise RuntimeError
        assert await names(engine) == ["a", "b"]

    async def test_a_connection_joins_the_session_that_there_is(self, engine: AsyncEngine, sessions: Sessions) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await unit.session.execute(sa.insert(Item), {"id": 1, "name": "a"})
            found = await (await unit.connection()).execute(sa.select(Item.name))
            assert found.scalars().all() == ["a"]
            assert unit.changed
        assert await names(engine) == ["a"]

    @pytest.mark.parametrize("session_first", [True, False])
    async def test_savepoints_take_back_what_the_session_wrote(
        self, engine: AsyncEngine, sessions: Sessions, session_first: bool
    ) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            if session_first:
                unit.session.add(Item(id=1, name="kept"))
            else:
                await (await unit.connection()).execute(sa.insert(Item), {"id": 1, "name": "kept"})
            with pytest.raises(RuntimeError):
                async with unit.savepoint():
                    unit.session.add(Item(id=2, name="lost"))
                    await unit.session.flush()
                    raise RuntimeError
            async with unit.savepoint():
                await unit.session.execute(sa.insert(Item), {"id": 3, "name": "also kept"})
        assert await names(engine) == ["kept", "also kept"]

    async def test_a_savepoint_beside_an_idle_session_takes_back_what_others_wrote(
        self, engine: AsyncEngine, sessions: Sessions
    ) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            unit.session.add(Item(id=1, name="kept"))
            with pytest.raises(RuntimeError):
                async with unit.savepoint():
                    await (await unit.connection()).execute(sa.insert(Item), {"id": 2, "name": "lost"})
                    raise RuntimeError
        assert await names(engine) == ["kept"]

    async def test_a_session_first_made_in_a_savepoint_is_taken_back_with_it(
        self, engine: AsyncEngine, sessions: Sessions
    ) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            with pytest.raises(RuntimeError):
                async with unit.savepoint():
                    unit.session.add(Item(id=1, name="written"))
                    await unit.session.flush()
                    async with unit.savepoint():
                        unit.session.add(Item(id=2, name="waiting"))
                    unit.session.add(Item(id=3, name="waiting"))
                    raise RuntimeError
            assert await unit.session.get(Item, 1) is None
            unit.session.add(Item(id=4, name="kept"))
        assert await names(engine) == ["kept"]

    async def test_a_read_only_unit_refuses_what_a_session_writes(
        self, engine: AsyncEngine, sessions: Sessions
    ) -> None:
        async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
            assert (await unit.session.scalars(sa.select(Item.name))).all() == []
            with pytest.raises(UnitOfWorkStateError, match="read-only"):
                await unit.session.execute(sa.insert(Item), {"id": 1, "name": "a"})
        assert await names(engine) == []

    async def test_a_read_only_unit_reads_by_text_and_lets_the_database_refuse_the_rest(
        self, engine: AsyncEngine, sessions: Sessions
    ) -> None:
        async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
            assert (await unit.session.execute(sa.text("SELECT 1"))).scalar_one() == 1
        with pytest.raises(DBAPIError):
            async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
                await unit.session.execute(sa.text("INSERT INTO items (id, name) VALUES (1, 'a')"))
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await unit.session.execute(sa.text("SELECT 1"))
            assert unit.changed  # nobody knows what text does
        assert await names(engine) == []

    async def test_what_a_session_only_reads_is_no_change(self, sessions: Sessions) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await unit.session.scalars(sa.select(Item.name))
            assert unit.session is unit.session
            assert not unit.changed
