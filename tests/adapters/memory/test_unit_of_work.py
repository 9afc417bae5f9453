"""The in-memory unit of work keeps the contract; and what is its own."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.domain import Money
from cleanarch_kit.errors import UnitOfWorkStateError
from cleanarch_kit.testing import (
    Book,
    BookId,
    Note,
    NoteId,
    ScopeContract,
    Subject,
    UnitOfWorkContract,
    compare_with_a_model,
    keep_tenants_apart,
)


class InMemoryBooks(InMemoryRepository[Book, BookId]):
    unique: UniqueKeys[Book] = {"uq_books_isbn": lambda b: b.isbn}


class InMemoryNotes(InMemoryRepository[Note, NoteId]):
    """Nothing to add."""


class TestInMemoryUnitOfWork(UnitOfWorkContract):
    @pytest.fixture
    def subject(self) -> Subject:
        store = InMemoryStore()
        return Subject(partial(InMemoryUnitOfWork, store), InMemoryBooks, InMemoryNotes)


def test_it_does_what_a_model_says() -> None:
    @asynccontextmanager
    async def subjects() -> AsyncGenerator[Mapping[str, Subject]]:
        yield {"memory": Subject(partial(InMemoryUnitOfWork, InMemoryStore()), InMemoryBooks, InMemoryNotes)}

    compare_with_a_model(subjects, examples=150)


async def test_a_unit_within_a_unit_that_wants_the_same_row_is_refused_instead_of_waiting_for_itself() -> None:
    store, book = InMemoryStore(), a_book()
    async with InMemoryUnitOfWork(store) as unit:
        await InMemoryBooks(unit).add(book)
    async with InMemoryUnitOfWork(store) as outer:
        await InMemoryBooks(outer).get(book.id, for_update=True)
        with pytest.raises(UnitOfWorkStateError, match="wait for itself"):
            async with InMemoryUnitOfWork(store) as inner:
                (await InMemoryBooks(inner).get(book.id)).title = "changed"


async def test_whoever_waits_for_a_lock_can_give_up() -> None:
    store, book = InMemoryStore(), a_book()
    async with InMemoryUnitOfWork(store) as unit:
        await InMemoryBooks(unit).add(book)

    async def wait_in_vain() -> None:
        async with InMemoryUnitOfWork(store) as unit:
            await InMemoryBooks(unit).get(book.id, for_update=True)

    async with InMemoryUnitOfWork(store) as holder:
        await InMemoryBooks(holder).get(book.id, for_update=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.create_task(wait_in_vain()), 0.01)
    await asyncio.wait_for(wait_in_vain(), 10)
    assert store.locks._owners == {}


def a_book() -> Book:
    identity = BookId.new()
    return Book(id=identity, isbn=str(identity), title="Emma", price=Money(1, "EUR"))


class TestInMemoryScopes(ScopeContract):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(partial(InMemoryUnitOfWork, InMemoryStore()), InMemoryBooks, InMemoryNotes)


def test_it_keeps_tenants_apart() -> None:
    @asynccontextmanager
    async def subjects() -> AsyncGenerator[Mapping[str, Subject]]:
        yield {"memory": Subject(partial(InMemoryUnitOfWork, InMemoryStore()), InMemoryBooks, InMemoryNotes)}

    keep_tenants_apart(subjects, examples=200)
