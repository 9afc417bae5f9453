"""Running statements so that nothing of what the driver says comes out."""

import traceback
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from cleanarch_kit.adapters.sqlalchemy.connecting.execution import run, translated
from cleanarch_kit.application import CursorRequest, PageRequest, SearchableRepository
from cleanarch_kit.domain import contains, one_of
from cleanarch_kit.domain.criteria import Criterion
from cleanarch_kit.errors import CleanArchError, StorageError
from cleanarch_kit.testing import Book, BookId, Subject
from cleanarch_kit.testing.contracts.subject import a_book


def fail(connection: sa.Connection) -> None:
    connection.execute(sa.text("SELECT 1 FROM nowhere"))


def mistake(_connection: sa.Connection) -> None:
    raise RuntimeError("not the database's")


async def test_nothing_leads_back_to_what_the_driver_said(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        with pytest.raises(StorageError) as caught:
            await run(session, None, fail)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert caught.value.orig is not None


async def test_errors_of_others_pass(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        with pytest.raises(RuntimeError, match="not the database's"):
            await run(session, None, mistake)

    async def broken() -> None:
        raise RuntimeError("not the database's")

    with pytest.raises(RuntimeError):
        await translated(broken())


CANARY = "@".join(("canary", "hunter2.example"))  # in two parts, because a traceback shows the lines of this file
Work = Callable[[SearchableRepository[Book, BookId], Book], Awaitable[object]]


def anything(value: object) -> Any:
    """A value that no checker would let pass."""
    return value


async def add_the_same_key(books: SearchableRepository[Book, BookId], stored: Book) -> None:
    await books.add(a_book(isbn=stored.isbn))


async def add_the_same_key_among_many(books: SearchableRepository[Book, BookId], stored: Book) -> None:
    await books.add_all([*(a_book() for _ in range(150)), a_book(isbn=stored.isbn)])


async def add_the_same_identity(books: SearchableRepository[Book, BookId], stored: Book) -> None:
    await books.add(replace(stored, isbn="another"))


async def change_many_into_the_same_key(books: SearchableRepository[Book, BookId], stored: Book) -> None:
    for book in await books.list(lambda b: b.id != stored.id):
        book.isbn = stored.isbn


async def store(books: SearchableRepository[Book, BookId], **values: Any) -> None:
    await books.add(replace(a_book(), **values))


async def scroll_from_a_forged_place(books: SearchableRepository[Book, BookId], stored: Book) -> None:
    page = await books.scroll(CursorRequest(size=1), order_by=lambda b: b.title)
    await books.scroll(CursorRequest(after=f"{page.next}{CANARY}"), order_by=lambda b: b.title)


async def stream(books: SearchableRepository[Book, BookId], where: Criterion[Book]) -> None:
    async for _ in books.stream(where):
        pass


WORKS: dict[str, Work] = {
    "a duplicate": add_the_same_key,
    "a duplicate among many": add_the_same_key_among_many,
    "a duplicate identity": add_the_same_identity,
    "many changed into one": change_many_into_the_same_key,
    "text that is too long": lambda books, _: store(books, title=CANARY * 20),
    "text with a NUL": lambda books, _: store(books, title=f"{CANARY}\0"),
    "text with a lone surrogate": lambda books, _: store(books, title=f"{CANARY}\ud800"),
    "text for a number": lambda books, _: store(books, rank=anything(CANARY)),
    "a number that is too great": lambda books, _: store(books, title=CANARY, rank=2**80),
    "nothing where something must be": lambda books, _: store(books, isbn=CANARY, title=anything(None)),
    "a naive moment": lambda books, _: store(books, isbn=CANARY, published_at=datetime(2024, 1, 1)),  # noqa: DTZ001
    "a search by a surrogate": lambda books, _: books.list(lambda b: contains(b.title, f"{CANARY}\ud800")),
    "a search by text for a number": lambda books, _: books.list(lambda b: b.rank == anything(CANARY)),
    "a count by one of many": lambda books, _: books.count(lambda b: one_of(b.rank, [anything(CANARY)])),
    "a stream by a surrogate": lambda books, _: stream(books, lambda b: b.title == f"{CANARY}\ud800"),
    "a lock by a surrogate": lambda books, _: books.list(lambda b: b.title == f"{CANARY}\ud800", for_update=True),
    "a forged cursor": scroll_from_a_forged_place,
    "an unknown sort field": lambda books, _: books.paginate(PageRequest(), order_by=books.sorted_by(CANARY)),
}


ACCEPTED = {  # what a database takes for itself
    "postgresql": set[str](),
    "mysql": {"text with a NUL", "a search by text for a number", "a count by one of many"},
    "sqlite": {
        *("text with a NUL", "a search by text for a number", "a count by one of many"),
        *("text that is too long", "text for a number"),
    },
}


@pytest.mark.parametrize("savepoint", [False, True], ids=["", "in a savepoint"])
async def test_no_error_shows_what_users_typed(engine: AsyncEngine, sql_subject: Subject, savepoint: bool) -> None:
    """Neither in its text nor in a traceback, causes, contexts and notes included, whatever the driver said."""
    stored = a_book(CANARY, isbn=CANARY)
    await sql_subject.add_books(stored, a_book(), a_book())
    raised: set[str] = set()
    for name, work in WORKS.items():
        try:
            async with sql_subject.unit_of_work() as unit:
                books = sql_subject.books(unit)
                async with unit.savepoint() if savepoint else nullcontext():
                    await work(books, stored)
        except (CleanArchError, TypeError) as error:
            raised.add(name)
            shown = "".join(traceback.format_exception(error)) + repr(error)
            assert CANARY not in shown, name
    assert WORKS.keys() - raised == ACCEPTED[engine.dialect.name]
