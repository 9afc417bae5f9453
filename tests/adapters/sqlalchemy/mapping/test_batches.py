"""Many rows in one trip, and the one that was overtaken is found."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyRepository, SqlAlchemyUnitOfWork, UtcDateTime
from cleanarch_kit.domain import AggregateRoot, Email, EntityId
from cleanarch_kit.errors import ConcurrencyError, NotFoundError, RefusedValueError


class ThingId(EntityId): ...


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(kw_only=True)
class Thing(AggregateRoot[ThingId]):
    name: str
    size: Decimal = Decimal(1)
    weight: float | None = None
    seen_at: datetime | None = None
    born: date | None = None
    good: bool = True
    email: Email | None = None
    color: Color = Color.RED
    tags: list[str] = field(default_factory=list[str])


@dataclass
class Loose:
    id: int
    name: str


metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.String(10), nullable=False),
    sa.Column("size", sa.Numeric(10, 2), nullable=False),
    sa.Column("weight", sa.Double),
    sa.Column("seen_at", UtcDateTime),
    sa.Column("born", sa.Date),
    sa.Column("good", sa.Boolean, nullable=False),
    sa.Column("email", sa.String(50)),
    sa.Column("color", sa.Enum(Color, native_enum=False), nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
)
loose = sa.Table(
    "loose",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(10), nullable=False),
)
Sessions = async_sessionmaker[AsyncSession]


class SqlThings(SqlAlchemyRepository[Thing, ThingId]):
    table = things


class SqlLoose(SqlAlchemyRepository[Loose, int]):
    table = loose


@pytest.fixture
async def stored(engine: AsyncEngine, sessions: Sessions) -> list[Thing]:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    made = [Thing(id=ThingId.new(), name=f"t{at}") for at in range(6)]
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await SqlThings(unit).add_all(made)
        await SqlLoose(unit).add_all([Loose(at, "x") for at in range(3)])
    return made


async def test_values_of_every_type_are_written(sessions: Sessions, stored: list[Thing]) -> None:
    at = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        for number, thing in enumerate(await SqlThings(unit).list(order_by=lambda t: t.name)):
            thing.name = f"n{number}"
            thing.size = Decimal("2.50") + number
            thing.weight = None if number % 2 else 0.1
            thing.seen_at = at if number % 2 else None
            thing.born = date(2000, 1, 1)
            thing.good = False
            thing.email = Email("a@b.example") if number % 3 else None
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        found = await SqlThings(unit).list(order_by=lambda t: t.name)
    assert [thing.version for thing in found] == [2] * 6
    assert [thing.size for thing in found] == [Decimal("2.50") + number for number in range(6)]
    assert [thing.seen_at for thing in found] == [at if number % 2 else None for number in range(6)]
    assert [thing.weight for thing in found] == [None if number % 2 else 0.1 for number in range(6)]
    assert {thing.good for thing in found} == {False}


async def test_values_that_fit_no_array_are_written_one_by_one(sessions: Sessions, stored: list[Thing]) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        for thing in await SqlThings(unit).list():
            thing.tags = [thing.name]
            thing.color = Color.BLUE
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        found = await SqlThings(unit).list()
    assert all(thing.tags == [thing.name] and thing.color is Color.BLUE for thing in found)


async def test_they_cost_one_statement(engine: AsyncEngine, sessions: Sessions, stored: list[Thing]) -> None:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    async with SqlAlchemyUnitOfWork(sessions) as unit:
        for thing in await SqlThings(unit).list():
            thing.name = "same"
        event.listen(engine.sync_engine, "before_cursor_execute", note)
    assert len(statements) == 1


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
async def test_the_one_that_was_overtaken_is_named(sessions: Sessions, stored: list[Thing]) -> None:
    overtaken = stored[3]
    with pytest.raises(ConcurrencyError) as caught:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            for thing in await SqlThings(unit).list():
                thing.name = "mine"
            async with SqlAlchemyUnitOfWork(sessions) as other:
                (await SqlThings(other).get(overtaken.id)).name = "theirs"
                (await SqlThings(other).get(overtaken.id)).size = Decimal(7)
    assert caught.value.id == overtaken.id


async def test_one_without_a_version_that_is_gone_is_named(sessions: Sessions, stored: list[Thing]) -> None:
    with pytest.raises(NotFoundError) as caught:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            for row in await SqlLoose(unit).list():
                row.name = "changed"
            connection = await unit.connection()
            await connection.execute(loose.delete().where(loose.c.id == 1))
    assert caught.value.id == 1


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
async def test_what_is_too_long_is_refused_and_not_cut(sessions: Sessions, stored: list[Thing]) -> None:
    with pytest.raises(RefusedValueError, match="too long"):
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            for thing in await SqlThings(unit).list():
                thing.name = "longer than ten"
