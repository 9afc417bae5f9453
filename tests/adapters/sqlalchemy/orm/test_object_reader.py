"""What comes one after another comes in pages, whose objects are in no session."""

from contextlib import aclosing

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, object_session

from cleanarch_kit.adapters.sqlalchemy import OrmRepository, SqlAlchemyUnitOfWork
from cleanarch_kit.adapters.sqlalchemy.orm import object_reader
from cleanarch_kit.errors import UnitOfWorkStateError

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Base(DeclarativeBase): ...


class Row(Base):
    __tablename__ = "rows"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rank: Mapped[int | None]


class Rows(OrmRepository[Row, int]):
    """Nothing to add."""


async def test_no_object_is_left_out_or_given_twice(
    engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_reader, "_OBJECTS_AT_ONCE", 3)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        ranks = [{"id": number, "rank": number % 3 or None} for number in range(10)]
        await connection.execute(sa.insert(Row), ranks)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        rows = [row async for row in Rows(unit).stream(order_by=lambda r: r.rank)]
        assert [row.id for row in rows] == [1, 4, 7, 2, 5, 8, 0, 3, 6, 9]
        assert {object_session(row) for row in rows} == {None}
        async with aclosing(Rows(unit).stream()) as stream:
            assert (await anext(stream)).id == 0
        assert await Rows(unit).count() == 10
        left = Rows(unit).stream()
        assert (await anext(left)).id == 0
    with pytest.raises(UnitOfWorkStateError):
        [row async for row in left]
