"""The session of a unit of work writes and loads when the unit of work says so."""

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyUnitOfWork
from cleanarch_kit.adapters.sqlalchemy.orm.tracked_session import TrackedSession, tracked_session
from cleanarch_kit.errors import DefinitionError, DuplicateError, UnitOfWorkStateError

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Base(DeclarativeBase): ...


class Thing(Base):
    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]


@pytest.fixture(autouse=True)
async def own_tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def test_a_unit_of_work_has_one(sessions: async_sessionmaker[AsyncSession]) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        session = tracked_session(unit.transaction.connection)
        assert session is tracked_session(unit.transaction.connection)
        assert session.session is unit.session.sync_session
        assert not session.session.autoflush
        await unit.rollback()


async def test_an_object_of_another_session_is_refused(sessions: async_sessionmaker[AsyncSession]) -> None:
    async with sessions() as other, SqlAlchemyUnitOfWork(sessions) as unit:
        thing = Thing(id=1, name="theirs")
        other.add(thing)
        session = tracked_session(unit.transaction.connection)
        for attach in (session.attach, session.attach_new):
            with pytest.raises(UnitOfWorkStateError):
                attach(thing)
        there = Thing(id=2, name="there")
        unit.session.add(there)
        await unit.session.flush()
        session.attach(there)
        with pytest.raises(DuplicateError):
            session.attach_new(Thing(id=2, name="second"))
        await unit.rollback()
        other.expunge_all()


async def test_what_is_not_loaded_is_refused_where_it_cannot_be_awaited(
    sessions: async_sessionmaker[AsyncSession],
) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        tracked_session(unit.transaction.connection)
        thing = Thing(id=1, name="old")
        unit.session.add(thing)
        await unit.session.flush()
        unit.session.expire(thing)
        with pytest.raises(DefinitionError) as caught:
            _ = thing.name
        assert str(caught.value) == (
            "attributes of Thing were not loaded, or taken back with a savepoint: load it again"
        )
        await unit.session.refresh(thing)
        assert await unit.session.run_sync(lambda session: session.scalar(sa.select(Thing.name))) == "old"
        assert isinstance(tracked_session(unit.transaction.connection), TrackedSession)
        assert thing.name == "old"
        await unit.rollback()
