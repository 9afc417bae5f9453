"""However rows get into a table, what is stored and what is refused is the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.pool import AsyncAdaptedQueuePool

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyRepository, SqlAlchemyUnitOfWork, UtcDateTime, session_factory
from cleanarch_kit.adapters.sqlalchemy.mapping.insertion import COPIED, MANY
from cleanarch_kit.domain import AggregateRoot, Email, EntityId
from cleanarch_kit.errors import DuplicateError, InvalidValueError, StorageError
from cleanarch_kit.testing import cancel_everywhere


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
    picture: bytes | None = None
    number: int = 0


metadata = sa.MetaData()
things = sa.Table(
    "many things",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.String(20), nullable=False),
    sa.Column("size", sa.Numeric(38, 9), nullable=False),
    sa.Column("weight", sa.Double),
    sa.Column("seen_at", UtcDateTime),
    sa.Column("born", sa.Date),
    sa.Column("good", sa.Boolean, nullable=False),
    sa.Column("email", sa.String(50)),
    sa.Column("color", sa.Enum(Color, name="color_of_things"), nullable=False),
    sa.Column("picture", sa.LargeBinary),
    sa.Column("Number", sa.SmallInteger, nullable=False, key="number"),
    sa.Column("added_by", sa.String(20), server_default="the database"),
    sa.UniqueConstraint("name", name="uq_things_name"),
    mysql_collate="utf8mb4_nopad_bin",
)
computed = sa.Table(
    "computed_things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(20), nullable=False),
    sa.Column("added_by", sa.String(20), default=lambda: "the program"),
)


@dataclass
class Plain:
    id: int
    name: str


class SqlThings(SqlAlchemyRepository[Thing, ThingId]):
    table = things
    ignored_columns = ("added_by",)


class SqlPlains(SqlAlchemyRepository[Plain, int]):
    table = computed
    ignored_columns = ("added_by",)


@pytest.fixture
async def statements(engine: AsyncEngine) -> list[str]:
    """What was sent, but for COPY, of which SQLAlchemy knows nothing."""
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    return sent


def some(number: int) -> list[Thing]:
    return [Thing(id=ThingId.new(), name=f"n{index}") for index in range(number)]


def awkward(database: str) -> list[Thing]:
    """Values at the edges of what the columns hold, and text that is something else to a parser."""
    texts = ["", "\\N", "\\", "\\.", "a\tb", "a\nb", "a\r\nb", "\b\f\v", "'\"", "Straße 🎈", "NULL", "{1}", "\x41"]
    east = timezone(timedelta(hours=5, minutes=30))
    things = [Thing(id=ThingId.new(), name=text) for text in texts]
    digits = "12345" if database == "sqlite" else "12345678901234567890123456789"  # SQLite stores floats
    things[0].size, things[1].size = Decimal(f"{digits}.123456789"), Decimal("-0.000000001")
    things[2].weight, things[3].weight, things[4].weight = 0.1, -1e300, 5e-324
    things[5].seen_at = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    things[6].seen_at = datetime(2024, 2, 29, 3, 4, 5, 6, tzinfo=east)
    things[7].born, things[8].good, things[9].email = date(1, 1, 1), False, Email("o'neill@example.com")
    things[10].color, things[11].picture, things[12].picture = Color.BLUE, bytes(range(256)), b""
    things[0].number, things[1].number = 32767, -32768
    return things


async def add(sessions: async_sessionmaker[AsyncSession], added: Sequence[Thing]) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await SqlThings(unit).add_all(added)


@pytest.mark.usefixtures("statements")
async def test_a_number_is_rounded_to_its_scale_by_every_way(sessions: async_sessionmaker[AsyncSession]) -> None:
    for size in (2, MANY, COPIED):
        rows = [replace(thing, name=f"{size} {thing.name}", size=Decimal("0.0000000015")) for thing in some(size)]
        await add(sessions, rows)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            assert (await SqlThings(unit).get(rows[0].id)).size == Decimal("0.000000002")


async def test_what_is_stored_is_the_same_by_every_way(
    sessions: async_sessionmaker[AsyncSession], statements: list[str], database: str
) -> None:
    wanted: list[Thing] = []
    for size in (0, MANY, COPIED):
        rows = [replace(thing, name=f"{thing.name}{size}") for thing in awkward(database)]
        wanted += rows
        for start in range(0, len(rows), MANY - 1):
            fill = [replace(thing, name=f"{size} {thing.name}") for thing in some(size)]
            batch = [*rows[start : start + MANY - 1], *([] if start else fill)]
            await add(sessions, batch)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        repository = SqlThings(unit)
        for thing in wanted:
            assert await repository.get(thing.id) == thing
            found = await repository.get(thing.id)
            for name in Thing.__dataclass_fields__:
                if not name.startswith("_"):
                    assert getattr(found, name) == getattr(thing, name), name
    async with sessions() as session:
        assert (await session.execute(sa.select(things.c.added_by).distinct())).scalars().all() == ["the database"]
    assert any("INSERT" in statement for statement in statements)


@pytest.mark.parametrize("database", ["asyncpg", "psycopg"], indirect=True)
async def test_many_are_copied_where_that_is_the_same_as_to_insert_them(
    sessions: async_sessionmaker[AsyncSession], statements: list[str], engine: AsyncEngine
) -> None:
    def inserted() -> bool:
        told = any(statement.startswith("INSERT") for statement in statements)
        statements.clear()
        return told

    await add(sessions, some(COPIED))
    assert not inserted()
    await add(sessions, [replace(thing, name=f"few {thing.name}") for thing in some(COPIED - 1)])
    assert inserted()
    # another type than the column's: the database may cast a parameter, and would not cast what is copied
    odd = [replace(thing, name=f"odd {thing.name}") for thing in some(COPIED)]
    odd[-1].weight = 1
    await add(sessions, odd)
    assert inserted()
    # a default that SQLAlchemy computes
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await SqlPlains(unit).add_all(Plain(index, "made") for index in range(COPIED))
    assert inserted()
    async with sessions() as session:
        assert (await session.execute(sa.select(computed.c.added_by).distinct())).scalars().all() == ["the program"]
    # a rule, which COPY does not heed
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("CREATE RULE nothing AS ON INSERT TO \"many things\" WHERE NEW.name = 'no' DO INSTEAD NOTHING")
        )
    await add(sessions, [replace(thing, name=f"last {thing.name}") for thing in some(COPIED)])
    assert inserted()


class Bad:
    """What makes a row that is refused of a good one."""

    @staticmethod
    def duplicate(thing: Thing) -> None:
        thing.name = "n0"

    @staticmethod
    def same_id(thing: Thing) -> None:
        thing.id = ThingId(UUID(int=7))

    @staticmethod
    def nul(thing: Thing) -> None:
        thing.name = "canary\0"

    @staticmethod
    def surrogate(thing: Thing) -> None:
        thing.name = "canary\ud800"

    @staticmethod
    def too_long(thing: Thing) -> None:
        thing.name = "canary" * 9

    @staticmethod
    def out_of_range(thing: Thing) -> None:
        thing.number = 40_000

    @staticmethod
    def missing(thing: Thing) -> None:
        object.__setattr__(thing, "name", None)

    @staticmethod
    def naive(thing: Thing) -> None:
        thing.seen_at = datetime(2024, 1, 1)  # noqa: DTZ001 - it is to be refused


BAD = [value.__func__ for value in vars(Bad).values() if isinstance(value, staticmethod)]


class AcceptedError(Exception):
    """The database took it."""


async def refusal(
    sessions: async_sessionmaker[AsyncSession], size: int, spoil: Callable[[Thing], None]
) -> BaseException:
    rows = some(size)
    rows[0].id = ThingId(UUID(int=7))
    spoil(rows[-1])
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        try:
            async with unit.savepoint():
                await SqlThings(unit).add_all(rows)
                await unit.flush()
                raise AcceptedError
        except (StorageError, InvalidValueError, AcceptedError) as error:
            assert await SqlThings(unit).count() == 0  # the unit of work goes on behind the savepoint
            return error


@pytest.mark.usefixtures("statements")
async def test_what_is_refused_is_refused_alike_by_every_way(sessions: async_sessionmaker[AsyncSession]) -> None:
    for spoil in BAD:
        errors = [await refusal(sessions, size, spoil) for size in (3, MANY, COPIED)]
        assert len({(type(error), str(error)) for error in errors}) == 1, spoil.__name__
        assert "canary" not in repr(errors)
        for error in errors:
            assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize("database", ["asyncpg", "psycopg"], indirect=True)
async def test_a_cancellation_in_the_middle_leaves_nothing(engine: AsyncEngine, statements: list[str]) -> None:
    sessions = session_factory(engine)
    rows = [replace(thing, picture=b"x" * 3_000) for thing in some(COPIED)]

    async def copy() -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await SqlThings(unit).add_all(rows)
            await unit.flush()
            raise InterruptedError

    async def scenario() -> None:
        with pytest.raises(InterruptedError):
            await copy()

    async def verify() -> None:
        assert isinstance(engine.pool, AsyncAdaptedQueuePool)
        assert engine.pool.checkedout() == 0
        assert all(thing.version == 0 for thing in rows)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            assert await SqlThings(unit).count() == 0

    assert await cancel_everywhere(scenario, verify) > 3
    assert not any(statement.startswith("INSERT") for statement in statements)
    del rows[3:]  # psycopg sends them in a pipeline
    assert await cancel_everywhere(scenario, verify) >= 2  # one more where the server is slow to answer
    with pytest.raises(DuplicateError) as caught:
        await add(sessions, [*rows, replace(rows[0], id=ThingId.new())])
    assert caught.value.constraint == "uq_things_name"
