"""The in-memory repository keeps the contract; and what is its own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import pytest

from cleanarch_kit import testing
from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.application import CursorRequest, SearchableRepository
from cleanarch_kit.application.pagination.keyset import Keyset
from cleanarch_kit.domain import Entity, EntityId, Money, present
from cleanarch_kit.domain.criteria import Ordering
from cleanarch_kit.errors import InvalidCursorError, UnitOfWorkStateError
from cleanarch_kit.testing import (
    Book,
    BookId,
    BulkContract,
    Note,
    NoteId,
    Order,
    OrderId,
    OwnedChildrenContract,
    OwnedSubject,
    RepositoryContract,
    Subject,
)
from cleanarch_kit.testing.contracts import subject as sample


class InMemoryBooks(InMemoryRepository[Book, BookId]):
    unique: UniqueKeys[Book] = {"uq_books_isbn": lambda b: b.isbn}


class InMemoryNotes(InMemoryRepository[Note, NoteId]):
    """Nothing to add."""


class TestInMemoryRepository(RepositoryContract):
    increments = 2_000

    @pytest.fixture
    def subject(self) -> Subject:
        store = InMemoryStore()
        return Subject(partial(InMemoryUnitOfWork, store), InMemoryBooks, InMemoryNotes)


class TestInMemoryBulk(BulkContract):
    @pytest.fixture
    def subject(self) -> Subject:
        store = InMemoryStore()
        return Subject(partial(InMemoryUnitOfWork, store), InMemoryBooks, InMemoryNotes)


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

    class Books(InMemoryRepository[Book, BookId]):
        unique: UniqueKeys["WithChildren.Book"] = {"uq_books_isbn": lambda b: b.isbn}


class TestInMemoryWithChildren(RepositoryContract):
    @pytest.fixture
    async def subject(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Subject]:
        monkeypatch.setattr(sample, "Book", WithChildren.Book)

        def books(unit: InMemoryUnitOfWork) -> SearchableRepository[testing.Book, BookId]:
            return cast("SearchableRepository[testing.Book, BookId]", WithChildren.Books(unit))

        unit_of_work = partial(InMemoryUnitOfWork, InMemoryStore())
        yield Subject(unit_of_work, books, InMemoryNotes)
        async with unit_of_work() as unit:  # whatever was done, each book has its two
            assert all([len(book.copies) == 2 async for book in WithChildren.Books(unit).stream()])


class InMemoryOrders(InMemoryRepository[Order, OrderId]):
    """Nothing to add."""


class TestInMemoryOwnedChildren(OwnedChildrenContract):
    @pytest.fixture
    def subject(self) -> OwnedSubject:
        return OwnedSubject(partial(InMemoryUnitOfWork, InMemoryStore()), InMemoryOrders)


@pytest.fixture
async def store() -> InMemoryStore:
    store = InMemoryStore()
    async with InMemoryUnitOfWork(store) as unit:
        await InMemoryBooks(unit).add_all(
            Book(id=BookId.new(), isbn=f"{number}", title=f"b{number}", price=Money(number, "EUR"), rank=number)
            for number in range(4)
        )
    return store


async def test_a_locked_row_is_looked_at_again(store: InMemoryStore) -> None:
    """Whoever waited for it may find that it does not meet the criterion any more, or is gone."""
    locked, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with InMemoryUnitOfWork(store) as unit:
            books = InMemoryBooks(unit)
            mine = await books.list(order_by=lambda b: b.rank, limit=2, for_update=True)
            mine[0].rank = 9
            await books.delete(mine[1].id)
            locked.set()
            await go_on.wait()

    async def second() -> list[int | None]:
        await locked.wait()
        async with InMemoryUnitOfWork(store) as unit:
            waiting = asyncio.create_task(
                InMemoryBooks(unit).list(lambda b: present(b.rank) < 3, order_by=lambda b: b.rank, for_update=True)
            )
            for _ in range(10):
                await asyncio.sleep(0)
            assert not waiting.done()
            go_on.set()
            return [book.rank for book in await waiting]

    _, ranks = await asyncio.gather(first(), second())
    assert ranks == [2]


async def test_offset_and_limit_count_locked_rows(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        books = InMemoryBooks(unit)
        found = await books.list(order_by=lambda b: b.rank, offset=1, limit=2, for_update=True)
        assert [book.rank for book in found] == [1, 2]
        assert len(await books.list(for_update=True)) == 4


async def test_a_cursor_whose_values_do_not_compare_is_refused(store: InMemoryStore) -> None:
    """Where the types of the fields are not known, and so are not checked before."""

    class Untyped(InMemoryBooks):
        def _keyset(self, order_by: Ordering[Book] | None) -> Keyset:
            return replace(super()._keyset(order_by), types=(None, None))

    async with InMemoryUnitOfWork(store) as unit:
        books = Untyped(unit)
        forged = books.cursors.encode(books._keyset(lambda b: b.rank).fingerprint, ["text", None])
        with pytest.raises(InvalidCursorError):
            await books.scroll(CursorRequest(after=forged), order_by=lambda b: b.rank)


async def test_a_criterion_that_fails_leaves_the_unit_of_work_usable(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        books = InMemoryBooks(unit)
        with pytest.raises(TypeError):
            await books.list(lambda b: present(b.rank) > cast("int", "text"))
        assert await books.count() == 4


async def test_a_stream_ends_with_its_unit_of_work(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        stream = InMemoryBooks(unit).stream()
        await anext(stream)
    with pytest.raises(UnitOfWorkStateError):
        await anext(stream)
