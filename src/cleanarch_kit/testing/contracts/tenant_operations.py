"""What a tenant may do to books in a unit of work with its row scope, and what must come of it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from hypothesis import strategies as st

from cleanarch_kit.application.pagination.pages import CursorRequest, PageRequest
from cleanarch_kit.application.ports.repository import SearchableRepository
from cleanarch_kit.domain.criteria import Criterion
from cleanarch_kit.domain.specification import is_null, one_of
from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.errors import ConcurrencyError, NotFoundError, OutOfScopeError
from cleanarch_kit.testing.contracts.subject import Book, BookId

__all__ = ["OPERATIONS", "TITLES", "Row", "Session", "numbers"]

T = TypeVar("T")

_IDS: Final = [BookId(f"00000000-0000-7000-8000-00000000000{number}") for number in range(6)]
TITLES: Final = ("a", "b")


@dataclass(frozen=True)
class Row:
    """What should be stored of a book; its rank is the tenant, if it has one."""

    number: int
    tenant: int | None
    title: str
    version: int = 0

    def book(self) -> Book:
        """A book that no unit of work knows, with this identity and version."""
        book = Book(
            id=_IDS[self.number],
            isbn=f"isbn-{self.number}",
            title=self.title,
            price=Money(1, "EUR"),
            rank=self.tenant,
        )
        book.version = self.version
        return book


_CRITERIA: Final[tuple[tuple[Criterion[Book] | None, Callable[[Row], bool]], ...]] = (
    (None, lambda row: True),
    (lambda b: b.title == "a", lambda row: row.title == "a"),
    (lambda b: (b.title == "a") | (b.title != "a"), lambda row: True),
    (lambda b: is_null(b.rank) | (b.rank != 10), lambda row: True),
    (lambda b: b.rank == 2, lambda row: row.tenant == 2),
    (lambda b: one_of(b.id, _IDS[:4]), lambda row: row.number < 4),
)


@dataclass
class Session:
    """What one tenant does in one unit of work, and what should be stored meanwhile.

    Attributes:
        tenant: the tenant.
        data: Hypothesis's choices.
        rows: what is stored, by number, whoever it belongs to.
        cursors: cursors that either tenant was given.
        doomed: whether the unit of work must not be committed.
        books: the repository.
    """

    tenant: int
    data: st.DataObject
    rows: dict[int, Row]
    cursors: list[str]
    doomed: bool = False
    books: SearchableRepository[Book, BookId] = field(init=False)

    def pick(self, *choices: T) -> T:
        """One of several things."""
        return self.data.draw(st.sampled_from(choices))

    def number(self) -> int:
        """The number of a book that may be there."""
        return self.data.draw(st.integers(0, len(_IDS) - 1))

    def sees(self, number: int) -> bool:
        """Whether a book is there and belongs to the tenant."""
        return number in self.rows and self.rows[number].tenant == self.tenant

    def criterion(self) -> tuple[Criterion[Book] | None, list[int]]:
        """A criterion, and the numbers of the books that it should find, by title and number."""
        where, wanted = self.pick(*_CRITERIA)
        found = sorted((row.title, row.number) for row in self.rows.values() if self.sees(row.number) and wanted(row))
        return where, [number for _, number in found]


def numbers(books: Iterable[Book]) -> list[int]:
    """The numbers of books."""
    return [_IDS.index(book.id) for book in books]


async def _get_by_id(session: Session) -> None:
    number = session.number()
    found = await session.books.get_by_id(_IDS[number], for_update=session.pick(False, True))
    assert (found is not None) is session.sees(number)


async def _get(session: Session) -> None:
    number = session.number()
    try:
        await session.books.get(_IDS[number])
    except NotFoundError:
        assert not session.sees(number)
    else:
        assert session.sees(number)


async def _list(session: Session) -> None:
    where, expected = session.criterion()
    limit, lock = session.pick(None, 2), session.pick(False, True)
    found = await session.books.list(where, order_by=lambda b: b.title, limit=limit, for_update=lock)
    assert numbers(found) == expected[:limit]


async def _first(session: Session) -> None:
    where, expected = session.criterion()
    found = await session.books.first(where, order_by=lambda b: b.title)
    assert numbers([found] if found else []) == expected[:1]


async def _count(session: Session) -> None:
    where, expected = session.criterion()
    assert await session.books.count(where) == len(expected)


async def _exists(session: Session) -> None:
    where, expected = session.criterion()
    assert await session.books.exists(where) is bool(expected)


async def _paginate(session: Session) -> None:
    where, expected = session.criterion()
    page = await session.books.paginate(PageRequest(per_page=2), where, order_by=lambda b: b.title)
    assert (page.total, numbers(page.items)) == (len(expected), expected[:2])


async def _slice(session: Session) -> None:
    where, expected = session.criterion()
    part = await session.books.slice(PageRequest(per_page=2), where, order_by=lambda b: b.title)
    assert (part.has_next, numbers(part.items)) == (len(expected) > 2, expected[:2])


async def _scroll(session: Session) -> None:
    where, expected = session.criterion()
    cursor = session.pick(None, *session.cursors)
    request = session.pick(CursorRequest(size=2, before=cursor), CursorRequest(size=2, after=cursor))
    page = await session.books.scroll(request, where, order_by=lambda b: b.title)
    assert set(numbers(page.items)) <= set(expected)
    assert cursor is not None or len(page.items) == min(2, len(expected))
    session.cursors += [cursor for cursor in (page.next, page.previous) if cursor is not None]


async def _stream(session: Session) -> None:
    where, expected = session.criterion()
    assert numbers([book async for book in session.books.stream(where, order_by=lambda b: b.title)]) == expected


async def _add(session: Session) -> None:
    await _added(session, session.books.add)


async def _add_all(session: Session) -> None:
    await _added(session, lambda book: session.books.add_all([book]))


async def _added(session: Session, add: Callable[[Book], Awaitable[None]]) -> None:
    tenant = session.pick(None, 1, 2)
    row = Row(session.number(), tenant, session.pick(*TITLES))
    if row.number in session.rows:
        return
    try:
        await add(row.book())
    except OutOfScopeError:
        assert tenant != session.tenant
    else:
        assert tenant == session.tenant
        session.rows[row.number] = row


async def _delete(session: Session) -> None:
    number = session.number()
    assert await session.books.delete(_IDS[number]) is session.sees(number)
    if session.sees(number):
        del session.rows[number]


async def _change(session: Session) -> None:
    number = session.number()
    if session.sees(number):
        row = Row(number, session.tenant, session.pick(*TITLES))
        (await session.books.get(_IDS[number])).title = row.title
        session.rows[number] = row


async def _update(session: Session) -> None:
    """Ends a unit of work: what does not belong to the tenant is refused now or when it is written."""
    number = session.number()
    stored = session.rows.get(number)
    if stored is None or session.sees(number):
        return
    claimed = session.pick(session.tenant, stored.tenant)
    session.doomed = True
    try:
        await session.books.update(Row(number, claimed, "forged", stored.version).book())
        await session.books.count()
    except OutOfScopeError:
        assert claimed == stored.tenant
        raise
    except ConcurrencyError:
        assert claimed == session.tenant
        raise
    else:
        raise AssertionError("a book of another tenant was overwritten")


async def _leave(session: Session) -> None:
    """Ends a unit of work: what belongs to the tenant cannot be given away."""
    number = session.number()
    if session.sees(number):
        book = await session.books.get(_IDS[number])
        book.rank = session.pick(None, 3 - session.tenant)
        session.doomed = True
        await session.books.count()
        raise AssertionError("a book was given to another tenant")


OPERATIONS: Final[Mapping[str, Callable[[Session], Awaitable[None]]]] = {
    operation.__name__.removeprefix("_"): operation
    for operation in (
        *(_get_by_id, _get, _list, _first, _count, _exists, _paginate, _slice, _scroll, _stream),
        *(_add, _add_all, _delete, _update, _change, _leave),
    )
}
