"""A contract counts only if it catches those who break it: broken units of work, each by the tests meant for it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Self

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.testing import Book, BookId, Note, NoteId, Subject, UnitOfWorkContract

FailuresOf = Callable[[UnitOfWorkContract, Callable[[], Subject]], Awaitable[set[str]]]


class Books(InMemoryRepository[Book, BookId]):
    unique: UniqueKeys[Book] = {"uq_books_isbn": lambda b: b.isbn}


class Notes(InMemoryRepository[Note, NoteId]):
    """Nothing to add."""


class Sound(InMemoryUnitOfWork):
    """Counts how many are open."""

    open = 0

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self.guard.depth == 1:
            type(self).open += 1
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.guard.depth == 1:
            type(self).open -= 1
        await super().__aexit__(exc_type, exc, traceback)


class CommitOnError(Sound):
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await super().__aexit__(None, None, None)


class PublishBeforeCommit(Sound):
    async def commit(self) -> None:
        await self.flush()
        await self._after.invalidate()
        await self._after.announce(self.tracker.events)
        self._after.tags.clear()
        self._after.callbacks.clear()
        self.tracker._events.clear()
        await super().commit()


class LeakOnCancellation(Sound):
    """``except Exception``, as it is written by hand."""

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(exc, asyncio.CancelledError):
            type(self).open += 1
        await super().__aexit__(exc_type, exc, traceback)


@pytest.mark.parametrize(
    ("unit_of_work", "meant", "others"),
    [
        (Sound, set[str](), set[str]()),
        (
            CommitOnError,
            {"test_every_exception_rolls_back"},
            {
                "test_a_cancellation_anywhere_leaks_nothing",
                "test_an_error_in_a_joined_block_dooms_the_whole",
                "test_a_rollback_takes_back_a_savepoint_that_came_first",
                "test_nothing_is_published_after_a_rollback",
                "test_what_was_rolled_back_can_be_stored_with_its_events",
            },
        ),
        (
            PublishBeforeCommit,
            {"test_what_is_published_is_committed_already"},
            {"test_a_before_commit_callback_is_part_of_the_transaction"},
        ),
        (LeakOnCancellation, {"test_a_cancellation_anywhere_leaks_nothing"}, {"test_every_exception_rolls_back"}),
    ],
)
async def test_a_broken_unit_of_work_is_caught_by_the_tests_meant_for_it(
    failures_of: FailuresOf, unit_of_work: type[Sound], meant: set[str], others: set[str]
) -> None:
    def subject() -> Subject:
        unit_of_work.open = 0
        return Subject(partial(unit_of_work, InMemoryStore()), Books, Notes, lambda: unit_of_work.open)

    assert await failures_of(UnitOfWorkContract(), subject) == meant | others
