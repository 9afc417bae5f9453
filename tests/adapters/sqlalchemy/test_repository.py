"""The repository keeps the contract on every database; and what is its own."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import partial
from types import new_class
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit import testing
from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.adapters.sqlalchemy import Owned, SqlAlchemyRepository, SqlAlchemyUnitOfWork, UtcDateTime
from cleanarch_kit.application import CursorRequest, SearchableRepository
from cleanarch_kit.application.pagination.keyset import keyset_of
from cleanarch_kit.domain import AggregateRoot, Email, Entity, EntityId, asc, desc, is_null, one_of, present
from cleanarch_kit.domain.criteria import Criterion, Ordering
from cleanarch_kit.errors import DefinitionError, InvalidCursorError, MappingError
from cleanarch_kit.testing import (
    BookId,
    BulkContract,
    Capability,
    Note,
    NoteId,
    OwnedChildrenContract,
    OwnedSubject,
    RepositoryContract,
    Subject,
)
from cleanarch_kit.testing.contracts import subject as sample
from cleanarch_kit.testing.contracts import upserting

if TYPE_CHECKING:
    from cleanarch_kit.domain import Email as Later

SQLITE = frozenset(Capability) - {Capability.CONCURRENT_WRITERS, Capability.LOCKS, Capability.SKIP_LOCKED}


class SqlRepository(RepositoryContract):
    increments = 2_000

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


class SqlBulk(BulkContract):
    @pytest.fixture
    def subject(self, sql_subject: Subject) -> Subject:
        return sql_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteBulk(SqlBulk):
    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerBulk(SqlBulk):
    """Every capability is declared."""


class SqlOwnedChildren(OwnedChildrenContract):
    @pytest.fixture
    def subject(self, owned_subject: OwnedSubject) -> OwnedSubject:
        return owned_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteOwnedChildren(SqlOwnedChildren):
    """As above."""

    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerOwnedChildren(SqlOwnedChildren):
    """As above."""


class CopyId(EntityId): ...


@dataclass(kw_only=True)
class Copy(Entity[CopyId]):
    shelf: str


def two_copies() -> list[Copy]:
    return [Copy(id=CopyId.new(), shelf=shelf) for shelf in ("left", "right")]


class WithChildren:
    """The sample aggregate, with children whoever makes one; its name is part of what the contract compares."""

    @dataclass(kw_only=True)
    class Book(testing.Book):
        copies: list[Copy] = field(default_factory=two_copies)


shelves = sa.MetaData()
books = sa.Table(
    "books",
    shelves,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("isbn", sa.String(200), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("price_amount", sa.BigInteger, nullable=False),
    sa.Column("price_currency", sa.String(3), nullable=False),
    sa.Column("rank", sa.Integer),
    sa.Column("published_at", UtcDateTime),
    sa.UniqueConstraint("isbn", name="uq_books_isbn"),
    mysql_collate="utf8mb4_nopad_bin",
)
copies = sa.Table(
    "copies",
    shelves,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("book_id", sa.Uuid, sa.ForeignKey("books.id"), nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("shelf", sa.String(20), nullable=False),
)
notes = sa.Table(
    "notes",
    shelves,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("text", sa.String(200), nullable=False),
    sa.Column("stars", sa.Integer, nullable=False),
)


WITHOUT_THEIR_TWO = sa.select(books.c.id).outerjoin(copies).group_by(books.c.id).having(sa.func.count(copies.c.id) != 2)


class SqlBooks(SqlAlchemyRepository[WithChildren.Book, BookId]):
    table = books
    children: ClassVar = {"copies": Owned(copies, position="place")}


class SqlNotes(SqlAlchemyRepository[Note, NoteId]):
    table = notes


@pytest.fixture
async def with_children(
    engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Subject]:
    """An adapter whose books all have children, for the contracts."""
    for module in (sample, upserting):
        monkeypatch.setattr(module, "Book", WithChildren.Book)
    async with engine.begin() as connection:
        await connection.run_sync(shelves.create_all, checkfirst=False)

    def books(unit: SqlAlchemyUnitOfWork) -> SearchableRepository[testing.Book, BookId]:
        return cast("SearchableRepository[testing.Book, BookId]", SqlBooks(unit))

    yield Subject(partial(SqlAlchemyUnitOfWork, sessions), books, SqlNotes)
    async with engine.connect() as connection:  # whatever was done, each book has its two
        assert (await connection.execute(WITHOUT_THEIR_TWO)).all() == []


class SqlWithChildren(RepositoryContract):
    increments = locked_increments = 50

    @pytest.fixture
    def subject(self, with_children: Subject) -> Subject:
        return with_children


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteWithChildren(SqlWithChildren):
    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerWithChildren(SqlWithChildren):
    """Every capability is declared."""


class SqlBulkWithChildren(BulkContract):
    @pytest.fixture
    def subject(self, with_children: Subject) -> Subject:
        return with_children


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteBulkWithChildren(SqlBulkWithChildren):
    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerBulkWithChildren(SqlBulkWithChildren):
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


class Grade(Enum):
    """Neither declared nor named in the order of what it holds."""

    MIDDLE = "b"
    ABOVE = "c"
    LAST = "a"


@dataclass(kw_only=True)
class Sample(AggregateRoot[ThingId]):
    """Fields in columns that databases treat differently."""

    grade: Grade | None
    amount: Decimal
    facts: dict[str, int] | None = None
    flag: bool | None = None


class SqlSamples(SqlAlchemyRepository[Sample, ThingId]):
    table = sa.Table(
        "samples",
        metadata,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("grade", sa.Enum(Grade, name="grade")),
        sa.Column("amount", sa.Numeric(12, 2), nullable=False),
        sa.Column("facts", sa.JSON),
        sa.Column("flag", sa.JSON),
    )


class InMemorySamples(InMemoryRepository[Sample, ThingId]):
    """What SQL is compared with."""


def samples() -> list[Sample]:
    grades = [*Grade, None, *Grade, None]
    return [
        Sample(id=ThingId.new(), grade=grade, amount=Decimal(f"{number}.005"), facts={} if number % 2 else None)
        for number, grade in enumerate(grades)
    ]


async def walk(
    repository: SearchableRepository[Sample, ThingId], order: Ordering[Sample], *, size: int = 1
) -> list[ThingId]:
    """Along an order, which must come to an end."""
    walked: list[ThingId] = []
    after: str | None = None
    while len(walked) < 20:
        page = await repository.scroll(CursorRequest(size=size, after=after), order_by=order)
        walked += [sample.id for sample in page.items]
        after = page.next
        if after is None:
            return walked
    raise AssertionError("it does not end")


@pytest.mark.usefixtures("own_tables")
class TestUnusualColumns:
    async def test_enums_are_ordered_by_what_they_hold_as_in_memory(
        self, sessions: async_sessionmaker[AsyncSession]
    ) -> None:
        stored = samples()
        orders: list[Ordering[Sample]] = [
            lambda s: s.grade,
            lambda s: desc(s.grade),
            lambda s: asc(s.grade, nulls_first=True),
            lambda s: (desc(s.grade, nulls_first=True), s.amount),
        ]
        async with InMemoryUnitOfWork(InMemoryStore()) as unit, SqlAlchemyUnitOfWork(sessions) as sql_unit:
            in_memory, sql = InMemorySamples(unit), SqlSamples(sql_unit)
            await in_memory.add_all(stored)
            await sql.add_all(stored)
            for order in orders:
                expected = await walk(in_memory, order)
                assert await walk(sql, order) == expected
                assert await walk(sql, order, size=3) == expected
                assert [sample.id for sample in await sql.list(order_by=order)] == expected
                back: list[ThingId] = []
                page = await sql.scroll(CursorRequest(size=7), order_by=order)
                page = await sql.scroll(CursorRequest(size=1, after=page.next), order_by=order)
                while page.previous is not None:
                    page = await sql.scroll(CursorRequest(size=2, before=page.previous), order_by=order)
                    back[:0] = [sample.id for sample in page.items]
                assert back == expected[:-1]

    @pytest.mark.parametrize("value", ["LAST", "nonsense"])
    async def test_a_cursor_of_no_member_is_refused(
        self, sessions: async_sessionmaker[AsyncSession], value: str
    ) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            keyset = keyset_of(lambda s: s.grade, Sample, ThingId)
            forged = SqlSamples(unit).cursors.encode(keyset.fingerprint, [value, ThingId.new().value])
            with pytest.raises(InvalidCursorError, match="it holds a value that the order's field cannot have"):
                await SqlSamples(unit).scroll(CursorRequest(after=forged), order_by=lambda s: s.grade)

    async def test_numbers_beyond_their_scale_are_walked_once(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        stored = samples()
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await SqlSamples(unit).add_all(stored)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            assert await walk(SqlSamples(unit), lambda s: s.amount) == [sample.id for sample in stored]
            assert (await SqlSamples(unit).get(stored[1].id)).amount == Decimal("1.01")

    async def test_nothing_in_a_json_column_is_null(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await SqlSamples(unit).add_all(samples())
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            found = await SqlSamples(unit).list(lambda s: is_null(s.facts))
            assert [sample.facts for sample in found] == [None] * 4
            found[0].facts, found[0].flag, found[1].flag = {"a": 1}, True, False
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            repository = SqlSamples(unit)
            assert await repository.count(lambda s: is_null(s.facts)) == 3
            assert sorted(str(sample.flag) for sample in await repository.list()) == ["False"] + ["None"] * 6 + ["True"]
            (await repository.get(found[0].id)).facts = None
            assert await repository.count(lambda s: is_null(s.facts)) == 4

    async def test_what_databases_compare_differently_is_refused(
        self, sessions: async_sessionmaker[AsyncSession]
    ) -> None:
        criteria: list[tuple[Criterion[Sample], str]] = [
            (lambda s: present(s.flag), "flag lies in a JSON column"),
            (lambda s: one_of(s.flag, [True]), "flag lies in a JSON column"),
            (lambda s: cast("Any", s.grade) > Grade.LAST, "grade lies in an Enum column"),
        ]
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            for criterion, problem in criteria:
                with pytest.raises(TypeError, match=problem):
                    await SqlSamples(unit).list(criterion)
            with pytest.raises(TypeError, match="lies in a JSON column"):
                await SqlSamples(unit).list(order_by=lambda s: s.flag)
            assert await SqlSamples(unit).list(lambda s: s.grade == Grade.LAST) == []


@pytest.mark.usefixtures("own_tables")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_two_repositories_that_store_one_type_differently_are_refused(
    sessions: async_sessionmaker[AsyncSession],
) -> None:
    class Shouting(SqlThings):
        def to_row(self, entity: Thing) -> Mapping[str, Any]:
            return {**super().to_row(entity), "title": entity.name.upper()}

    class Same(SqlThings):
        """Stores them as its base does."""

    async with SqlAlchemyUnitOfWork(sessions) as unit:
        thing = Thing(id=ThingId.new(), name="box")
        await SqlThings(unit).add(thing)
        assert await SqlThings(unit).get(thing.id) is await Same(unit).get(thing.id)
        with pytest.raises(DefinitionError, match="store Thing in different ways"):
            Shouting(unit)
