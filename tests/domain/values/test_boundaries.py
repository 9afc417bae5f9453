"""Every value object at every boundary, without a line from the user.

The table in docs/values.md is made from the matrix below, and each of its cells is a test here. Set
CLEANARCH_WRITE_DOCS=1 to write the table anew.
"""

import asyncio
import copy
import importlib
import json
import os
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import GenericAlias, new_class
from typing import Any, Literal
from uuid import UUID

import httpx
import msgspec
import pydantic
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, composite, mapped_column

from cleanarch_kit.adapters.alembic import render_item
from cleanarch_kit.adapters.fastapi import install
from cleanarch_kit.adapters.sqlalchemy import (
    ScalarType,
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.application import dec_hook, enc_hook, json_default
from cleanarch_kit.domain import (
    AggregateRoot,
    Currency,
    DateRange,
    Email,
    EntityId,
    Money,
    NonEmptyStr,
    Percentage,
    PhoneNumber,
    ScalarValue,
    Secret,
    Slug,
    is_null,
)
from cleanarch_kit.errors import DomainError, InvalidValueError

DOCS = Path(__file__).resolve().parents[3] / "docs" / "values.md"
START, END = "<!-- boundaries: made by tests/domain/values/test_boundaries.py -->\n", "<!-- end of boundaries -->"


class UserId(EntityId): ...


class Quantity(ScalarValue[int]): ...


class DueOn(ScalarValue[date]): ...


class PlacedAt(ScalarValue[datetime]): ...


@dataclass(frozen=True)
class Sample:
    """A value object with its JSON form, a greater one, and forms that it refuses."""

    kind: type[Any]
    wire: Any
    greater: Any
    bad: list[Any]
    kept: Any = None
    json_schema: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def title(self) -> str:
        if self.kind.__module__ != __name__:
            return self.kind.__name__
        return "your `EntityId`" if self.kind is UserId else f"your `ScalarValue[{self.kind.value_type.__name__}]`"

    @property
    def value(self) -> Any:
        return self._built(self.wire)

    @property
    def greater_value(self) -> Any:
        return self._built(self.greater)

    @property
    def out(self) -> Any:
        """What goes out in JSON."""
        return self.wire if self.kept is None else self.kept

    def _built(self, wire: Any) -> Any:
        if self.kind is Money:
            return Money(**wire)
        if self.kind is DateRange:
            return DateRange(date.fromisoformat(wire["start"]), date.fromisoformat(wire["end"]))
        build: Callable[[Any], Any] = getattr(self.kind, "parse", self.kind)
        return build(wire)


SAMPLES = [
    Sample(
        Email,
        "Ada@Example.com",
        "bob@example.com",
        ["ada", "", 5, None, ["ada@example.com"]],
        kept="ada@example.com",
        json_schema={"type": "string", "format": "email", "maxLength": 254},
    ),
    Sample(
        UserId,
        "01890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a8058",
        ["{01890a5d-ac96-774b-bcce-b302099a8057}", "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057", 5, ""],
        json_schema={"type": "string", "format": "uuid"},
    ),
    Sample(Slug, "clean-code", "cleaner", ["Clean Code", "", "a" * 101, 5], json_schema={"maxLength": 100}),
    Sample(NonEmptyStr, " Ada ", "Bob", ["", " ", "a\0", 5], kept="Ada", json_schema={"minLength": 1}),
    Sample(PhoneNumber, "+442079460958", "+49301234567", ["020 7946 0958", 5], json_schema={"format": "phone"}),
    Sample(Currency, "EUR", "USD", ["eur", "XXX", 978], json_schema={"pattern": "^[A-Z]{3}$"}),
    Sample(
        Percentage,
        "7.10",
        "19",
        ["7.5 %", 7.5, True, "NaN"],
        kept="7.1",
        json_schema={"anyOf": [{"type": "string"}, {"type": "integer"}]},
    ),
    Sample(
        Money,
        {"amount": 1999, "currency": "EUR"},
        {"amount": 2000, "currency": "EUR"},
        [
            {"amount": 19.99, "currency": "EUR"},
            {"amount": 1.0, "currency": "EUR"},
            {"amount": True, "currency": "EUR"},
            {"amount": "1", "currency": "EUR"},
            {"amount": 1, "currency": "eur"},
            {"amount": 10**18 + 1, "currency": "EUR"},
            {"amount": 1},
        ],
        json_schema={"type": "object", "required": ["amount", "currency"], "title": "Money"},
    ),
    Sample(
        DateRange,
        {"start": "2024-05-01", "end": "2024-05-31"},
        {"start": "2024-05-02", "end": "2024-05-03"},
        [{"start": "2024-05-02", "end": "2024-05-01"}, {"start": "x", "end": "2024-05-01"}],
        json_schema={"type": "object", "required": ["start", "end"], "title": "DateRange"},
    ),
    Sample(
        Secret,
        "hunter2",
        None,
        ["", 5, ["hunter2"]],
        kept="**********",
        json_schema={"type": "string", "format": "password", "writeOnly": True},
    ),
    Sample(Quantity, 5, 7, [5.0, True, "5.0", None], json_schema={"type": "integer"}),
    Sample(DueOn, "2024-05-01", "2024-05-02", ["20240501", 5], json_schema={"type": "string", "format": "date"}),
    Sample(
        PlacedAt,
        "2024-05-01T14:00:00+02:00",
        "2024-05-01T12:00:00.000001+00:00",
        ["2024-05-01T12:00:00", "2024-05-01", 5],
        kept="2024-05-01T12:00:00+00:00",
        json_schema={"type": "string", "format": "date-time"},
    ),
]
SCALARS = [sample for sample in SAMPLES if issubclass(sample.kind, ScalarValue)]
TEXTS = [sample for sample in SCALARS if sample.kind.value_type is str]
COMPOSITES = [sample for sample in SAMPLES if sample.kind in (Money, DateRange)]


NAIVE = datetime(2024, 5, 1)  # noqa: DTZ001 - that is the point
BAD: list[Any] = [
    *(None, True, float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity"), NAIVE, object()),
    *(b"hunter2", ["hunter2"], {"hunter2": 1}, "", "hunter2\0", "hunter2\ud800", "hunter2" * 100_000),
]


# --- Python ------------------------------------------------------------------------------------------
def construction(sample: Sample) -> None:
    assert type(sample.value) is sample.kind
    day = date(2024, 5, 1)
    construct: dict[type, list[Callable[[Any], object]]] = {
        Money: [lambda bad: Money(bad, "EUR"), lambda bad: Money(1, bad), lambda bad: Money.of(bad, "EUR")],
        DateRange: [lambda bad: DateRange(bad, day), lambda bad: DateRange(day, bad)],
    }
    for build in construct.get(sample.kind, [sample.kind]):
        for bad in BAD:
            with pytest.raises(InvalidValueError, match=f"^{sample.kind.__name__} ") as caught:
                build(bad)
            assert isinstance(caught.value, DomainError)
            assert isinstance(caught.value, ValueError)
            assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def hypothesis_strategy(sample: Sample) -> None:
    @settings(max_examples=20, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.from_type(sample.kind), st.from_type(sample.kind))
    def holds(one: Any, two: Any) -> None:
        assert type(one) is type(two) is sample.kind
        assert (one == two) is (pickle.dumps(one) == pickle.dumps(two))

    holds()


def equality_and_hash(sample: Sample) -> None:
    assert sample.value == sample.value
    assert hash(sample.value) == hash(sample.value)
    assert sample.value not in (sample.wire if isinstance(sample.wire, str) else "x", None, 0)
    assert sample.kind.__name__ in repr(sample.value)


def order(sample: Sample) -> None:
    assert sample.value < sample.greater_value
    assert sorted([sample.greater_value, sample.value]) == [sample.value, sample.greater_value]


def pickle_and_copy(sample: Sample) -> None:
    for other in (copy.copy(sample.value), copy.deepcopy(sample.value), pickle.loads(pickle.dumps(sample.value))):
        assert other == sample.value
        assert type(other) is sample.kind


def dataclass_field(sample: Sample) -> None:
    for frozen, slots in ((False, False), (False, True), (True, False), (True, True)):
        fields: list[Any] = [("value", sample.kind), ("other", sample.kind | None, None)]
        owner: Any = make_dataclass("Owner", fields, frozen=frozen, slots=slots)
        assert owner(sample.value) == owner(sample.value)
        assert owner(sample.value).value == sample.value


# --- pydantic ----------------------------------------------------------------------------------------
def adapter(annotation: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(annotation)


def pydantic_field(sample: Sample) -> None:
    model = pydantic.create_model("Model", value=(sample.kind, ...))
    for built in (
        model.model_validate({"value": sample.wire}),
        model.model_validate({"value": sample.value}),
        model.model_validate_json(json.dumps({"value": sample.wire})),
    ):
        assert built == model.model_validate({"value": sample.value})
        assert json.loads(built.model_dump_json()) == built.model_dump(mode="json") == {"value": sample.out}
        assert model.model_validate(built.model_dump()) == built
    for bad in sample.bad:
        with pytest.raises(pydantic.ValidationError) as in_python:
            model.model_validate({"value": bad})
        with pytest.raises(pydantic.ValidationError) as in_json:
            model.model_validate_json(json.dumps({"value": bad}))
        for caught in (in_python.value, in_json.value):
            (error,) = caught.errors()
            assert error["loc"][0] == "value"
            if sample.kind in (Email, PhoneNumber, Secret) and not isinstance(bad, int) and bad:
                assert str(bad) not in str(caught)
                assert str(bad) not in caught.json()


def pydantic_optional(sample: Sample) -> None:
    optional = adapter(sample.kind | None)
    assert optional.validate_python(None) is None
    assert optional.validate_json("null") is None
    assert optional.validate_json(json.dumps(sample.wire)) == sample.value
    assert json.loads(optional.dump_json(sample.value)) == sample.out


def pydantic_list(sample: Sample) -> None:
    many = adapter(GenericAlias(list, (sample.kind,)))
    assert many.validate_python([sample.wire, sample.value]) == [sample.value, sample.value]
    assert json.loads(many.dump_json([sample.value])) == [sample.out]
    with pytest.raises(pydantic.ValidationError) as caught:
        many.validate_json(json.dumps([sample.wire, sample.bad[0], sample.wire]))
    (error,) = caught.value.errors()
    assert error["loc"][0] == 1


def pydantic_dict_key(sample: Sample) -> None:
    keyed = adapter(GenericAlias(dict, (sample.kind, int)))
    assert keyed.validate_json(json.dumps({sample.wire: 1})) == {sample.value: 1}
    assert json.loads(keyed.dump_json({sample.value: 1})) == {str(sample.out): 1}
    assert keyed.dump_python({sample.value: 1}) == {sample.value: 1}


def json_schema(sample: Sample) -> None:
    modes: tuple[Literal["validation", "serialization"], ...] = ("validation", "serialization")
    for mode in modes:
        schema = adapter(sample.kind).json_schema(mode=mode)
        assert schema["title"] == sample.kind.__name__
        assert schema | sample.json_schema == schema
        optional: Any = sample.kind | None
        inner = pydantic.create_model("Model", one=(sample.kind, ...), two=(optional, None))
        assert inner.model_json_schema(mode=mode)["required"] == ["one"]


# --- FastAPI -----------------------------------------------------------------------------------------
def call(app: FastAPI, method: str, path: str, **request: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


def path_and_query(sample: Sample) -> None:
    app = FastAPI()
    kind = sample.kind
    seen: list[Any] = []

    async def read(value: Any, wanted: Any, optional: Any = None) -> None:
        seen.append((value, wanted, optional))

    read.__annotations__ = {"value": kind, "wanted": kind, "optional": kind | None, "return": None}
    app.get("/{value}")(read)
    assert call(app, "GET", f"/{sample.wire}", params={"wanted": sample.greater}).status_code == 200
    both = {"wanted": sample.wire, "optional": sample.wire}
    assert call(app, "GET", f"/{sample.wire}", params=both).status_code == 200
    refused = call(app, "GET", f"/{sample.wire}", params={"wanted": "\t"})
    assert refused.status_code == 422
    assert [error["loc"] for error in refused.json()["detail"]] == [["query", "wanted"]]
    parameters = call(app, "GET", "/openapi.json").json()["paths"]["/{value}"]["get"]["parameters"]
    assert seen == [(sample.value, sample.greater_value, None), (sample.value, sample.value, sample.value)]
    assert [parameter["in"] for parameter in parameters] == ["path", "query", "query"]
    assert parameters[0]["schema"] | sample.json_schema == parameters[0]["schema"]


def response_without_a_model(sample: Sample) -> None:
    install(app := FastAPI())

    async def read() -> Any:
        return {"value": sample.value, "many": (sample.value, None)}

    read.__annotations__ = {}
    app.get("/")(read)
    assert call(app, "GET", "/").json() == {"value": sample.out, "many": [sample.out, None]}


def body_and_response(sample: Sample) -> None:
    app = FastAPI()
    many: Any = GenericAlias(list, (sample.kind,))
    model: Any = pydantic.create_model("Body", value=(sample.kind, ...), more=(many, []))

    async def echo(body: Any) -> Any:
        assert body.value == sample.value
        return body

    echo.__annotations__ = {"body": model, "return": model}
    app.post("/")(echo)
    answer = call(app, "POST", "/", json={"value": sample.wire, "more": [sample.wire]})
    assert (answer.status_code, answer.json()) == (200, {"value": sample.out, "more": [sample.out]})
    for bad in sample.bad:
        refused = call(app, "POST", "/", json={"value": bad})
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"][:2] == ["body", "value"]
    schemas = call(app, "GET", "/openapi.json").json()["components"]["schemas"]
    assert set(schemas["Body"]["properties"]) == {"value", "more"}
    assert jsonable_encoder(model(value=sample.wire)) == {"value": sample.out, "more": []}


# --- SQLAlchemy --------------------------------------------------------------------------------------
def memory() -> sa.Engine:
    return sa.create_engine("sqlite://", poolclass=sa.StaticPool)


def column(sample: Sample) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("value", ScalarType(sample.kind)))
    engine = memory()
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), [{"value": sample.value}, {"value": sample.greater_value}, {"value": None}])
        rows = connection.execute(sa.select(table.c.value).where(table.c.value.is_not(None)).order_by(table.c.value))
        assert [value for (value,) in rows] == (both := [sample.value, sample.greater_value])
        assert str(connection.scalars(sa.select(table.c.value).limit(2)).all()) == str(both)
        assert connection.scalar(sa.select(table.c.value).where(table.c.value.is_(None))) is None
        for criterion in (table.c.value == sample.value, table.c.value.in_([sample.value])):
            assert connection.scalars(sa.select(table.c.value).where(criterion)).all() == [sample.value]
        later = table.c.value > sample.value
        assert connection.scalars(sa.select(table.c.value).where(later)).all() == [sample.greater_value]
    engine.dispose()


def mapped(sample: Sample) -> None:
    class Base(DeclarativeBase): ...

    kind: Any = sample.kind
    optional: Any = kind | None
    namespace: dict[str, Any] = {
        "__tablename__": "t",
        "__annotations__": {"id": Mapped[int], "value": Mapped[kind], "other": Mapped[optional]},
        "id": mapped_column(primary_key=True),
    }
    row: Any = type("Row", (Base,), namespace)
    assert not row.__table__.c.value.nullable
    assert row.__table__.c.other.nullable
    engine = memory()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(row(id=1, value=sample.value))
        session.commit()
        loaded: Any = session.get(row, 1)
        assert (loaded.value, loaded.other) == (sample.value, None)
        loaded.other = sample.greater_value
        session.commit()
        assert session.scalars(sa.select(row).where(row.other == sample.greater_value)).one() is loaded
    engine.dispose()


def mapped_class(sample: Sample) -> Any:
    class Base(DeclarativeBase): ...

    kind: Any = sample.kind
    namespace: dict[str, Any] = {
        "__tablename__": "t",
        "__annotations__": {"id": Mapped[int], "value": Mapped[kind]},
        "id": mapped_column(primary_key=True),
        "value": composite(*(mapped_column(f"value_{part}") for part in sample.wire)),
    }
    if sa.__version__ >= "2.1":  # before, SQLAlchemy itself knows no optional composite
        optional: Any = kind | None
        namespace["__annotations__"]["other"] = Mapped[optional]
        namespace["other"] = composite(*(mapped_column(f"other_{part}", nullable=True) for part in sample.wire))
    return type("Row", (Base,), namespace)


def mapped_composite(sample: Sample) -> None:
    row = mapped_class(sample)
    columns = row.__table__.c
    assert all(column.nullable is column.name.startswith("other_") for column in columns)
    types: dict[type, list[type]] = {Money: [sa.BigInteger, sa.String], DateRange: [sa.Date, sa.Date]}
    assert [type(columns[f"value_{part}"].type) for part in sample.wire] == types[sample.kind]
    engine = memory()
    row.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(row(id=1, value=sample.value))
        session.commit()
        loaded: Any = session.get(row, 1)
        assert loaded.value == sample.value
        if hasattr(row, "other"):
            assert loaded.other is None
            loaded.other = sample.value
            session.commit()
            assert session.scalars(sa.select(row).where(row.other == sample.value)).one() is loaded
        loaded.value = sample.greater_value
        session.commit()
        assert session.scalars(sa.select(row).where(row.value == sample.greater_value)).one() is loaded
    engine.dispose()


def repository(sample: Sample) -> None:
    """Without a mapping from the user: the names of the columns are enough."""
    kind: Any = sample.kind
    optional: Any = kind | None
    fields: list[Any] = [("value", kind), ("other", optional, field(default=None))]
    entity: Any = make_dataclass("Entity", fields, bases=(AggregateRoot[UserId],), kw_only=True)
    parts: dict[str, Any] = {"": sa.String(254)}
    if sample in COMPOSITES:
        parts = {"_start": sa.Date(), "_end": sa.Date()}
        if kind is Money:
            parts = {"_amount": sa.BigInteger(), "_currency": sa.String(3)}
    elif kind.value_type is not str:
        own = {UUID: sa.Uuid(), Decimal: sa.Numeric(13, 6), int: sa.Integer(), date: sa.Date(), datetime: sa.DateTime()}
        parts = {"": own[kind.value_type]}
    columns = [
        sa.Column(f"{name}{part}", column, nullable=name == "other")
        for name in ("value", "other")
        for part, column in parts.items()
    ]
    keys = sa.Column("id", sa.Uuid, primary_key=True), sa.Column("version", sa.Integer, nullable=False)
    base: Any = SqlAlchemyRepository[entity, UserId]
    rows = sa.Table("t", sa.MetaData(), *keys, *columns)
    repository: Any = new_class("Entities", (base,), exec_body=lambda namespace: namespace.update(table=rows))
    first, second = (entity(id=UserId.new(), value=sample.value, other=other) for other in (None, sample.greater_value))
    criteria: list[tuple[Callable[[Any], Any], list[Any]]] = [
        (lambda e: e.value == sample.value, [first, second]),
        (lambda e: e.other == sample.greater_value, [second]),
        (lambda e: is_null(e.other), [first]),
    ]

    async def save_and_find() -> None:
        engine = create_async_engine("sqlite+aiosqlite://", poolclass=sa.StaticPool)
        async with engine.begin() as connection:
            await connection.run_sync(rows.metadata.create_all)
        sessions = session_factory(engine)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await repository(unit).add_all([first, second])
        async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
            for saved in (first, second):
                loaded = await repository(unit).get(saved.id)
                assert (loaded.value, loaded.other) == (saved.value, saved.other)
                assert repr(loaded.value) == repr(saved.value)
            for criterion, found in criteria:
                assert sorted(await repository(unit).list(criterion), key=lambda saved: saved.id) == found
        await engine.dispose()

    asyncio.run(save_and_find())


def like_and_plain_text(sample: Sample) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("value", ScalarType(sample.kind)))
    engine = memory()
    part = sample.out[1:-1]
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), [{"value": sample.value}])
        for criterion in (
            table.c.value == sample.out,
            table.c.value.like(f"%{part}%"),
            table.c.value.contains(part, autoescape=True),
            table.c.value.startswith(sample.out[0], autoescape=True),
            sa.func.lower(table.c.value) == sample.out.lower(),
        ):
            assert connection.scalars(sa.select(table.c.value).where(criterion)).all() == [sample.value]
        assert connection.scalars(sa.select(table.c.value).where(table.c.value == "%")).all() == []
    engine.dispose()


def autogenerated(sample: Sample) -> None:
    metadata = mapped_class(sample).metadata if sample in COMPOSITES else sa.MetaData()
    if sample not in COMPOSITES:
        sa.Table("t", metadata, sa.Column("value", ScalarType(sample.kind)))
    engine = memory()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        steps = produce_migrations(context, metadata).upgrade_ops
        assert steps is not None
        text = render_python_code(steps, render_item=render_item)
        namespace: dict[str, Any] = {"mysql": mysql}
        exec(f"def upgrade(op, sa):\n    {text}", namespace)  # noqa: S102 - it is ours
        with Operations.context(context) as operations:
            namespace["upgrade"](operations, sa)
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    assert "sa.Column('value" in text
    assert "cleanarch_kit" not in text


# --- hooks -------------------------------------------------------------------------------------------
def through_msgspec(sample: Sample) -> None:
    data = msgspec.json.encode(sample.value, enc_hook=enc_hook)
    out = sample.out.replace("+00:00", "Z") if sample.kind is PlacedAt else sample.out  # as msgspec writes moments
    assert json.loads(data) == out
    assert msgspec.json.decode(json.dumps(sample.wire), type=sample.kind, dec_hook=dec_hook) == sample.value
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(sample.bad[0]), type=sample.kind, dec_hook=dec_hook)


def through_json(sample: Sample) -> None:
    assert json.loads(json.dumps({"value": [sample.value]}, default=json_default)) == {"value": [sample.out]}


def through_celery(sample: Sample) -> None:
    kombu: Any = importlib.import_module("kombu.utils.json")
    encoders, decoders = dict(kombu._encoders), dict(kombu._decoders)

    def from_fields(fields: dict[str, Any]) -> object:
        return sample.kind(**fields)

    rebuild: object = getattr(sample.kind, "parse", from_fields)
    try:
        kombu.register_type(sample.kind, sample.kind.__name__, json_default, rebuild)
        assert kombu.loads(kombu.dumps([sample.value])) == [sample.value]
    finally:
        for registered, before in ((kombu._encoders, encoders), (kombu._decoders, decoders)):
            registered.clear()
            registered.update(before)


@dataclass(frozen=True)
class Boundary:
    title: str
    check: Callable[[Sample], None]
    samples: list[Sample]
    partly: dict[type, str] = field(default_factory=dict[type, str])


WITHOUT_SECRET = [sample for sample in SAMPLES if sample.kind is not Secret]
OUT_MASKED: dict[type, str] = {Secret: "out: asterisks"}
BOUNDARIES = [
    Boundary("construction, bad input refused", construction, SAMPLES),
    Boundary("`==`, `hash`, `repr`", equality_and_hash, SAMPLES),
    Boundary("order", order, WITHOUT_SECRET),
    Boundary("pickle, copy", pickle_and_copy, SAMPLES),
    Boundary("dataclass field, slots or not", dataclass_field, SAMPLES),
    Boundary("pydantic field, Python and JSON", pydantic_field, SAMPLES, OUT_MASKED),
    Boundary("pydantic, optional", pydantic_optional, SAMPLES, OUT_MASKED),
    Boundary("pydantic list", pydantic_list, SAMPLES, OUT_MASKED),
    Boundary("pydantic dict key", pydantic_dict_key, SCALARS),
    Boundary("JSON schema", json_schema, SAMPLES),
    Boundary("FastAPI path and query", path_and_query, SCALARS),
    Boundary("FastAPI body, response, OpenAPI", body_and_response, SAMPLES, OUT_MASKED),
    Boundary("FastAPI response without a model", response_without_a_model, SAMPLES, OUT_MASKED),
    Boundary("SQLAlchemy column", column, SCALARS),
    Boundary("SQLAlchemy `Mapped[...]`, optional or not", mapped, SCALARS),
    Boundary("SQLAlchemy composite, optional or not", mapped_composite, COMPOSITES),
    Boundary("columns of a repository, optional or not", repository, WITHOUT_SECRET),
    Boundary("SQL `LIKE`, comparison with plain text", like_and_plain_text, TEXTS),
    Boundary("Alembic `--autogenerate`", autogenerated, WITHOUT_SECRET),
    Boundary("msgspec (`enc_hook`, `dec_hook`)", through_msgspec, SAMPLES, OUT_MASKED),
    Boundary("`json` (`default=json_default`)", through_json, SAMPLES, OUT_MASKED),
    Boundary("Celery (`register_type`)", through_celery, WITHOUT_SECRET),
    Boundary("hypothesis (`st.from_type`)", hypothesis_strategy, SAMPLES),
]
CELLS = [
    pytest.param(boundary, sample, id=f"{sample.kind.__name__}-{boundary.check.__name__}")
    for boundary in BOUNDARIES
    for sample in boundary.samples
]


@pytest.mark.parametrize(("boundary", "sample"), CELLS)
def test_a_value_crosses_the_boundary(boundary: Boundary, sample: Sample) -> None:
    boundary.check(sample)


def table() -> str:
    names = [sample.title for sample in SAMPLES]
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for boundary in BOUNDARIES:
        cells = [boundary.partly.get(sample.kind, "yes") if sample in boundary.samples else "" for sample in SAMPLES]
        lines.append(f"| {boundary.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def test_the_table_in_the_docs_is_made_of_these_tests() -> None:
    text = DOCS.read_text()
    before, rest = text.split(START)
    _, after = rest.split(END)
    wanted = before + START + table() + END + after
    if os.environ.get("CLEANARCH_WRITE_DOCS"):
        DOCS.write_text(wanted)
    assert text == wanted, "run this test with CLEANARCH_WRITE_DOCS=1 and look at the change"
