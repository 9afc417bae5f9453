"""The part of the repository contract about those who work on the same entity at the same time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cleanarch_kit.errors import ConcurrencyError, DuplicateError, TransientError
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

__all__ = ["ConcurrencyContract"]

_PATIENCE = 300.0
"""Seconds after which writers that compete have hung, rather than being slow."""


class ConcurrencyContract(Contract):
    """No update is lost.

    Attributes:
        writers: how many write at the same time.
        increments: how many increments they make together.
        locked_increments: how many they make where each takes a lock.
    """

    writers = 8
    increments = 200
    locked_increments = 200

    @needs(Capability.CONCURRENT_WRITERS)
    async def test_a_stale_entity_never_overwrites_a_newer_one(self, subject: Subject) -> None:
        book = a_book("as added", rank=1)
        await subject.add_books(book)
        with pytest.raises(ConcurrencyError) as caught:
            async with subject.unit_of_work() as mine:
                stale = await subject.books(mine).get(book.id)
                async with subject.unit_of_work() as theirs:
                    (await subject.books(theirs).get(book.id)).rank = 2  # another field: it conflicts all the same
                stale.title = "stale"
        assert (caught.value.entity, caught.value.id, caught.value.expected) == ("Book", book.id, 1)
        found = await subject.book(book.id)
        assert found is not None
        assert (found.title, found.rank, found.version) == ("as added", 2, 2)

    @needs(Capability.CONCURRENT_WRITERS)
    async def test_a_stale_entity_is_not_deleted(self, subject: Subject) -> None:
        book = a_book("as added")
        await subject.add_books(book)
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work() as mine:
                await subject.books(mine).get(book.id)
                async with subject.unit_of_work() as theirs:
                    (await subject.books(theirs).get(book.id)).title = "newer"
                await subject.books(mine).delete(book.id)
        assert await subject.titles() == ["newer"]

    @needs(Capability.CONCURRENT_WRITERS)
    async def test_a_deleted_entity_does_not_come_back(self, subject: Subject) -> None:
        book = a_book()
        await subject.add_books(book)
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work() as mine:
                (await subject.books(mine).get(book.id)).title = "changed"
                async with subject.unit_of_work() as theirs:
                    await subject.books(theirs).delete(book.id)
        assert await subject.titles() == []

    @needs(Capability.CONCURRENT_WRITERS)
    async def test_others_see_nothing_before_the_commit(self, subject: Subject) -> None:
        book = a_book("old")
        await subject.add_books(book)
        async with subject.unit_of_work() as mine:
            books = subject.books(mine)
            (await books.get(book.id)).title = "new"
            await books.add(a_book("added"))
            assert await books.count() == 2  # written, but not committed
            assert await subject.titles() == ["old"]
        assert await subject.titles() == ["added", "new"]

    @needs(Capability.UNIQUE_KEYS)
    async def test_of_two_with_the_same_key_one_is_stored(self, subject: Subject) -> None:

        async def add(title: str) -> str:
            try:
                await subject.add_books(a_book(title, isbn="the same"))
            except DuplicateError as error:
                return f"refused by {error.constraint}"
            return "stored"

        outcomes = await asyncio.gather(*(add(f"writer {number}") for number in range(self.writers)))
        assert sorted(outcomes) == ["refused by uq_books_isbn"] * (self.writers - 1) + ["stored"]
        assert len(await subject.titles()) == 1

    async def test_no_acknowledged_increment_is_lost(self, subject: Subject) -> None:
        """Whoever reads, adds one and saves, and tries again on a conflict, is counted in the end.

        The second attempt takes a lock where there are any, so that the test ends in good time.
        """
        book = a_book(rank=0)
        await subject.add_books(book)

        async def increment(again: bool) -> None:
            async with subject.unit_of_work() as unit:
                locked = again and Capability.LOCKS in self.capabilities
                mine = await subject.books(unit).get(book.id, for_update=locked)
                mine.rank = (mine.rank or 0) + 1

        await self._compete(increment, self.increments)
        found = await subject.book(book.id)
        assert found is not None
        assert (found.rank, found.version) == (self.increments, self.increments + 1)

    async def test_without_a_version_a_lock_keeps_increments(self, subject: Subject) -> None:
        note = Note(id=NoteId.new(), text="counter")
        async with subject.unit_of_work() as unit:
            await subject.notes(unit).add(note)

        async def increment(_again: bool) -> None:
            async with subject.unit_of_work() as unit:
                (await subject.notes(unit).get(note.id, for_update=True)).stars += 1

        await self._compete(increment, self.locked_increments)
        async with subject.unit_of_work() as unit:
            assert (await subject.notes(unit).get(note.id)).stars == self.locked_increments

    @needs(Capability.CONCURRENT_WRITERS)
    async def test_a_lock_shows_what_was_committed_meanwhile(self, subject: Subject) -> None:
        book = a_book("old")
        await subject.add_books(book)
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            loaded = await books.get(book.id)
            async with subject.unit_of_work() as theirs:
                (await subject.books(theirs).get(book.id)).title = "new"
            assert await books.get(book.id) is loaded
            assert loaded.title == "old"  # what was read stays as it is
            assert await books.get(book.id, for_update=True) is loaded
            assert (loaded.title, loaded.version) == ("new", 2)
            loaded.rank = 5
        found = await subject.book(book.id)
        assert found is not None
        assert (found.title, found.rank, found.version) == ("new", 5, 3)

    @needs(Capability.CONCURRENT_WRITERS)
    async def test_a_lock_on_what_was_changed_here_and_there_is_a_conflict(self, subject: Subject) -> None:
        book = a_book("old")
        await subject.add_books(book)
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work() as unit:
                (await subject.books(unit).get(book.id)).rank = 9
                async with subject.unit_of_work() as theirs:
                    (await subject.books(theirs).get(book.id)).title = "new"
                await subject.books(unit).get(book.id, for_update=True)

    @needs(Capability.LOCKS, Capability.SKIP_LOCKED)
    async def test_locked_rows_can_be_left_out(self, subject: Subject) -> None:
        first, second, third = (a_book(f"b{number}", rank=number) for number in range(3))
        await subject.add_books(first, second, third)

        def taken(books: list[Book]) -> list[BookId]:
            return [book.id for book in books]

        async with subject.unit_of_work() as mine:
            books = subject.books(mine)
            got = await books.list(order_by=lambda b: b.rank, limit=1, for_update=True, skip_locked=True)
            assert taken(got) == [first.id]
            async with subject.unit_of_work() as theirs:
                others = subject.books(theirs)
                assert await others.get_by_id(first.id, for_update=True, skip_locked=True) is None
                got = await others.list(order_by=lambda b: b.rank, limit=1, for_update=True, skip_locked=True)
                assert taken(got) == [second.id]
                assert await others.get_by_id(first.id) is not None  # reading waits for nobody

    @needs(Capability.LOCKS)
    async def test_a_deadlock_ends_with_one_who_may_try_again(self, subject: Subject) -> None:
        first, second = a_book("first"), a_book("second")
        await subject.add_books(first, second)
        ready = asyncio.Barrier(2)

        async def lock(*ids: BookId) -> str:
            try:
                async with subject.unit_of_work() as unit:
                    books = subject.books(unit)
                    await books.get(ids[0], for_update=True)
                    await ready.wait()
                    await books.get(ids[1], for_update=True)
            except TransientError:
                return "try again"
            return "done"

        outcomes = await asyncio.gather(lock(first.id, second.id), lock(second.id, first.id))
        assert sorted(outcomes) == ["done", "try again"]

    async def _compete(self, increment: Callable[[bool], Awaitable[None]], times: int) -> None:
        left = iter(range(times))

        async def write() -> None:
            for _ in left:
                again = False
                while True:
                    try:
                        await increment(again)
                    except (ConcurrencyError, TransientError):
                        again = True
                    else:
                        break

        async with asyncio.timeout(_PATIENCE), asyncio.TaskGroup() as writers:
            for _ in range(self.writers):
                writers.create_task(write())
