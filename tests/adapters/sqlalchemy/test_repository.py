"""The repository keeps the contract on every database; and what is its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import new_class
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyRepository, SqlAlchemyUnitOfWork
from cleanarch_kit.domain import AggregateRoot, Email, EntityId
from cleanarch_kit.errors import MappingError
from cleanarch_kit.testing import Capability, RepositoryContract, Subject

if TYPE_CHECKING:
    from cleanarch_kit.domain import Email as Later

SQLITE = frozenset(Capability) - {Capability.CONCURRENT_WRITERS, Capability.LOCKS, Capability.SKIP_LOCKED}


class SqlRepository(RepositoryContract):
    @pytest.fixture
    def subject(self, sql_subject: Subject) -> Subject:
        return sql_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteRepository(SqlRepository):
    """SQLite has one writer and locks the database, not rows."""

    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerRepository(SqlRepository):
    """Every capability is declared."""


class ThingId(EntityId): ...


@dataclass(kw_only=True)
class Thing(AggregateRoot[ThingId]):
    name: str
    tags: frozenset[str] = frozenset()


@dataclass
class Early:
    """An entity with an annotation that can only be evaluated later."""

    id: int
    later: "Later"


class Handmade:
    """An entity that is no dataclass."""

    def __init__(self, number: int, name: str) -> None:
        self.id = number
        self.name = name


metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("title", sa.String(100), nullable=False),
    sa.Column("tags", sa.String(100), nullable=False),
    sa.Column("added_at", sa.DateTime, server_default=sa.func.now()),
)
handmade = sa.Table(
    "handmade",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(100), nullable=False),
)


class SqlThings(SqlAlchemyRepository[Thing, ThingId]):
    """Its own code for the tags, the derived one for nothing."""

    table = things
    columns: ClassVar = {"name": "title"}
    ignored_columns = ("added_at",)

    def to_entity(self, row: Mapping[str, Any]) -> Thing:
        thing = Thing(id=ThingId(row["id"]), name=row["title"], tags=frozenset(row["tags"].split()))
        thing.version = row["version"]
        return thing

    def to_row(self, entity: Thing) -> Mapping[str, Any]:
        return {
            "id": entity.id.value,
            "version": entity.version,
            "title": entity.name,
            "tags": " ".join(sorted(entity.tags)),
        }


class SqlHandmade(SqlAlchemyRepository[Handmade, int]):
    table = handmade

    def to_entity(self, row: Mapping[str, Any]) -> Handmade:
        return Handmade(row["id"], row["name"])

    def to_row(self, entity: Handmade) -> Mapping[str, Any]:
        return {"id": entity.id, "name": entity.name}


@pytest.fixture
async def own_tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


@pytest.mark.usefixtures("own_tables")
class TestRowsOfOnesOwnMaking:
    async def test_they_are_stored_and_searched(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        thing = Thing(id=ThingId.new(), name="box", tags=frozenset({"a", "b"}))
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await SqlThings(unit).add(thing)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            found = await SqlThings(unit).get(thing.id)
            assert (found.name, found.tags, found.version) == ("box", frozenset({"a", "b"}), 1)
            assert not unit.changed
            found.tags = frozenset({"c"})
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            page = await SqlThings(unit).list(lambda t: t.name == "box", order_by=lambda t: t.name)
            assert [(each.tags, each.version) for each in page] == [(frozenset({"c"}), 2)]
            with pytest.raises(RuntimeError):
                async with unit.savepoint():
                    page[0].name = "lost"
                    raise RuntimeError
            assert page[0].name == "box"

    async def test_any_class_can_be_stored(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await SqlHandmade(unit).add(Handmade(7, "made"))
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            assert (await SqlHandmade(unit).get(7)).name == "made"
            found = await SqlHandmade(unit).first(lambda h: h.name == "made")
            assert found is await SqlHandmade(unit).get(7)

    async def test_a_row_without_a_column_is_an_error(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        class Forgetful(SqlHandmade):
            def to_row(self, entity: Handmade) -> Mapping[str, Any]:
                return {"id": entity.id}

        with pytest.raises(MappingError) as caught:
            async with SqlAlchemyUnitOfWork(sessions) as unit:
                await Forgetful(unit).add(Handmade(1, "x"))
        assert str(caught.value) == "to_row gives no value for column 'name'"


def test_a_mapping_that_does_not_fit_is_an_error_of_the_class_definition() -> None:
    with pytest.raises(MappingError, match=r"Thing\.name: no column 'name' in table 'things'"):
        new_class("Wrong", (SqlAlchemyRepository[Thing, ThingId],), exec_body=lambda body: body.update(table=things))


def test_a_table_must_be_one() -> None:
    with pytest.raises(MappingError) as caught:
        type("Wrong", (SqlThings,), {"table": things.alias()})
    assert str(caught.value) == "Wrong.table must be a Table or a declarative class of one table"


def test_annotations_that_come_later_are_resolved_at_first_use() -> None:
    class SqlEarly(SqlAlchemyRepository[Early, int]):
        table = sa.Table("early", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("later", sa.String))

    with pytest.raises(NameError):
        SqlEarly.mapper()
    globals()["Later"] = Email
    try:
        assert "later" in SqlEarly.mapper().mapping.source
    finally:
        del globals()["Later"]


def test_a_base_class_may_leave_the_table_to_its_subclasses() -> None:
    class Base(SqlAlchemyRepository[Thing, ThingId]):
        columns: ClassVar = {"name": "title"}
        ignored_columns = ("added_at", "tags")

    assert not hasattr(Base, "table")
