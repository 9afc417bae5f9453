"""The part of the repository contract about searching, ordering and pages."""

from contextlib import aclosing
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from cleanarch_kit.application.pagination.pages import PageRequest
from cleanarch_kit.domain.criteria import Criterion, Ordering
from cleanarch_kit.domain.specification import (
    Specification,
    asc,
    contains,
    desc,
    is_null,
    not_,
    one_of,
    present,
    starts_with,
)
from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.errors import InvalidSortError
from cleanarch_kit.testing.contracts.subject import Book, Capability, Contract, Subject, a_book, needs

__all__ = ["SearchingContract"]


async def _titles(subject: Subject, *where: Criterion[Book] | None) -> list[str]:
    """The titles of the books that meet criteria, sorted."""
    async with subject.unit_of_work() as unit:
        books = subject.books(unit)
        found = sorted([book.title for book in await books.list(*where)])
        assert await books.count(*where) == len(found)
        assert await books.exists(*where) is bool(found)
        return found


def _titled(title: str) -> Criterion[Book]:
    return lambda b: b.title == title


def _containing(part: str) -> Criterion[Book]:
    return lambda b: contains(b.title, part)


def _starting_with(part: str) -> Criterion[Book]:
    return lambda b: starts_with(b.title, part)


class SearchingContract(Contract):
    """Searching by criteria, with an order, page by page."""

    async def test_criteria_compare_fields(self, subject: Subject) -> None:
        await subject.add_books(*(a_book(f"b{rank}", rank=rank, price=rank * 100) for rank in range(5)))
        assert await _titles(subject) == ["b0", "b1", "b2", "b3", "b4"]
        assert await _titles(subject, lambda b: b.title == "b3") == ["b3"]
        assert await _titles(subject, lambda b: b.title != "b3") == ["b0", "b1", "b2", "b4"]
        assert await _titles(subject, lambda b: present(b.rank) < 1) == ["b0"]
        assert await _titles(subject, lambda b: present(b.rank) <= 1) == ["b0", "b1"]
        assert await _titles(subject, lambda b: b.price.amount > 300) == ["b4"]
        assert await _titles(subject, lambda b: b.price.amount >= 300) == ["b3", "b4"]
        assert await _titles(subject, lambda b: b.price == Money(200, "EUR")) == ["b2"]
        assert await _titles(subject, lambda b: b.price != Money(200, "EUR")) == ["b0", "b1", "b3", "b4"]

    async def test_criteria_are_joined_and_none_is_no_criterion(self, subject: Subject) -> None:
        await subject.add_books(*(a_book(f"b{rank}", rank=rank) for rank in range(5)))
        low = Specification[Book](lambda b: present(b.rank) < 2)
        assert await _titles(subject, None, lambda b: present(b.rank) > 0, None, lambda b: present(b.rank) < 3) == [
            "b1",
            "b2",
        ]
        assert await _titles(subject, lambda b: (b.title == "b0") | (present(b.rank) > 3)) == ["b0", "b4"]
        assert await _titles(subject, ~low) == ["b2", "b3", "b4"]
        assert await _titles(subject, low & Specification[Book](lambda b: b.title != "b0")) == ["b1"]

    async def test_values_are_read_anew_on_every_call(self, subject: Subject) -> None:
        await subject.add_books(a_book("one"), a_book("two"))
        for title in ("one", "two", "three"):
            assert await _titles(subject, _titled(title)) == [title][: title != "three"]

    async def test_nothing_is_compared_as_sql_compares_null(self, subject: Subject) -> None:
        await subject.add_books(a_book("none"), a_book("one", rank=1), a_book("two", rank=2))
        assert await _titles(subject, lambda b: present(b.rank) > 1) == ["two"]
        assert await _titles(subject, lambda b: not_(present(b.rank) > 1)) == ["one"]
        assert await _titles(subject, lambda b: b.rank != 1) == ["two"]
        assert await _titles(subject, lambda b: (b.rank == 1) | (b.rank != 1)) == ["one", "two"]
        assert await _titles(subject, lambda b: (b.rank == 1) | (b.title == "none")) == ["none", "one"]
        assert await _titles(subject, lambda b: is_null(b.rank)) == ["none"]
        assert await _titles(subject, lambda b: not_(is_null(b.rank))) == ["one", "two"]
        assert await _titles(subject, lambda b: one_of(b.rank, [1, 2])) == ["one", "two"]
        assert await _titles(subject, lambda b: not_(one_of(b.rank, [1]))) == ["two"]

    async def test_one_of_takes_none_one_and_many_values(self, subject: Subject) -> None:
        books = [a_book(f"b{number}", rank=number) for number in range(3)]
        await subject.add_books(*books)
        ids = [book.id for book in books]
        nothing: list[str] = []
        assert await _titles(subject, lambda b: one_of(b.title, nothing)) == []
        assert await _titles(subject, lambda b: not_(one_of(b.title, nothing))) == ["b0", "b1", "b2"]
        assert await _titles(subject, lambda b: one_of(b.id, ids[:1])) == ["b0"]
        assert await _titles(subject, lambda b: one_of(b.id, ids)) == ["b0", "b1", "b2"]
        assert await _titles(subject, lambda b: one_of(b.title, [f"b{n}" for n in range(1, 2000)])) == ["b1", "b2"]

    async def test_text_is_literal(self, subject: Subject) -> None:
        """No character that a user may type is a wildcard."""
        odd = ["100%", "100x", "a_b", "axb", "back\\slash", "(paren", "[a]", "quo'te", 'dou"ble', "^$.*", "*", "?"]
        await subject.add_books(*(a_book(title) for title in odd))
        for title in odd:
            assert await _titles(subject, _containing(title)) == sorted(other for other in odd if title in other)
            assert await _titles(subject, _starting_with(title)) == [title]
            assert await _titles(subject, _titled(title)) == [title]
        assert await _titles(subject, lambda b: contains(b.title, "%")) == ["100%"]
        assert await _titles(subject, lambda b: contains(b.title, "_")) == ["a_b"]
        assert await _titles(subject, lambda b: starts_with(b.title, "\\")) == []
        assert len(await _titles(subject, lambda b: contains(b.title, ""))) == len(odd)

    async def test_text_respects_case_unless_told_otherwise(self, subject: Subject) -> None:
        await subject.add_books(a_book("Emma"), a_book("EMMA"), a_book("emma"))
        assert await _titles(subject, lambda b: b.title == "emma") == ["emma"]
        assert await _titles(subject, lambda b: contains(b.title, "mm")) == ["Emma", "emma"]
        assert await _titles(subject, lambda b: starts_with(b.title, "EM")) == ["EMMA"]
        assert await _titles(subject, lambda b: contains(b.title, "mM", ignore_case=True)) == ["EMMA", "Emma", "emma"]
        assert await _titles(subject, lambda b: starts_with(b.title, "eM", ignore_case=True)) == [
            "EMMA",
            "Emma",
            "emma",
        ]

    async def test_times_are_compared_as_instants(self, subject: Subject) -> None:
        noon = datetime(2024, 6, 1, 12, 0, 0, 1, tzinfo=UTC)
        book = a_book()
        book.published_at = noon
        await subject.add_books(book)
        assert await _titles(subject, lambda b: b.published_at == noon) == ["Emma"]
        assert await _titles(subject, lambda b: present(b.published_at) > noon.replace(microsecond=0)) == ["Emma"]
        assert await _titles(subject, lambda b: present(b.published_at) < noon) == []

    async def test_an_unknown_field_is_refused(self, subject: Subject) -> None:
        misspelt = "titel"
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            with pytest.raises(TypeError, match=misspelt):
                await books.list(lambda b: getattr(b, misspelt) == "x")
            with pytest.raises(TypeError, match=misspelt):
                await books.list(order_by=lambda b: getattr(b, misspelt))
            assert await books.count() == 0  # the unit of work is none the worse for it

    async def test_a_search_sees_what_is_not_committed_yet(self, subject: Subject) -> None:
        stored = a_book("stored")
        await subject.add_books(stored)
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            await books.add(a_book("added"))
            (await books.get(stored.id)).title = "changed"
            assert [b.title for b in await books.list(order_by=lambda b: b.title)] == ["added", "changed"]
            await books.delete(stored.id)
            assert await books.count() == 1

    async def test_none_comes_last_unless_told_otherwise(self, subject: Subject) -> None:
        await subject.add_books(a_book("none"), a_book("one", rank=1), a_book("two", rank=2))
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)

            async def ranks(order_by: Ordering[Book]) -> list[int | None]:
                return [book.rank for book in await books.list(order_by=order_by)]

            assert await ranks(lambda b: b.rank) == [1, 2, None]
            assert await ranks(lambda b: desc(b.rank)) == [2, 1, None]
            assert await ranks(lambda b: asc(b.rank, nulls_first=True)) == [None, 1, 2]
            assert await ranks(lambda b: desc(b.rank, nulls_first=True)) == [None, 2, 1]

    async def test_the_identity_is_the_last_order_key(self, subject: Subject) -> None:
        """In the direction of the key before it; so that an order is the same on every store and every time."""
        books_added = [a_book("same", rank=number % 2) for number in range(6)]
        await subject.add_books(*reversed(books_added))
        ids = [book.id for book in books_added]
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            assert [book.id for book in await books.list()] == ids
            assert [book.id for book in await books.list(order_by=lambda b: b.title)] == ids
            assert [book.id for book in await books.list(order_by=lambda b: desc(b.title))] == ids[::-1]
            by_rank = [book.id for book in await books.list(order_by=lambda b: (desc(b.rank), b.title))]
            assert by_rank == [*ids[1::2], *ids[0::2]]
            assert await books.first() is await books.get(ids[0])
            assert await books.first(order_by=lambda b: desc(b.title)) is await books.get(ids[-1])
            assert await books.first(lambda b: b.title == "other") is None
            assert [book.id for book in await books.list(limit=2, offset=1)] == ids[1:3]
            assert [book.id for book in await books.list(offset=4)] == ids[4:]
            assert await books.list(limit=0) == []

    async def test_a_page_knows_the_total_behind_its_end_too(self, subject: Subject) -> None:
        await subject.add_books(*(a_book(f"b{number}", rank=number) for number in range(7)))
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            page = await books.paginate(PageRequest(page=2, per_page=3), order_by=lambda b: b.rank)
            assert [book.rank for book in page.items] == [3, 4, 5]
            assert (page.total, page.pages, page.has_next, page.has_previous) == (7, 3, True, True)
            beyond = await books.paginate(PageRequest(page=99, per_page=3), lambda b: present(b.rank) > 3)
            assert (beyond.items, beyond.total, beyond.has_next) == ((), 3, False)
            nothing = await books.paginate(PageRequest(), lambda b: b.title == "other")
            assert (nothing.items, nothing.total, nothing.pages) == ((), 0, 0)

    async def test_a_slice_knows_whether_more_follows(self, subject: Subject) -> None:
        await subject.add_books(*(a_book(f"b{number}", rank=number) for number in range(4)))
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            first = await books.slice(PageRequest(page=1, per_page=2), order_by=lambda b: b.rank)
            assert ([book.rank for book in first.items], first.has_next) == ([0, 1], True)
            last = await books.slice(PageRequest(page=2, per_page=2), order_by=lambda b: b.rank)
            assert ([book.rank for book in last.items], last.has_next) == ([2, 3], False)

    async def test_a_client_sorts_by_allowed_names_only(self, subject: Subject) -> None:
        await subject.add_books(a_book("b", rank=1), a_book("a", rank=1), a_book("c"))
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            books.sort_fields = MappingProxyType({"title": lambda b: b.title, "rank": lambda b: b.rank})

            async def found(text: str | None) -> list[str]:
                return [book.title for book in await books.list(order_by=books.sorted_by(text))]

            assert await found("title") == ["a", "b", "c"]
            assert await found("-title") == ["c", "b", "a"]
            assert await found("rank,-title") == ["b", "a", "c"]
            assert await found("-rank,title") == ["a", "b", "c"]
            assert len(await found(None)) == len(await found("")) == 3
            for text in ("isbn", "-", "title,title", "title,-title", "title,", "+title", "__class__", "title;drop"):
                with pytest.raises(InvalidSortError) as caught:
                    books.sorted_by(text)
                assert set(caught.value.allowed) == {"title", "rank"}

    @needs(Capability.STREAMS)
    async def test_a_stream_gives_entities_that_are_not_tracked(self, subject: Subject) -> None:
        await subject.add_books(*(a_book(f"b{number}", rank=number) for number in range(5)))
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            seen: list[int | None] = []
            async for book in books.stream(lambda b: present(b.rank) > 0, order_by=lambda b: desc(b.rank)):
                seen.append(book.rank)
                book.title = "not saved"
            assert seen == [4, 3, 2, 1]
            async with aclosing(books.stream(order_by=lambda b: b.rank)) as stream:
                assert (await anext(stream)).rank == 0
            assert await books.count() == 5
        assert await subject.titles() == ["b0", "b1", "b2", "b3", "b4"]
