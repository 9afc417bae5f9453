"""The SQL that storing costs, and what two repositories of one entity do to each other."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyRepository, SqlAlchemyUnitOfWork
from cleanarch_kit.domain import Money
from cleanarch_kit.errors import DefinitionError
from cleanarch_kit.testing import Book, BookId, Subject


def a_book(number: int) -> Book:
    return Book(id=BookId.new(), isbn=f"isbn {number}", title="Emma", price=Money(1, "EUR"))


@contextmanager
def statements_of(engine: AsyncEngine) -> Generator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("SET", "START")) and "information_schema" not in statement:
            seen.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_new_rows_of_one_type_are_written_by_one_statement(engine: AsyncEngine, sql_subject: Subject) -> None:
    await sql_subject.add_books(a_book(50))  # the first use of an engine may look at the database
    with statements_of(engine) as seen:
        await sql_subject.add_books(*map(a_book, range(50)))
    assert len(seen) == 1


async def test_an_update_names_only_what_changed(engine: AsyncEngine, sql_subject: Subject) -> None:
    await sql_subject.add_books(book := a_book(1))
    with statements_of(engine) as seen:
        async with sql_subject.unit_of_work() as unit:
            (await sql_subject.books(unit).get(book.id)).title = "Persuasion"
    assert len(seen) == 2
    assert seen[1].startswith("UPDATE books SET version=")
    assert "isbn" not in seen[1]


async def test_a_thousand_reads_by_identity_cost_a_thousand_selects(engine: AsyncEngine, sql_subject: Subject) -> None:
    stored = [a_book(number) for number in range(100)]
    await sql_subject.add_books(*stored)
    with statements_of(engine) as seen:
        async with sql_subject.unit_of_work() as unit:
            books = sql_subject.books(unit)
            for book in stored:
                (await books.get(book.id)).rank = 1
                await books.get(book.id)
            assert len(seen) == 100  # a pending change is not written by a read by identity
    assert len(seen) == 101


async def test_two_repositories_that_store_one_entity_differently_are_refused(sql_subject: Subject) -> None:
    other = sa.Table("other_books", sa.MetaData(), *(sa.Column(name, sa.String) for name in ("id", "version", "isbn")))

    class OtherBooks(SqlAlchemyRepository[Book, BookId]):
        table = sa.Table(
            "other_books",
            sa.MetaData(),
            *(
                sa.Column(name, sa.String)
                for name in ["id", "version", "isbn", "title", "price_amount", "price_currency", "rank", "published_at"]
            ),
        )

    assert other.name == OtherBooks.mapper().mapping.table.name
    async with sql_subject.unit_of_work() as unit:
        assert isinstance(unit, SqlAlchemyUnitOfWork)
        sql_subject.books(unit)
        with pytest.raises(DefinitionError) as caught:
            OtherBooks(unit)
    assert str(caught.value) == ("two repositories of one unit of work store Book in different ways: use one of them")
