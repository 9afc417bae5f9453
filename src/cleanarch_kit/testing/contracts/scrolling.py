"""The part of the repository contract about pages by place: nothing lost, nothing twice."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from cleanarch_kit.application.pagination.pages import CursorRequest
from cleanarch_kit.application.ports.repository import SearchableRepository
from cleanarch_kit.domain.criteria import Ordering
from cleanarch_kit.domain.specification import asc, desc, present
from cleanarch_kit.errors import InvalidCursorError
from cleanarch_kit.testing.contracts.subject import Book, BookId, Contract, Subject, a_book

__all__ = ["ScrollingContract"]

_SIZES = range(1, 14)
_T0 = datetime(2024, 1, 1, tzinfo=UTC)


_ORDERS: dict[str, Ordering[Book] | None] = {
    "identity": None,
    "ties": lambda b: b.title,
    "ties, downwards": lambda b: desc(b.title),
    "nulls last": lambda b: b.rank,
    "nulls first": lambda b: asc(b.rank, nulls_first=True),
    "nulls last, downwards": lambda b: desc(b.rank),
    "nulls first, downwards": lambda b: desc(b.rank, nulls_first=True),
    "mixed directions": lambda b: (desc(b.rank), b.title),
    "mixed directions and nulls": lambda b: (asc(b.rank, nulls_first=True), desc(b.published_at), b.title),
    "all downwards": lambda b: (desc(b.title), desc(b.rank), desc(b.published_at)),
    "a part of a value": lambda b: (b.price.amount, desc(b.rank)),
    "explicit identity": lambda b: (b.title, desc(b.id)),
}


def _sample() -> list[Book]:
    """Many ties, many Nones, in no order."""
    books: list[Book] = []
    for number in range(17):
        book = a_book(
            f"title {number * 7 % 3}", rank=None if number % 4 == 0 else number * 5 % 3, price=number * 11 % 4
        )
        book.published_at = None if number % 3 == 0 else _T0 + timedelta(microseconds=number % 2)
        books.append(book)
    return books


class ScrollingContract(Contract):
    """Walking an order with cursors equals reading it at once."""

    async def test_a_walk_forwards_equals_the_whole(self, subject: Subject) -> None:
        await subject.add_books(*_sample())
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            for name, order in _ORDERS.items():
                whole = await _whole(books, order)
                for size in _SIZES:
                    assert await _forwards(books, order, size) == whole, f"order {name!r}, size {size}"

    async def test_a_walk_backwards_equals_the_whole(self, subject: Subject) -> None:
        await subject.add_books(*_sample())
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            for name, order in _ORDERS.items():
                whole = await _whole(books, order)
                for size in _SIZES:
                    assert await _backwards(books, order, size) == whole[:-1], f"order {name!r}, size {size}"

    async def test_a_page_leads_on_and_back(self, subject: Subject) -> None:
        await subject.add_books(*_sample())
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            for name, order in _ORDERS.items():
                first = await books.scroll(CursorRequest(size=5), order_by=order)
                assert first.previous is None
                second = await books.scroll(CursorRequest(size=5, after=first.next), order_by=order)
                back = await books.scroll(CursorRequest(size=5, before=second.previous), order_by=order)
                assert _ids(back.items) == _ids(first.items), name
                assert (back.next, back.previous) == (first.next, None)
                again = await books.scroll(CursorRequest(size=5, after=back.next), order_by=order)
                assert _ids(again.items) == _ids(second.items), name

    async def test_a_walk_meets_the_criteria_only(self, subject: Subject) -> None:
        await subject.add_books(*_sample())
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            expected = _ids(await books.list(lambda b: present(b.rank) > 0, order_by=lambda b: b.title))
            walked: list[BookId] = []
            after: str | None = None
            while True:
                page = await books.scroll(
                    CursorRequest(size=3, after=after), lambda b: present(b.rank) > 0, order_by=lambda b: b.title
                )
                walked += _ids(page.items)
                if page.next is None:
                    break
                after = page.next
            assert walked == expected

    async def test_a_walk_loses_nothing_while_others_write(self, subject: Subject) -> None:
        """What was there all the time is met exactly once, whatever is added and deleted between two pages."""
        sample = _sample()
        await subject.add_books(*sample)
        doomed = sample[::5]
        lasting = {book.id for book in sample} - {book.id for book in doomed}
        for name, order in _ORDERS.items():
            added: list[BookId] = []
            walked: list[BookId] = []
            after: str | None = None
            while True:
                async with subject.unit_of_work() as unit:
                    page = await subject.books(unit).scroll(CursorRequest(size=4, after=after), order_by=order)
                walked += _ids(page.items)
                if page.next is None:
                    break
                after = page.next
                async with subject.unit_of_work() as unit:
                    books = subject.books(unit)
                    book = a_book(f"title {len(added) % 4}", rank=len(added) % 3 or None)
                    await books.add(book)
                    added.append(book.id)
                    if doomed:
                        await books.delete(doomed.pop().id)
            assert len(set(walked)) == len(walked), name
            assert lasting <= set(walked), name
            async with subject.unit_of_work() as unit:
                books = subject.books(unit)
                for identity in added:
                    await books.delete(identity)

    async def test_behind_the_end_there_is_an_empty_page(self, subject: Subject) -> None:
        book = a_book()
        await subject.add_books(book, a_book("last"))
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            page = await books.scroll(CursorRequest(size=1))
            await books.delete((await books.list())[1].id)
            beyond = await books.scroll(CursorRequest(size=1, after=page.next))
            assert (beyond.items, beyond.next, beyond.previous) == ((), None, None)
            empty = await books.scroll(CursorRequest(), lambda b: b.title == "other")
            assert (empty.items, empty.next, empty.previous) == ((), None, None)

    async def test_a_cursor_that_is_not_for_this_order_is_refused(self, subject: Subject) -> None:
        await subject.add_books(*_sample())
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            issued = {
                name: (await books.scroll(CursorRequest(size=2), order_by=by)).next for name, by in _ORDERS.items()
            }
            for name, order in _ORDERS.items():
                for other, cursor in issued.items():
                    if other == name:
                        continue
                    with pytest.raises(InvalidCursorError):
                        await books.scroll(CursorRequest(after=cursor), order_by=order)
            cursor = issued["ties"]
            assert cursor is not None
            changed = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(12)]
            for forged in ("", "x", "bm90LWEtY3Vyc29y", "!!!", cursor[:-3], cursor + "AAAA", "é" * 9, *changed):
                with pytest.raises(InvalidCursorError):
                    await books.scroll(CursorRequest(before=forged), order_by=lambda b: b.title)
            assert await books.count() == 17  # the unit of work is none the worse for it


def _ids(books: Sequence[Book]) -> list[BookId]:
    return [book.id for book in books]


async def _whole(books: SearchableRepository[Book, BookId], order: Ordering[Book] | None) -> list[BookId]:
    return _ids(await books.list(order_by=order))


async def _forwards(books: SearchableRepository[Book, BookId], order: Ordering[Book] | None, size: int) -> list[BookId]:
    walked: list[BookId] = []
    page = await books.scroll(CursorRequest(size=size), order_by=order)
    while True:
        walked += _ids(page.items)
        if page.next is None:
            return walked
        page = await books.scroll(CursorRequest(size=size, after=page.next), order_by=order)


async def _backwards(
    books: SearchableRepository[Book, BookId], order: Ordering[Book] | None, size: int
) -> list[BookId]:
    """Everything in front of the last entity, which the walk starts from."""
    end = await books.scroll(CursorRequest(size=100), order_by=order)
    last = await books.scroll(CursorRequest(size=len(end.items) - 1), order_by=order)
    page = await books.scroll(CursorRequest(size=1, after=last.next), order_by=order)
    walked: list[BookId] = []
    while page.previous is not None:
        page = await books.scroll(CursorRequest(size=size, before=page.previous), order_by=order)
        walked[:0] = _ids(page.items)
    return walked
