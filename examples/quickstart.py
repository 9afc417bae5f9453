"""Lend books: a command, a query, a domain event and a unit of work, all in memory.

Runs with `pip install cleanarch-kit` alone: python examples/quickstart.py
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cleanarch_kit.adapters.memory import (
    InMemoryEventPublisher,
    InMemoryRepository,
    InMemoryStore,
    InMemoryUnitOfWork,
)
from cleanarch_kit.application import Command, MessageBus, Query, Repository, Resolve, handles, on, provide
from cleanarch_kit.domain import AggregateRoot, DomainEvent, EntityId
from cleanarch_kit.errors import DomainError


# --- domain: plain Python, with the rules ---------------------------------------------------
class BookId(EntityId):
    """Identity of a book."""


@dataclass(frozen=True, kw_only=True)
class BookLent(DomainEvent, name="library.book.lent"):
    """Somebody took a book home."""

    title: str
    reader: str


@dataclass(kw_only=True)
class Book(AggregateRoot[BookId]):
    """A book, and who has it."""

    title: str
    reader: str | None = None

    def lend_to(self, reader: str) -> None:
        """Hand the book out, if it is here."""
        if self.reader is not None:
            raise DomainError(f"{self.title} is lent to {self.reader}")
        self.reader = reader
        self.record_event(BookLent(title=self.title, reader=reader))


# --- application: use cases, which see ports only ----------------------------------------------
class Books(Repository[Book, BookId]):
    """All books."""


@dataclass(frozen=True, slots=True)
class BuyBook(Command[BookId]):
    """Add a book to the library."""

    title: str


@dataclass(frozen=True, slots=True)
class LendBook(Command):
    """Lend a book to a reader."""

    book_id: BookId
    reader: str


@dataclass(frozen=True, slots=True)
class WhoHas(Query[str | None]):
    """Ask for the reader who has a book."""

    book_id: BookId


@handles(BuyBook)
async def buy_book(command: BuyBook, *, books: Books) -> BookId:
    """Answer with the new book's id."""
    book = Book(id=BookId.new(), title=command.title)
    await books.add(book)
    return book.id


@handles(LendBook)
async def lend_book(command: LendBook, *, books: Books) -> None:
    """Change the book; the unit of work saves it."""
    (await books.get(command.book_id)).lend_to(command.reader)


@handles(WhoHas)
async def who_has(query: WhoHas, *, books: Books) -> str | None:
    """Look it up."""
    return (await books.get(query.book_id)).reader


@on(BookLent)
async def remind(event: BookLent) -> None:
    """Follow up, after the commit."""
    print(f"noted: {event.reader} has {event.title}")


# --- composition root: which adapters fill the ports ----------------------------------------------
class InMemoryBooks(InMemoryRepository[Book, BookId], Books):
    """Nothing to write."""


async def main() -> None:
    """Put everything together, and use it."""
    store, publisher = InMemoryStore(), InMemoryEventPublisher([remind])

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        async with InMemoryUnitOfWork(store, publisher=publisher) as unit:
            yield provide({Books: lambda: InMemoryBooks(unit)})

    bus = MessageBus([buy_book, lend_book, who_has], scope=scope)
    book_id = await bus.execute(BuyBook("Persuasion"))
    await bus.execute(LendBook(book_id, "Ada"))
    try:
        await bus.execute(LendBook(book_id, "Grace"))
    except DomainError as error:
        print(f"refused: {error}")
    print(f"still with: {await bus.execute(WhoHas(book_id))}")


if __name__ == "__main__":
    asyncio.run(main())
