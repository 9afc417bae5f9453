"""The part of the repository contract about storing single entities."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.errors import ConcurrencyError, DuplicateError, NotFoundError, UnitOfWorkStateError
from cleanarch_kit.testing.contracts.subject import BookId, Capability, Contract, Note, NoteId, Subject, a_book, needs

__all__ = ["StoringContract"]


class StoringContract(Contract):
    """Adding, getting, changing and deleting."""

    async def test_what_was_added_is_given_back_as_it_was(self, subject: Subject) -> None:
        book = a_book("Straße_100%", rank=-7, price=2**53 + 1)
        book.published_at = datetime(1815, 12, 23, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
        await subject.add_books(book)
        found = await subject.book(book.id)
        assert found is not None
        assert found is not book
        assert (found.id, found.isbn, found.title, found.rank) == (book.id, book.isbn, book.title, -7)
        assert found.price == Money(2**53 + 1, "EUR")
        assert found.published_at == book.published_at
        assert found.published_at is not None
        assert found.published_at.utcoffset() == timedelta(0) or found.published_at.tzinfo is book.published_at.tzinfo
        assert type(found.id) is BookId

    async def test_none_is_given_back_as_none(self, subject: Subject) -> None:
        book = a_book()
        await subject.add_books(book)
        found = await subject.book(book.id)
        assert found is not None
        assert (found.rank, found.published_at) == (None, None)

    async def test_an_unknown_identity_gives_none_or_an_error(self, subject: Subject) -> None:
        unknown = BookId.new()
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            assert await books.get_by_id(unknown) is None
            with pytest.raises(NotFoundError) as caught:
                await books.get(unknown)
        assert (caught.value.entity, caught.value.id) == ("Book", unknown)

    async def test_one_identity_is_one_object_within_a_unit_of_work(self, subject: Subject) -> None:
        book, other = a_book(), a_book("Persuasion")
        await subject.add_books(book, other)
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            first = await books.get(book.id)
            assert await books.get(book.id) is first
            assert await subject.books(unit).get(book.id) is first
            assert await books.first(lambda b: b.title == "Emma") is first
            await books.add(added := a_book("Sanditon"))
            assert await books.get(added.id) is added
            assert await books.first(lambda b: b.title == "Sanditon") is added

    async def test_objects_share_nothing_with_the_store(self, subject: Subject) -> None:
        """What is done to an object outside of its unit of work reaches the store only through `update`."""
        book = a_book("as added")
        await subject.add_books(book)
        book.title = "changed after it was added"
        loaded = await subject.book(book.id)
        assert loaded is not None
        assert loaded.title == "as added"
        loaded.title = "changed after it was loaded"
        again = await subject.book(book.id)
        assert again is not None
        assert again is not loaded
        assert again.title == "as added"

    async def test_a_change_of_a_loaded_entity_is_saved(self, subject: Subject) -> None:
        book = a_book("Emma", rank=1)
        await subject.add_books(book)
        async with subject.unit_of_work() as unit:
            loaded = await subject.books(unit).get(book.id)
            loaded.title, loaded.rank, loaded.price = "Persuasion", None, Money(5, "JPY")
        found = await subject.book(book.id)
        assert found is not None
        assert (found.title, found.rank, found.price) == ("Persuasion", None, Money(5, "JPY"))

    async def test_versions_count_what_was_saved(self, subject: Subject) -> None:
        book = a_book()
        assert book.version == 0
        await subject.add_books(book)
        assert book.version == 1
        async with subject.unit_of_work() as unit:
            (await subject.books(unit).get(book.id)).title = "changed"
        async with subject.unit_of_work() as unit:
            loaded = await subject.books(unit).get(book.id)
            assert loaded.version == 2
        async with subject.unit_of_work() as unit:
            loaded = await subject.books(unit).get(book.id)
            assert loaded.version == 2  # nothing was changed, so nothing was saved
            loaded.rename(loaded.title)
        found = await subject.book(book.id)
        assert found is not None
        assert found.version == 3  # an event alone is a change

    async def test_adding_the_same_object_again_changes_nothing(self, subject: Subject) -> None:
        book = a_book()
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            await books.add(book)
            await books.add(book)
            assert await books.count() == 1
            await books.add(book)
        assert await subject.titles() == ["Emma"]

    async def test_a_second_object_with_a_tracked_identity_is_refused(self, subject: Subject) -> None:
        book = a_book()
        twin = replace(book, title="twin")
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            await books.add(book)
            with pytest.raises(DuplicateError) as caught:
                await books.add(twin)
            assert caught.value.constraint == "primary_key"
            with pytest.raises(UnitOfWorkStateError):
                await books.update(twin)
        assert await subject.titles() == ["Emma"]

    async def test_a_stored_identity_is_refused(self, subject: Subject) -> None:
        book = a_book()
        await subject.add_books(book)
        with pytest.raises(DuplicateError) as caught:
            await subject.add_books(replace(a_book("twin"), id=book.id))
        assert caught.value.constraint == "primary_key"
        assert await subject.titles() == ["Emma"]

    async def test_an_identity_that_changes_writes_over_nothing(self, subject: Subject) -> None:
        note, other = Note(id=NoteId.new(), text="a"), Note(id=NoteId.new(), text="b")
        async with subject.unit_of_work() as unit:
            await subject.notes(unit).add_all([note, other])
        with pytest.raises(UnitOfWorkStateError):
            async with subject.unit_of_work() as unit:
                loaded = await subject.notes(unit).get(note.id)
                loaded.id, loaded.text = other.id, "written over"
        async with subject.unit_of_work() as unit:
            assert (await subject.notes(unit).get(other.id)).text == "b"

    @needs(Capability.UNIQUE_KEYS)
    async def test_a_duplicate_names_its_constraint_and_shows_no_value(self, subject: Subject) -> None:
        await subject.add_books(a_book(isbn="canary-1"))
        with pytest.raises(DuplicateError) as caught:
            await subject.add_books(a_book("twin", isbn="canary-1"))
        assert caught.value.constraint == "uq_books_isbn"
        assert "canary" not in str(caught.value)
        assert await subject.titles() == ["Emma"]

    @needs(Capability.UNIQUE_KEYS)
    async def test_a_changed_key_is_checked_and_set_free(self, subject: Subject) -> None:
        first, second = a_book("first", isbn="one"), a_book("second", isbn="two")
        await subject.add_books(first, second)
        with pytest.raises(DuplicateError):
            async with subject.unit_of_work() as unit:
                (await subject.books(unit).get(second.id)).isbn = "one"
        async with subject.unit_of_work() as unit:
            (await subject.books(unit).get(second.id)).isbn = "three"
        await subject.add_books(a_book("third", isbn="two"))
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            await books.delete(first.id)
            await books.add(a_book("fourth", isbn="one"))  # the deletion is written first
        assert await subject.titles() == ["fourth", "second", "third"]

    async def test_delete_tells_whether_there_was_one(self, subject: Subject) -> None:
        stored, tracked = a_book("stored"), a_book("tracked")
        await subject.add_books(stored, tracked)
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            assert await books.delete(BookId.new()) is False
            assert await books.delete(stored.id) is True
            assert await books.delete(stored.id) is False
            await books.get(tracked.id)
            assert await books.delete(tracked.id) is True
            assert await books.delete(tracked.id) is False
            assert await books.get_by_id(tracked.id) is None
            assert await books.count() == 0
        assert await subject.titles() == []

    async def test_what_was_added_and_deleted_was_never_there(self, subject: Subject) -> None:
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            await books.add(book := a_book())
            assert await books.delete(book.id) is True
            assert await books.get_by_id(book.id) is None
        assert await subject.titles() == []

    async def test_a_deleted_identity_can_be_added_again(self, subject: Subject) -> None:
        book = a_book("old")
        await subject.add_books(book)
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            await books.get(book.id)
            await books.delete(book.id)
            await books.add(replace(a_book("new"), id=book.id))
        assert await subject.titles() == ["new"]

    async def test_a_detached_entity_is_saved_by_update(self, subject: Subject) -> None:
        book = a_book("old", rank=1)
        await subject.add_books(book)
        detached = await subject.book(book.id)
        assert detached is not None
        detached.title = "new"
        async with subject.unit_of_work() as unit:
            await subject.books(unit).update(detached)
        assert detached.version == 2
        found = await subject.book(book.id)
        assert found is not None
        assert (found.title, found.rank, found.version) == ("new", 1, 2)

    async def test_a_detached_stale_entity_is_refused(self, subject: Subject) -> None:
        """The version that counts is the one that the entity was loaded with, not one that is read again now."""
        book = a_book("as added")
        await subject.add_books(book)
        stale = await subject.book(book.id)
        assert stale is not None
        async with subject.unit_of_work() as unit:
            (await subject.books(unit).get(book.id)).title = "newer"
        stale.title = "stale"
        with pytest.raises(ConcurrencyError) as caught:
            async with subject.unit_of_work() as unit:
                await subject.books(unit).update(stale)
        assert (caught.value.entity, caught.value.id, caught.value.expected) == ("Book", book.id, 1)
        assert stale.version == 1
        assert await subject.titles() == ["newer"]

    async def test_update_of_what_was_never_stored_or_is_gone_is_refused(self, subject: Subject) -> None:
        with pytest.raises(NotFoundError):
            async with subject.unit_of_work() as unit:
                await subject.books(unit).update(a_book())
        book = a_book()
        await subject.add_books(book)
        async with subject.unit_of_work() as unit:
            await subject.books(unit).delete(book.id)
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work() as unit:
                await subject.books(unit).update(book)
        with pytest.raises(NotFoundError):
            async with subject.unit_of_work() as unit:
                await subject.notes(unit).update(Note(id=NoteId.new(), text="never stored"))

    async def test_entities_without_a_version_are_stored_too(self, subject: Subject) -> None:
        note = Note(id=NoteId.new(), text="first", stars=1)
        async with subject.unit_of_work() as unit:
            await subject.notes(unit).add(note)
        async with subject.unit_of_work() as unit:
            (await subject.notes(unit).get(note.id)).stars += 1
        async with subject.unit_of_work() as unit:
            found = await subject.notes(unit).get(note.id)
            assert (found.text, found.stars) == ("first", 2)
            assert await subject.notes(unit).delete(note.id) is True
        async with subject.unit_of_work() as unit:
            assert await subject.notes(unit).get_by_id(note.id) is None

    async def test_ten_thousand_are_added_at_once(self, subject: Subject) -> None:
        """More values than any database takes in one statement."""
        started = datetime.now(UTC)
        books = [a_book(f"{number:05}") for number in range(10_000)]
        await subject.add_books(*books)
        async with subject.unit_of_work() as unit:
            repository = subject.books(unit)
            assert await repository.count() == 10_000
            last = await repository.get(books[-1].id)
            assert last.title == "09999"
        assert datetime.now(UTC) - started < timedelta(minutes=2)
