"""What a contract is tested on: sample entities, and the adapter that stores them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import wraps
from typing import Any, ClassVar, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar

import pytest

from cleanarch_kit.application.ports.event_publisher import EventPublisher
from cleanarch_kit.application.ports.repository import Repository, SearchableRepository
from cleanarch_kit.application.ports.unit_of_work import UnitOfWork
from cleanarch_kit.application.tracking.after_commit import ErrorReport, TagInvalidator
from cleanarch_kit.application.tracking.row_scopes import RowScopes
from cleanarch_kit.domain.entity import AggregateRoot, Entity
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.domain.identity import EntityId
from cleanarch_kit.domain.values.money import Money

__all__ = [
    "Book",
    "BookId",
    "BookRenamed",
    "Capability",
    "Contract",
    "MakeUnitOfWork",
    "Note",
    "NoteId",
    "Subject",
    "a_book",
    "needs",
]

P = ParamSpec("P")


class BookId(EntityId):
    """Identity of a `Book`."""


class NoteId(EntityId):
    """Identity of a `Note`."""


@dataclass(frozen=True, kw_only=True)
class BookRenamed(DomainEvent, name="cleanarch_kit.contract.book_renamed"):
    """A book got another title."""

    book_id: BookId
    title: str


@dataclass(kw_only=True)
class Book(AggregateRoot[BookId]):
    """The sample aggregate: text, a unique key, a composite value, and two fields that may hold None."""

    isbn: str
    title: str
    price: Money
    rank: int | None = None
    published_at: datetime | None = None

    def rename(self, title: str) -> None:
        """Give it another title, and record that."""
        self.title = title
        self.record_event(BookRenamed(book_id=self.id, title=title))


@dataclass(kw_only=True)
class Note(Entity[NoteId]):
    """The sample entity without a version."""

    text: str
    stars: int = 0


class Capability(Enum):
    """What an adapter may be without. A test that needs something that is not declared is skipped, with its name."""

    UNIQUE_KEYS = "refuses a second row with the same unique key, by the name of the constraint"
    SAVEPOINTS = "goes back to a savepoint"
    CONCURRENT_WRITERS = "lets two units of work write at the same time"
    LOCKS = "locks rows for_update, one by one"
    SKIP_LOCKED = "can leave out locked rows"
    STREAMS = "gives entities one after another"


class Subject:
    """The adapter under test.

    Args:
        unit_of_work: makes a unit of work; takes the keyword arguments of `MakeUnitOfWork`.
        books: makes the repository of `Book` for a unit of work. Its unique constraint on ``isbn`` is called
            ``"uq_books_isbn"``.
        notes: makes the repository of `Note` for a unit of work.
        open_connections: how many connections are in use; 0 again whenever no unit of work is open.
    """

    def __init__(
        self,
        unit_of_work: "MakeUnitOfWork",
        books: Callable[[Any], SearchableRepository[Book, BookId]],  # Any: the adapter's own unit of work
        notes: Callable[[Any], Repository[Note, NoteId]],
        open_connections: Callable[[], int] = lambda: 0,
    ) -> None:
        self.unit_of_work = unit_of_work
        self.books = books
        self.notes = notes
        self.open_connections = open_connections

    async def add_books(self, *books: Book) -> None:
        """Store books in a unit of work of their own."""
        async with self.unit_of_work() as unit:
            await self.books(unit).add_all(books)

    async def book(self, identity: BookId) -> Book | None:
        """Load a book in a unit of work of its own."""
        async with self.unit_of_work() as unit:
            return await self.books(unit).get_by_id(identity)

    async def titles(self) -> list[str]:
        """The titles of all books, sorted."""
        async with self.unit_of_work() as unit:
            return sorted([book.title for book in await self.books(unit).list()])


class MakeUnitOfWork(Protocol):
    """Makes units of work as the constructors of the adapters do."""

    def __call__(
        self,
        *,
        publisher: EventPublisher | None = None,
        cache: TagInvalidator | None = None,
        read_only: bool = False,
        scopes: RowScopes | None = None,
        on_after_commit_error: ErrorReport | None = None,
    ) -> UnitOfWork:
        """A new unit of work."""
        ...


class Contract:
    """Base of the contracts.

    Attributes:
        capabilities: what the adapter declares to have.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)

    @pytest.fixture
    def subject(self) -> "Subject | AsyncIterator[Subject]":
        """The adapter under test, with an empty store. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture 'subject' that gives a Subject")


ContractT = TypeVar("ContractT", bound=Contract)
_Test: TypeAlias = Callable[Concatenate[ContractT, P], Awaitable[None]]


def needs(*capabilities: Capability) -> Callable[[_Test[ContractT, P]], _Test[ContractT, P]]:
    """Have a test skipped for adapters that do not declare these capabilities; the report of contracts shows it."""

    def mark(test: _Test[ContractT, P]) -> _Test[ContractT, P]:
        @wraps(test)
        async def run(contract: ContractT, /, *args: P.args, **kwargs: P.kwargs) -> None:
            missing = [capability.name for capability in capabilities if capability not in contract.capabilities]
            if missing:
                pytest.skip(f"{type(contract).__name__} does not declare {', '.join(missing)}")
            await test(contract, *args, **kwargs)

        vars(run)["needed"] = capabilities
        return run

    return mark


_next_isbn = iter(range(10**9))


def a_book(title: str = "Emma", *, rank: int | None = None, isbn: str | None = None, price: int = 1000) -> Book:
    """A book that is not stored yet, with a unique key of its own unless one is given."""
    return Book(
        id=BookId.new(),
        isbn=isbn or f"isbn-{next(_next_isbn)}",
        title=title,
        price=Money(price, "EUR"),
        rank=rank,
    )
