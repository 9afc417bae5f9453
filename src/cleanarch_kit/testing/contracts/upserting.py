"""The part of the contract of bulk work about storing what may be stored already."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from cleanarch_kit.application.ports.bulk_repository import BulkRepository
from cleanarch_kit.application.ports.repository import Repository
from cleanarch_kit.application.ports.unit_of_work import UnitOfWork
from cleanarch_kit.domain.specification import contains
from cleanarch_kit.errors import ConcurrencyError, DuplicateError, NotFoundError, TransientError, UnitOfWorkStateError
from cleanarch_kit.testing.contracts.subject import (
    Book,
    BookId,
    BookRenamed,
    Capability,
    Contract,
    Note,
    NoteId,
    Subject,
    a_book,
    needs,
)
from cleanarch_kit.testing.recording import RecordingEventPublisher

__all__ = ["UpsertingContract", "bulk_books", "bulk_notes"]


class UpsertingContract(Contract):
    """Inserting what is new, and replacing what is there."""

    async def test_upsert_inserts_what_is_new_and_replaces_what_is_there(self, subject: Subject) -> None:
        stored, new = a_book("stored", rank=1), a_book("new")
        await subject.add_books(stored)
        async with subject.unit_of_work() as unit:
            (await subject.books(unit).get(stored.id)).title = "changed"
        twin = replace(a_book("imported", isbn=stored.isbn), id=stored.id)
        publisher = RecordingEventPublisher()
        async with subject.unit_of_work(publisher=publisher) as unit:
            books = bulk_books(subject, unit)
            twin.rename("renamed")
            assert await books.upsert([twin, new]) == (1, 1)
            assert (twin.version, new.version) == (3, 1)
            assert await books.get(stored.id) is twin
            assert await books.upsert([twin, new]) == (0, 2)
            new.title = "changed later"
            assert await books.upsert([]) == (0, 0)
        assert [type(event) for event in publisher.events] == [BookRenamed]
        found = await subject.book(stored.id)
        assert found is not None
        assert (found.title, found.rank, found.version) == ("renamed", None, 3)
        assert await subject.titles() == ["changed later", "renamed"]

    async def test_upsert_replaces_entities_without_a_version(self, subject: Subject) -> None:
        note = Note(id=NoteId.new(), text="first", stars=1)
        for text, outcome in (("first", (1, 0)), ("second", (0, 1))):
            async with subject.unit_of_work() as unit:
                assert await bulk_notes(subject.notes(unit)).upsert([replace(note, text=text)]) == outcome
        async with subject.unit_of_work() as unit:
            assert (await subject.notes(unit).get(note.id)).text == "second"

    async def test_upsert_never_saves_a_stale_aggregate(self, subject: Subject) -> None:
        book, gone = a_book("old"), a_book("gone")
        await subject.add_books(book, gone)
        stale, fresh = await subject.book(book.id), await subject.book(book.id)
        assert stale is not None
        assert fresh is not None
        fresh.title = "fresh"
        async with subject.unit_of_work() as unit:
            assert await bulk_books(subject, unit).upsert([fresh]) == (0, 1)
            await subject.books(unit).delete(gone.id)
        assert fresh.version == 2
        for entity in (stale, gone):
            with pytest.raises((ConcurrencyError, NotFoundError)):
                async with subject.unit_of_work() as unit:
                    await bulk_books(subject, unit).upsert([entity, a_book("not stored either")])
        assert await subject.titles() == ["fresh"]

    @needs(Capability.UNIQUE_KEYS)
    async def test_upsert_goes_by_the_identity_alone(self, subject: Subject) -> None:
        await subject.add_books(a_book("stored", isbn="canary"))
        with pytest.raises(DuplicateError) as caught:
            async with subject.unit_of_work() as unit:
                await bulk_books(subject, unit).upsert([a_book("other"), a_book("same key", isbn="canary")])
        assert caught.value.constraint == "uq_books_isbn"
        assert await subject.titles() == ["stored"]

    async def test_upsert_takes_one_object_for_an_identity(self, subject: Subject) -> None:
        book = a_book("stored")
        await subject.add_books(book)
        async with subject.unit_of_work() as unit:
            books = bulk_books(subject, unit)
            with pytest.raises(DuplicateError):
                await books.upsert([new := a_book(), replace(a_book(), id=new.id)])
            await books.get(book.id)
            with pytest.raises(UnitOfWorkStateError):
                await books.upsert([replace(a_book(), id=book.id)])
            assert await books.count() == 1

    async def test_thousands_are_upserted_at_once(self, subject: Subject) -> None:
        stored = [a_book(f"{number:04}") for number in range(1_200)]
        await subject.add_books(*stored)
        again = [replace(a_book(f"again {book.title}", isbn=book.isbn), id=book.id) for book in stored]
        async with subject.unit_of_work() as unit:
            books = bulk_books(subject, unit)
            assert await books.upsert([*again, *(a_book("new") for _ in range(300))]) == (300, 1_200)
            assert await books.count(lambda b: contains(b.title, "again"), lambda b: b.version == 2) == 1_200

    @needs(Capability.CONCURRENT_WRITERS)
    async def test_those_who_upsert_the_same_at_once_wait_for_each_other(self, subject: Subject) -> None:
        books = [a_book(f"{number:03}") for number in range(120)]

        async def upsert() -> int:
            """How many were inserted; a database may let one of several try again, to resolve a deadlock."""
            while True:
                with suppress(TransientError):
                    async with subject.unit_of_work() as unit:
                        copies = [replace(book, title=f"{book.title}!") for book in books]
                        return (await bulk_books(subject, unit).upsert(copies)).inserted

        assert sum(await asyncio.gather(*(upsert() for _ in range(6)))) == 120
        async with subject.unit_of_work() as unit:
            found = await subject.books(unit).list()
            assert {(book.title[3:], book.version) for book in found} == {("!", 6)}


def bulk_books(subject: Subject, unit: UnitOfWork) -> BulkRepository[Book, BookId]:
    """The repository of books for a unit of work."""
    books = subject.books(unit)
    assert isinstance(books, BulkRepository)
    return books


def bulk_notes(notes: Repository[Note, NoteId]) -> BulkRepository[Note, NoteId]:
    """The repository of notes, which is no searchable one to those who made the subject."""
    assert isinstance(notes, BulkRepository)
    return notes
