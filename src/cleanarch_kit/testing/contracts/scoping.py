"""The contract that every adapter with row scopes keeps."""

from dataclasses import replace

import pytest

from cleanarch_kit.application.pagination.pages import CursorRequest, PageRequest
from cleanarch_kit.application.tracking.row_scopes import RowScopes
from cleanarch_kit.domain.criteria import Criterion
from cleanarch_kit.domain.specification import is_null, one_of
from cleanarch_kit.errors import ConcurrencyError, DuplicateError, NotFoundError, OutOfScopeError
from cleanarch_kit.testing.contracts.subject import (
    Book,
    BookId,
    Capability,
    Contract,
    Note,
    NoteId,
    Subject,
    a_book,
    needs,
)

__all__ = ["ScopeContract", "scopes_of"]

_OURS, _THEIRS = 1, 2
_EVERYTHING: tuple[Criterion[Book] | None, ...] = (
    None,
    lambda b: is_null(b.rank) | (b.title != ""),
    lambda b: b.rank != 10,
    lambda b: one_of(b.title, ["ours", "theirs", "nobody's"]),
)


def scopes_of(tenant: int, *others: int) -> RowScopes:
    """The row scopes of one tenant or several: a book belongs to one by its rank, a note by its stars."""
    if not others:
        return {Book: lambda b: b.rank == tenant, Note: lambda n: n.stars == tenant}
    tenants = (tenant, *others)
    return {Book: lambda b: one_of(b.rank, tenants), Note: lambda n: one_of(n.stars, tenants)}


class ScopeContract(Contract):
    """Proves that what lies outside of a row scope does not exist; subclass it like `RepositoryContract`.

    `keep_tenants_apart` proves the same by random operations on random data.
    """

    async def test_what_lies_outside_is_not_found_by_its_identity(self, subject: Subject) -> None:
        stored = await _Stored.by(subject)
        async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
            books = subject.books(unit)
            for outside in (stored.theirs.id, stored.nobodys.id):
                assert await books.get_by_id(outside) is None
                assert await books.get_by_id(outside, for_update=True) is None
                assert await books.get_by_id(outside, for_update=True, skip_locked=True) is None
                with pytest.raises(NotFoundError) as caught:
                    await books.get(outside)
                assert (caught.value.entity, caught.value.id) == ("Book", outside)
            assert await subject.notes(unit).get_by_id(stored.note.id) is None
            assert (await books.get(stored.ours.id)).title == "ours"

    async def test_no_search_finds_what_lies_outside(self, subject: Subject) -> None:
        await _Stored.by(subject)
        for where in _EVERYTHING:
            async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
                books = subject.books(unit)
                assert [book.title for book in await books.list(where)] == ["ours"]
                assert [book.title for book in await books.list(where, for_update=True)] == ["ours"]
                assert await books.count(where) == 1
                assert await books.first(where, order_by=lambda b: b.title) is await books.first(where)
                page = await books.paginate(PageRequest(), where)
                assert (page.total, [book.title for book in page.items]) == (1, ["ours"])
                part = await books.slice(PageRequest(per_page=1), where)
                assert ([book.title for book in part.items], part.has_next) == (["ours"], False)
                scrolled = await books.scroll(CursorRequest(size=1), where)
                assert ([book.title for book in scrolled.items], scrolled.next) == (["ours"], None)
        async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
            books = subject.books(unit)
            assert await books.exists(lambda b: b.title == "ours")
            assert not await books.exists(lambda b: b.title == "theirs")
            assert not await books.exists(lambda b: is_null(b.rank) | (b.rank == _THEIRS))

    @needs(Capability.STREAMS)
    async def test_no_stream_gives_what_lies_outside(self, subject: Subject) -> None:
        await _Stored.by(subject)
        async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
            for where in _EVERYTHING:
                assert [book.title async for book in subject.books(unit).stream(where)] == ["ours"]

    @needs(Capability.LOCKS, Capability.CONCURRENT_WRITERS)
    async def test_what_lies_outside_is_not_locked(self, subject: Subject) -> None:
        stored = await _Stored.by(subject)
        async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
            assert await subject.books(unit).get_by_id(stored.theirs.id, for_update=True) is None
            async with subject.unit_of_work() as other:  # would wait for the lock for ever
                (await subject.books(other).get(stored.theirs.id)).title = "free"

    async def test_the_cursor_of_another_tenant_is_only_a_place(self, subject: Subject) -> None:
        await subject.add_books(*[a_book(title, rank=tenant) for title in "abc" for tenant in (_OURS, _THEIRS)])
        async with subject.unit_of_work(scopes=scopes_of(_THEIRS)) as unit:
            theirs = await subject.books(unit).scroll(CursorRequest(size=1), order_by=lambda b: b.title)
        async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
            books = subject.books(unit)
            after = await books.scroll(CursorRequest(size=10, after=theirs.next), order_by=lambda b: b.title)
            before = await books.scroll(CursorRequest(size=10, before=theirs.next), order_by=lambda b: b.title)
        assert {book.rank for book in (*after.items, *before.items)} == {_OURS}
        assert len(after.items) + len(before.items) == 3

    async def test_what_lies_outside_cannot_be_deleted(self, subject: Subject) -> None:
        stored = await _Stored.by(subject)
        async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
            books = subject.books(unit)
            for identity in (stored.theirs.id, stored.nobodys.id, BookId.new()):
                assert not await books.delete(identity)
            assert not await subject.notes(unit).delete(stored.note.id)
            assert await books.delete(stored.ours.id)
        assert await subject.titles() == ["nobody's", "theirs"]
        assert await _text(subject, stored.note) == "theirs"

    async def test_what_lies_outside_cannot_be_added(self, subject: Subject) -> None:
        book = a_book("theirs", rank=_THEIRS)
        async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
            books = subject.books(unit)
            for refused in (book, a_book("nobody's")):
                with pytest.raises(OutOfScopeError) as caught:
                    await books.add(refused)
                assert (caught.value.entity, caught.value.id) == ("Book", refused.id)
            with pytest.raises(OutOfScopeError):
                await books.add_all([book])
            with pytest.raises(OutOfScopeError):
                await subject.notes(unit).add(Note(id=NoteId.new(), text="theirs", stars=_THEIRS))
            await books.add(a_book("ours", rank=_OURS))  # the unit of work goes on
        assert await subject.titles() == ["ours"]

    async def test_what_was_added_inside_cannot_be_saved_outside(self, subject: Subject) -> None:
        book = a_book("ours", rank=_OURS)
        with pytest.raises(OutOfScopeError):
            async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
                await subject.books(unit).add(book)
                book.rank = _THEIRS
        assert await subject.titles() == []
        assert book.version == 0

    async def test_a_change_cannot_leave_the_scope(self, subject: Subject) -> None:
        stored = await _Stored.by(subject)
        for elsewhere in (_THEIRS, None):
            with pytest.raises(OutOfScopeError):
                async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
                    book = await subject.books(unit).get(stored.ours.id)
                    book.title, book.rank = "moved", elsewhere
        with pytest.raises(OutOfScopeError):
            async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
                (await subject.books(unit).get(stored.ours.id)).rank = _THEIRS
                await subject.books(unit).count()  # a search writes what is pending first
        assert await subject.titles() == ["nobody's", "ours", "theirs"]

    @needs(Capability.SAVEPOINTS)
    async def test_a_refused_change_can_be_taken_back_with_a_savepoint(self, subject: Subject) -> None:
        stored = await _Stored.by(subject)
        async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
            book = await subject.books(unit).get(stored.ours.id)
            with pytest.raises(OutOfScopeError):
                async with unit.savepoint():
                    book.rank = _THEIRS
            assert book.rank == _OURS
            book.title = "saved"
        assert await subject.titles() == ["nobody's", "saved", "theirs"]

    async def test_changes_inside_the_scope_are_saved(self, subject: Subject) -> None:
        await subject.add_books(*[a_book(f"ours {number}", rank=_OURS) for number in range(3)])
        async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
            for book in await subject.books(unit).list():
                book.title += ", changed"
        async with subject.unit_of_work(scopes=scopes_of(_OURS, _THEIRS)) as unit:
            for book in await subject.books(unit).list(lambda b: b.title != "ours 0, changed"):
                book.rank = _THEIRS
            (await subject.books(unit).list(lambda b: b.rank == _OURS))[0].title = "kept"
        async with subject.unit_of_work(scopes=scopes_of(_THEIRS)) as unit:
            titles = sorted([book.title for book in await subject.books(unit).list()])
        assert titles == ["ours 1, changed", "ours 2, changed"]
        assert await subject.titles() == ["kept", *titles]

    async def test_a_detached_entity_outside_is_refused(self, subject: Subject) -> None:
        stored = await _Stored.by(subject)
        async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
            for outside in (stored.theirs, stored.nobodys):
                with pytest.raises(OutOfScopeError):
                    await subject.books(unit).update(outside)
            with pytest.raises(OutOfScopeError):
                await subject.notes(unit).update(stored.note)
            stored.ours.title = "saved"
            await subject.books(unit).update(stored.ours)
        assert await subject.titles() == ["nobody's", "saved", "theirs"]

    async def test_what_claims_to_lie_inside_overwrites_nothing_outside(self, subject: Subject) -> None:
        """A forged entity is answered as if nothing were stored under its identity."""
        stored = await _Stored.by(subject)
        for outside in (stored.theirs, stored.nobodys):
            with pytest.raises(ConcurrencyError) as caught:
                async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
                    await subject.books(unit).update(_forged(outside))
            assert (caught.value.id, caught.value.expected) == (outside.id, outside.version)
            with pytest.raises(ConcurrencyError):
                async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
                    await subject.books(unit).update(_forged(outside))
                    await subject.books(unit).delete(outside.id)
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work(scopes=scopes_of(_OURS, 3)) as unit:
                for forged in map(_forged, (stored.ours, stored.theirs, stored.nobodys)):
                    await subject.books(unit).update(forged)
        with pytest.raises(NotFoundError):
            async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
                await subject.notes(unit).update(replace(stored.note, stars=_OURS, text="forged"))
        assert await subject.titles() == ["nobody's", "ours", "theirs"]
        assert await _text(subject, stored.note) == "theirs"

    @needs(Capability.CONCURRENT_WRITERS)
    async def test_what_was_moved_outside_meanwhile_is_gone(self, subject: Subject) -> None:
        stored = await _Stored.by(subject)
        note = Note(id=NoteId.new(), text="ours", stars=_OURS)
        async with subject.unit_of_work() as unit:
            await subject.notes(unit).add(note)
        for change in ("update", "delete"):
            async with subject.unit_of_work() as other:
                (await subject.notes(other).get(note.id)).stars = _OURS
            try:
                async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
                    loaded = await subject.notes(unit).get(note.id)
                    await _move(subject, stored.ours, note)
                    assert await subject.books(unit).get_by_id(stored.ours.id) is None
                    if change == "update":
                        loaded.text = "overwritten"
                    else:
                        await subject.notes(unit).delete(note.id)
            except NotFoundError:
                assert change == "update"
            assert await _text(subject, note) == "ours"

    @needs(Capability.UNIQUE_KEYS)
    async def test_a_key_that_is_taken_outside_is_taken(self, subject: Subject) -> None:
        """Keys are unique in the whole store, so that existence shows through them: put the tenant into them."""
        stored = await _Stored.by(subject)
        for taken in (a_book("ours", rank=_OURS, isbn=stored.theirs.isbn), _forged(stored.theirs)):
            taken.version = 0
            with pytest.raises(DuplicateError):
                async with subject.unit_of_work(scopes=scopes_of(_OURS)) as unit:
                    await subject.books(unit).add(taken)
        assert await subject.titles() == ["nobody's", "ours", "theirs"]


class _Stored:
    """A book of ours, one of theirs, one of nobody's, and a note of theirs."""

    def __init__(self) -> None:
        self.ours = a_book("ours", rank=_OURS)
        self.theirs = a_book("theirs", rank=_THEIRS)
        self.nobodys = a_book("nobody's")
        self.note = Note(id=NoteId.new(), text="theirs", stars=_THEIRS)

    @classmethod
    async def by(cls, subject: Subject) -> "_Stored":
        stored = cls()
        async with subject.unit_of_work() as unit:
            await subject.books(unit).add_all([stored.ours, stored.theirs, stored.nobodys])
            await subject.notes(unit).add(stored.note)
        return stored


def _forged(book: Book) -> Book:
    """The same book, which claims to be ours."""
    forged = replace(book, title="forged", rank=_OURS)
    forged.version = book.version
    return forged


async def _move(subject: Subject, book: Book, note: Note) -> None:
    async with subject.unit_of_work() as unit:
        moved = await subject.books(unit).get_by_id(book.id)
        if moved is not None:
            moved.rank = _THEIRS
        (await subject.notes(unit).get(note.id)).stars = _THEIRS


async def _text(subject: Subject, note: Note) -> str:
    async with subject.unit_of_work() as unit:
        return (await subject.notes(unit).get(note.id)).text
