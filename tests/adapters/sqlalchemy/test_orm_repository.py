"""The repository over SQLAlchemy's ORM keeps the same contracts; and what is its own."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import ClassVar, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, composite, registry
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.schema import SchemaItem

from cleanarch_kit import testing
from cleanarch_kit.adapters.sqlalchemy import (
    OrmRepository,
    ScalarType,
    SqlAlchemyUnitOfWork,
    UtcDateTime,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.application import SearchableRepository, SortFields
from cleanarch_kit.domain import Money
from cleanarch_kit.testing import (
    BookId,
    Capability,
    NoteId,
    RepositoryContract,
    ScopeContract,
    Subject,
    UnitOfWorkContract,
    compare_with_a_model,
    keep_tenants_apart,
)
from cleanarch_kit.testing.contracts import concurrency, machine, scoping, storing, tenant_operations
from cleanarch_kit.testing.contracts import subject as samples
from cleanarch_kit.testing.contracts.machine import OpenSubjects

SQLITE = frozenset(Capability) - {Capability.CONCURRENT_WRITERS, Capability.LOCKS, Capability.SKIP_LOCKED}


def tables(metadata: sa.MetaData) -> tuple[sa.Table, sa.Table]:
    def table(name: str, *items: SchemaItem) -> sa.Table:
        return sa.Table(name, metadata, *items, mysql_collate="utf8mb4_nopad_bin")

    return (
        table(
            "books",
            sa.Column("id", ScalarType(BookId), primary_key=True),
            sa.Column("version", sa.Integer, nullable=False),
            sa.Column("isbn", sa.String(200), nullable=False),
            sa.Column("title", sa.String(200), nullable=False),
            sa.Column("price_amount", sa.BigInteger, nullable=False),
            sa.Column("price_currency", sa.String(3), nullable=False),
            sa.Column("rank", sa.Integer),
            sa.Column("published_at", UtcDateTime),
            sa.UniqueConstraint("isbn", name="uq_books_isbn"),
        ),
        table(
            "notes",
            sa.Column("id", ScalarType(NoteId), primary_key=True),
            sa.Column("text", sa.String(200), nullable=False),
            sa.Column("stars", sa.Integer, nullable=False),
        ),
    )


class Base(DeclarativeBase): ...


mappers = registry()
declared_books, declared_notes = tables(Base.metadata)
mapped_books, mapped_notes = tables(mappers.metadata)


class Declarative:
    """The samples as declarative classes."""

    class Book(testing.Book, Base):
        __table__ = declared_books
        __mapper_args__ = {"version_id_col": declared_books.c.version}
        price = composite(Money, declared_books.c.price_amount, declared_books.c.price_currency)  # pyright: ignore[reportAssignmentType] - SQLAlchemy's descriptor gives Money

    class Note(testing.Note, Base):
        __table__ = declared_notes

    class Books(OrmRepository[Book, BookId]):
        sort_fields: SortFields["Declarative.Book"] = {"title": lambda b: b.title, "rank": lambda b: b.rank}

    class Notes(OrmRepository[Note, NoteId]):
        """Nothing to add."""

    metadata = Base.metadata


class Imperative:
    """The samples as plain classes, mapped from outside."""

    class Book(testing.Book):
        """Mapped below."""

    class Note(testing.Note):
        """Mapped below."""

    class Books(OrmRepository[Book, BookId]):
        sort_fields: SortFields["Imperative.Book"] = {"title": lambda b: b.title, "rank": lambda b: b.rank}

    class Notes(OrmRepository[Note, NoteId]):
        """Nothing to add."""

    metadata = mappers.metadata


mappers.map_imperatively(
    Imperative.Book,
    mapped_books,
    version_id_col=mapped_books.c.version,
    properties={"price": composite(Money, mapped_books.c.price_amount, mapped_books.c.price_currency)},
)
mappers.map_imperatively(Imperative.Note, mapped_notes)


@pytest.fixture(params=[Declarative, Imperative])
def mapped(request: pytest.FixtureRequest) -> type[Declarative | Imperative]:
    """The samples, mapped in one way; parametrise it indirectly to choose."""
    samples: type[Declarative | Imperative] = request.param
    return samples


class Samples:
    """Gives the contracts the samples that SQLAlchemy maps, in place of their own."""

    @pytest.fixture
    async def subject(
        self,
        mapped: type[Declarative | Imperative],
        engine: AsyncEngine,
        sessions: async_sessionmaker[AsyncSession],
        monkeypatch: pytest.MonkeyPatch,
    ) -> Subject:
        for module in (samples, storing, concurrency):
            monkeypatch.setattr(module, "Book", mapped.Book, raising=False)
            monkeypatch.setattr(module, "Note", mapped.Note, raising=False)
        monkeypatch.setattr(scoping, "Note", mapped.Note)
        async with engine.begin() as connection:
            await connection.run_sync(mapped.metadata.create_all)

        def checked_out() -> int:
            assert isinstance(engine.pool, AsyncAdaptedQueuePool)
            return engine.pool.checkedout()

        def books(unit: SqlAlchemyUnitOfWork) -> SearchableRepository[testing.Book, BookId]:
            return cast("SearchableRepository[testing.Book, BookId]", mapped.Books(unit))

        def notes(unit: SqlAlchemyUnitOfWork) -> SearchableRepository[testing.Note, NoteId]:
            return cast("SearchableRepository[testing.Note, NoteId]", mapped.Notes(unit))

        return Subject(partial(SqlAlchemyUnitOfWork, sessions), books, notes, checked_out)


class OrmRepositories(RepositoryContract):
    subject = Samples.subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteRepository(OrmRepositories):
    """SQLite has one writer and locks the database, not rows."""

    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("mapped", [Declarative], indirect=True)
@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerRepository(OrmRepositories):
    """Every capability is declared."""

    increments = locked_increments = 50


@pytest.mark.parametrize("mapped", [Imperative], indirect=True)
@pytest.mark.parametrize("database", ["asyncmy"], indirect=True)
class TestImperativeRepository(OrmRepositories):
    """Every capability is declared."""

    increments = locked_increments = 50


class OrmUnitsOfWork(UnitOfWorkContract):
    subject = Samples.subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteUnitOfWork(OrmUnitsOfWork):
    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("mapped", [Declarative], indirect=True)
@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerUnitOfWork(OrmUnitsOfWork):
    """Every capability is declared."""


class OrmScopes(ScopeContract):
    subject = Samples.subject


@pytest.mark.parametrize("mapped", [Declarative], indirect=True)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteScopes(OrmScopes):
    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("mapped", [Declarative], indirect=True)
@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerScopes(OrmScopes):
    """Every capability is declared."""


@pytest.mark.parametrize("mapped", [Imperative], indirect=True)
@pytest.mark.parametrize("database", ["asyncpg"], indirect=True)
class TestImperativeScopes(OrmScopes):
    """Every capability is declared."""


@contextmanager
def one_database(url: str) -> Generator[tuple[asyncio.Runner, OpenSubjects]]:
    """A database with the samples as declarative classes, emptied for each example."""
    engine = create_async_engine(url)

    async def run(work: Callable[[sa.Connection], object]) -> None:
        async with engine.begin() as connection:
            await connection.run_sync(work)

    def empty(connection: sa.Connection) -> None:
        for table in Base.metadata.sorted_tables:
            connection.execute(table.delete())

    @asynccontextmanager
    async def subjects() -> AsyncGenerator[Mapping[str, Subject]]:
        await run(empty)
        unit = partial(SqlAlchemyUnitOfWork, session_factory(engine))
        books = cast("Callable[[object], SearchableRepository[testing.Book, BookId]]", Declarative.Books)
        notes = cast("Callable[[object], SearchableRepository[testing.Note, NoteId]]", Declarative.Notes)
        yield {"orm": Subject(unit, books, notes)}

    with asyncio.Runner() as runner:
        runner.run(run(Base.metadata.create_all))
        yield runner, subjects
        runner.run(run(Base.metadata.drop_all))
        runner.run(engine.dispose())


@pytest.mark.parametrize(("database", "examples"), [("sqlite", 15), ("asyncpg", 4)], indirect=["database"])
def test_it_does_what_a_model_says(database_url: str, examples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "Book", Declarative.Book)
    with one_database(database_url) as (runner, subjects):
        compare_with_a_model(subjects, runner=runner, examples=examples, steps=30)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_it_keeps_tenants_apart(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenant_operations, "Book", Declarative.Book)
    with one_database(database_url) as (runner, subjects):
        keep_tenants_apart(subjects, runner=runner, examples=20)
