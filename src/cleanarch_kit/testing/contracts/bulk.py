"""The contract of bulk work: many entities changed, deleted or replaced at once."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cleanarch_kit.domain.changes import change
from cleanarch_kit.domain.specification import contains, is_null, not_, present
from cleanarch_kit.domain.tracing import everything
from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.errors import ConcurrencyError, DuplicateError, UnitOfWorkStateError
from cleanarch_kit.testing.cancellation import cancel_everywhere
from cleanarch_kit.testing.contracts.subject import (
    BookId,
    BookRenamed,
    Capability,
    Note,
    NoteId,
    Subject,
    a_book,
    needs,
)
from cleanarch_kit.testing.contracts.upserting import UpsertingContract, bulk_books, bulk_notes
from cleanarch_kit.testing.recording import RecordingEventPublisher

__all__ = ["BulkContract"]


class BulkContract(UpsertingContract):
    """Proves a `BulkRepository`: subclass it as `RepositoryContract`, with a subject whose repositories are such."""

    async def test_events_of_many_are_published_once_and_in_order(self, subject: Subject) -> None:
        books, publisher = [a_book() for _ in range(150)], RecordingEventPublisher()
        async with subject.unit_of_work(publisher=publisher) as unit:
            for number, book in enumerate(books):
                book.rename(f"{number:03}")
            await subject.books(unit).add_all(books)
        assert [event.title for event in publisher.events if isinstance(event, BookRenamed)] == await subject.titles()
        assert {book.version for book in books} == {1}

    async def test_what_meets_the_criteria_is_changed(self, subject: Subject) -> None:
        await subject.add_books(*(a_book(f"b{rank}", rank=rank) for rank in range(4)), a_book("none"))
        at = datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)
        async with subject.unit_of_work() as unit:
            books = bulk_books(subject, unit)
            assert (
                await books.update_where(lambda b: present(b.rank) > 1, set=lambda b: change(b.title).to("high")) == 2
            )
            changed = await books.update_where(
                lambda b: not_(contains(b.title, "b")),
                None,
                lambda b: not_(is_null(b.rank)),
                set=lambda b: (
                    change(b.price).to(Money(7, "JPY")),
                    change(b.rank).to(None),
                    change(b.published_at).to(at),
                ),
            )
            assert changed == 2
            assert await books.update_where(lambda b: b.title == "nobody", set=lambda b: change(b.rank).to(1)) == 0
        async with subject.unit_of_work() as unit:
            found = await subject.books(unit).list(lambda b: b.title == "high")
            assert [(b.price, b.rank, b.published_at, b.version) for b in found] == 2 * [(Money(7, "JPY"), None, at, 3)]
            assert sorted([b.version for b in await subject.books(unit).list(lambda b: b.title != "high")]) == [1, 1, 1]

    async def test_entities_without_a_version_are_changed_too(self, subject: Subject) -> None:
        async with subject.unit_of_work() as unit:
            notes = bulk_notes(subject.notes(unit))
            await notes.add_all(Note(id=NoteId.new(), text=f"n{stars}", stars=stars) for stars in range(5))
            assert await notes.update_where(lambda n: n.stars < 2, set=lambda n: change(n.stars).to(0)) == 2
            assert await notes.count(lambda n: n.stars == 0) == 2
            assert await notes.delete_where(lambda n: n.stars == 0) == 2
            assert await notes.count() == 3

    async def test_an_aggregate_that_was_loaded_before_cannot_be_saved(self, subject: Subject) -> None:
        book = a_book("old")
        await subject.add_books(book)
        stale = await subject.book(book.id)
        assert stale is not None
        async with subject.unit_of_work() as unit:
            await bulk_books(subject, unit).update_where(everything, set=lambda b: change(b.rank).to(5))
        stale.title = "stale"
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work() as unit:
                await subject.books(unit).update(stale)
        assert await subject.titles() == ["old"]

    async def test_pending_changes_come_first_and_tracked_entities_are_read_anew(self, subject: Subject) -> None:
        first, second = a_book("first", rank=1), a_book("second", rank=2)
        await subject.add_books(first)
        async with subject.unit_of_work() as unit:
            books = bulk_books(subject, unit)
            loaded = await books.get(first.id)
            loaded.rank = 3
            await books.add(second)
            assert await books.update_where(lambda b: present(b.rank) > 1, set=lambda b: change(b.title).to("new")) == 2
            assert await books.get(first.id) is loaded
            assert (loaded.title, loaded.rank, loaded.version) == ("new", 3, 3)
            assert [(b.title, b.version) for b in await books.list(lambda b: b.rank == 2)] == [("new", 2)]
            loaded.title = "newest"
        assert await subject.titles() == ["new", "newest"]

    async def test_what_is_held_and_not_read_anew_cannot_be_saved(self, subject: Subject) -> None:
        touched, other = a_book("touched"), a_book("other")
        await subject.add_books(touched, other)
        async with subject.unit_of_work() as unit:
            books = bulk_books(subject, unit)
            held = await books.get(other.id)
            await books.update_where(lambda b: b.title == "touched", set=lambda b: change(b.rank).to(1))
            held.title = "changed"  # nobody touched its row
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work() as unit:
                books = bulk_books(subject, unit)
                held = await books.get(touched.id)
                await books.update_where(lambda b: b.title == "touched", set=lambda b: change(b.rank).to(2))
                held.title = "changed"
        assert await subject.titles() == ["changed", "touched"]

    async def test_no_events_are_recorded(self, subject: Subject) -> None:
        await subject.add_books(a_book())
        publisher = RecordingEventPublisher()
        async with subject.unit_of_work(publisher=publisher) as unit:
            await bulk_books(subject, unit).update_where(everything, set=lambda b: change(b.title).to("renamed"))
            assert unit.changed
        assert publisher.events == []

    @needs(Capability.SAVEPOINTS)
    async def test_it_is_taken_back_with_its_savepoint(self, subject: Subject) -> None:
        book, new = a_book("as it was", rank=1), a_book("lost, too")
        await subject.add_books(book)
        async with subject.unit_of_work() as unit:
            books = bulk_books(subject, unit)
            loaded = await books.get(book.id)
            with pytest.raises(InterruptedError):
                async with unit.savepoint():
                    await books.update_where(everything, set=lambda b: change(b.title).to("lost"))
                    assert await books.upsert([new]) == (1, 0)
                    await books.delete_where(lambda b: b.title == "lost")
                    raise InterruptedError
            assert new.version == 0
            assert await books.get(book.id) is loaded
            assert (loaded.title, loaded.version) == ("as it was", 1)
            loaded.rank = 2
        assert await subject.titles() == ["as it was"]

    async def test_a_read_only_unit_of_work_refuses(self, subject: Subject) -> None:
        await subject.add_books(a_book())
        async with subject.unit_of_work(read_only=True) as unit:
            books = bulk_books(subject, unit)
            with pytest.raises(UnitOfWorkStateError):
                await books.update_where(everything, set=lambda b: change(b.rank).to(1))
            with pytest.raises(UnitOfWorkStateError):
                await books.delete_where(everything)
            with pytest.raises(UnitOfWorkStateError):
                await books.upsert([a_book()])
            assert await books.count(lambda b: is_null(b.rank)) == 1

    @needs(Capability.UNIQUE_KEYS)
    async def test_what_the_store_refuses_leaves_only_the_rollback(self, subject: Subject) -> None:
        await subject.add_books(a_book("a"), a_book("b"))
        with pytest.raises(UnitOfWorkStateError):
            async with subject.unit_of_work() as unit:
                books = bulk_books(subject, unit)
                with pytest.raises(DuplicateError) as caught:
                    await books.update_where(everything, set=lambda b: change(b.isbn).to("canary"))
                assert caught.value.constraint == "uq_books_isbn"
                await books.count()
        assert await subject.titles() == ["a", "b"]

    async def test_a_criterion_must_be_said(self, subject: Subject) -> None:
        await subject.add_books(a_book("a"), a_book("b"))
        absent: Any = None
        async with subject.unit_of_work() as unit:
            books = bulk_books(subject, unit)
            with pytest.raises(TypeError, match="everything"):
                await books.delete_where(absent)
            with pytest.raises(TypeError, match="everything"):
                await books.update_where(absent, set=lambda b: change(b.rank).to(1))
            assert await books.delete_where(everything, lambda b: b.title == "a") == 1
            assert await books.delete_where(everything) == 1

    async def test_what_must_not_be_changed_is_refused(self, subject: Subject) -> None:
        async with subject.unit_of_work() as unit:
            books = bulk_books(subject, unit)
            with pytest.raises(TypeError, match="identity"):
                await books.update_where(everything, set=lambda b: change(b.id).to(BookId.new()))
            with pytest.raises(TypeError, match="version"):
                await books.update_where(everything, set=lambda b: change(b.version).to(1))
            with pytest.raises(TypeError, match="as a whole"):
                await books.update_where(everything, set=lambda b: change(b.price.amount).to(1))
            with pytest.raises(TypeError, match="once"):
                await books.update_where(everything, set=lambda b: (change(b.rank).to(1), change(b.rank).to(2)))
            with pytest.raises(TypeError, match="another field"):
                await books.update_where(everything, set=lambda b: change(b.title).to(b.isbn))
            assert await books.update_where(everything, set=lambda b: change(b.rank).to(1)) == 0

    async def test_what_meets_the_criteria_is_deleted(self, subject: Subject) -> None:
        tracked, gone, kept = a_book("tracked", rank=1), a_book("gone", rank=1), a_book("kept")
        await subject.add_books(tracked, gone, kept)
        async with subject.unit_of_work() as unit:
            books = bulk_books(subject, unit)
            await books.get(tracked.id)
            assert await books.delete_where(lambda b: b.rank == 1) == 2
            assert await books.get_by_id(tracked.id) is None
            assert await books.delete(tracked.id) is False
            assert await books.delete(gone.id) is False
            await books.add(replace(a_book("again"), id=tracked.id))
        assert await subject.titles() == ["again", "kept"]

    async def test_a_cancellation_anywhere_leaves_nothing(self, subject: Subject) -> None:
        stored = a_book("stored", rank=1)
        await subject.add_books(stored)
        twin, new = replace(a_book("twin", isbn=stored.isbn), id=stored.id), a_book("new")

        async def scenario() -> None:
            with pytest.raises(InterruptedError):
                async with subject.unit_of_work() as unit:
                    books = bulk_books(subject, unit)
                    await books.update_where(lambda b: b.rank == 1, set=lambda b: change(b.rank).to(2))
                    await books.upsert([twin, new])
                    await books.delete_where(everything)
                    raise InterruptedError

        async def verify() -> None:
            assert subject.open_connections() == 0
            assert (twin.version, new.version) == (0, 0)
            assert await subject.titles() == ["stored"]

        assert await cancel_everywhere(scenario, verify) >= 3
