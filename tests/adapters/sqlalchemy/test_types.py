import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.orm.exc import MappedAnnotationError

from cleanarch_kit.adapters.sqlalchemy import ScalarType, UtcDateTime
from cleanarch_kit.adapters.sqlalchemy.types import stored_type, value_type
from cleanarch_kit.domain import Email, EntityId, NonEmptyStr, Percentage, ScalarValue
from cleanarch_kit.errors import InvalidValueError

DIALECTS = [
    sa.make_url(f"{name}://").get_dialect()() for name in ("postgresql+asyncpg", "mysql+asyncmy", "sqlite+aiosqlite")
]
metadata = sa.MetaData()
moments = sa.Table("moments", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("at", UtcDateTime))
KOLKATA = timezone(timedelta(hours=5, minutes=30))


class UserId(EntityId): ...


class Title(NonEmptyStr):
    max_length = 80


class Birthday(ScalarValue[date]): ...


class Base(DeclarativeBase): ...


class Person(Base):
    __tablename__ = "persons"
    id: Mapped[UserId] = mapped_column(primary_key=True)
    email: Mapped[Email]
    born: Mapped[Birthday | None]


async def test_a_moment_comes_back_aware_in_utc_and_exact(engine: AsyncEngine) -> None:
    at = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=KOLKATA)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(moments.insert(), [{"id": 1, "at": at}, {"id": 2, "at": None}])
        stored = (await connection.execute(sa.select(moments.c.at).order_by(moments.c.id))).scalars().all()
        found = await connection.scalar(sa.select(moments.c.id).where(moments.c.at == at.astimezone(UTC)))
    assert stored == [at, None]
    assert stored[0].tzinfo is UTC
    assert found == 1


@pytest.mark.parametrize(
    ("moment", "rule"),
    [
        (datetime(2024, 1, 1), "must have a time zone: a naive datetime names no instant"),  # noqa: DTZ001
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), "is out of range in UTC"),
        (datetime.min.replace(tzinfo=KOLKATA), "is out of range in UTC"),
    ],
)
async def test_what_is_no_moment_is_refused(engine: AsyncEngine, moment: datetime, rule: str) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(metadata.create_all)
        with pytest.raises(StatementError) as caught:
            await connection.execute(moments.insert(), {"id": 1, "at": moment})
    assert isinstance(caught.value.orig, InvalidValueError)
    assert str(caught.value.orig) == f"datetime {rule}"


def test_a_moment_is_declared_as_each_database_needs() -> None:
    declared = {dialect.name: str(UtcDateTime().compile(dialect=dialect)) for dialect in DIALECTS}
    assert declared == {
        "postgresql": "TIMESTAMP WITH TIME ZONE",
        "mysql": "DATETIME(6)",
        "sqlite": "DATETIME",
    }
    assert str(UtcDateTime(timezone=False).compile(dialect=DIALECTS[0])) == "TIMESTAMP WITHOUT TIME ZONE"


def test_a_plain_datetime_column_is_read_as_a_moment() -> None:
    naive, aware = sa.Column("a", sa.DateTime), sa.Column("b", sa.DateTime(timezone=True))
    kinds = [value_type(naive), value_type(aware)]
    assert [isinstance(kind, UtcDateTime) and kind.timezone for kind in kinds] == [False, True]
    text = sa.Column("c", sa.String)
    assert value_type(text) is text.type


@pytest.mark.parametrize(
    ("wrapped", "expected"),
    [
        (Email, sa.String),
        (UserId, sa.Uuid),
        (Birthday, sa.Date),
    ],
)
def test_the_column_type_follows_from_what_the_value_holds(
    wrapped: type[ScalarValue[Any]], expected: type[sa.types.TypeEngine[object]]
) -> None:
    assert isinstance(ScalarType(wrapped).column_type, expected)


def test_text_is_as_long_as_the_value_may_be() -> None:
    def length(kind: ScalarType[ScalarValue[str]]) -> int | None:
        assert isinstance(kind.column_type, sa.String)
        return kind.column_type.length

    class Note(ScalarValue[str]): ...

    assert (length(ScalarType(Email)), length(ScalarType(Title)), length(ScalarType(Note))) == (254, 80, 255)
    assert length(ScalarType(Note, sa.String(10))) == 10


@pytest.mark.parametrize(
    ("base", "expected"),
    [(int, sa.BigInteger), (float, sa.Double), (bool, sa.Boolean), (Decimal, sa.Numeric), (datetime, UtcDateTime)],
)
def test_every_plain_type_has_a_column_type(base: type[object], expected: type[object]) -> None:
    value = type("Value", (ScalarValue,), {"value_type": base})
    assert isinstance(ScalarType(value).column_type, expected)


def test_values_work_as_mapped_attributes() -> None:
    engine = sa.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    identity = UserId(uuid4())
    with Session(engine) as session:
        session.add(Person(id=identity, email=Email("ada@example.com"), born=None))
        session.commit()
    with Session(engine) as session:
        person = session.get_one(Person, identity)
        assert person.email == Email("ada@example.com")
        assert type(person.id.value) is UUID
        assert person.born is None
        for criterion in (
            Person.email == Email("ada@example.com"),
            Person.email == "ada@example.com",
            Person.email.in_([Email("ada@example.com"), Email("b@c.example")]),
            Person.email.like("%@example.com"),
            Person.email.contains("da@ex"),
            sa.func.lower(Person.email) == "ada@example.com",
        ):
            assert session.scalars(sa.select(Person.id).where(criterion)).all() == [identity], str(criterion)
    engine.dispose()


class Weight(ScalarValue[float]): ...


def test_a_float_stays_one() -> None:
    engine = sa.create_engine("sqlite://")
    weights = sa.Table("weights", sa.MetaData(), sa.Column("weight", ScalarType(Weight)))
    with engine.begin() as connection:
        weights.create(connection)
        connection.execute(weights.insert(), {"weight": Weight(2.0)})
        assert type(connection.scalars(sa.select(weights.c.weight)).one().value) is float
    engine.dispose()


class Price(ScalarValue[Decimal]): ...


prices = sa.Table(
    "prices",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("net", ScalarType(Price)),
    sa.Column("vat", ScalarType(Percentage)),
)


async def test_a_decimal_comes_back_as_it_was(engine: AsyncEngine) -> None:
    numbers = ["7.1", "19.99", "0.000001", "123456789.123456", "-0.7", "100"]
    rows = [{"id": i, "net": Price(Decimal(n)), "vat": Percentage("7.1")} for i, n in enumerate(numbers)]
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(prices.insert(), rows)
        stored = await connection.scalars(sa.select(prices.c.net).order_by(prices.c.id))
        assert (found := stored.all()) == [row["net"] for row in rows]
        assert {type(price.value) for price in found} == {Decimal}
        assert str(await connection.scalar(sa.select(prices.c.vat).limit(1))) == "7.1"
        nineteen = sa.select(prices.c.id).where(
            prices.c.net == Price(Decimal("19.99")), prices.c.vat == Percentage("7.1")
        )
        assert (await connection.scalars(nineteen)).all() == [1]


class Nickname(Title): ...


def declared(annotation: object, **options: Any) -> sa.types.TypeEngine[Any]:
    base: Any = type("Base", (DeclarativeBase,), options)
    namespace = {
        "__tablename__": "t",
        "__annotations__": {"id": Mapped[int], "value": Mapped[annotation]},  # type: ignore[valid-type]  # it is a type
        "id": mapped_column(primary_key=True),
    }
    row: Any = type("Row", (base,), namespace)
    kind: sa.types.TypeEngine[Any] = row.__table__.c.value.type
    return kind


def test_an_annotation_with_a_value_is_its_column_type() -> None:
    for value in (Email, UserId, Birthday, Title, Nickname):
        kind = declared(value)
        assert isinstance(kind, ScalarType)
        assert kind.value_type is value
    for annotation in (Email | None, Annotated[Email, 1]):
        kind = declared(annotation)
        assert isinstance(kind, ScalarType)
        assert kind.value_type is Email


def test_a_base_that_maps_the_value_itself_goes_first() -> None:
    own = ScalarType(Title, sa.Text())
    assert declared(Title, type_annotation_map={Title: own}) is own
    family = declared(Nickname, type_annotation_map={Title: own})
    assert isinstance(family, ScalarType)
    assert family.value_type is Nickname
    assert isinstance(declared(Email, type_annotation_map={str: sa.Text()}), ScalarType)


def test_annotations_that_hold_no_value_are_resolved_as_ever() -> None:
    class Plain: ...

    class Text(str): ...

    for annotation in (Plain, Text, ScalarValue, ScalarValue[str], list[Email]):
        with pytest.raises(MappedAnnotationError):
            declared(annotation)
    assert type(declared(int)) is sa.Integer
    assert type(declared(str)) is sa.String
    assert isinstance(declared(str, type_annotation_map={str: sa.Text()}), sa.Text)


def test_a_type_is_its_own_cache_key_and_can_be_pickled() -> None:
    assert ScalarType(Email).python_type is Email
    assert pickle.loads(pickle.dumps(ScalarType(Email))).value_type is Email
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        statement = sa.select(sa.literal(Email("a@b.example"), ScalarType(Email)))
        assert connection.scalar(statement) == Email("a@b.example")
    engine.dispose()


async def test_a_number_is_rounded_to_its_scale_alike_everywhere(engine: AsyncEngine) -> None:
    prices = sa.Table("prices", sa.MetaData(), sa.Column("price", sa.Numeric(20, 2)))
    async with engine.begin() as connection:
        await connection.run_sync(prices.create)
        insert = prices.insert().values(price=sa.bindparam("n", type_=stored_type(prices.c.price)))
        for number in ("1.005", "-1.005", "1.004999", "12345678901.555", "7"):
            await connection.execute(insert, {"n": Decimal(number)})
        await connection.execute(insert, {"n": None})
        found = [str(number) for number in (await connection.execute(sa.select(prices.c.price))).scalars()]
    assert sorted(found) == sorted(["1.01", "-1.01", "1.00", "12345678901.56", "7.00", "None"])


def test_none_in_a_json_column_is_null_where_that_is_allowed() -> None:
    for kind in (sa.JSON(), postgresql.JSONB(), sa.JSON(none_as_null=True)):
        sent = value_type(sa.Column("a", kind))
        assert isinstance(sent, type(kind))
        assert sent.none_as_null
    kept = value_type(sa.Column("a", sa.JSON(), nullable=False))
    assert isinstance(kept, sa.JSON)
    assert not kept.none_as_null
