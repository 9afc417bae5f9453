"""The contract of bulk work catches who breaks it: broken adapters, each by the tests meant for it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.adapters.memory.mapper import InMemoryMapper
from cleanarch_kit.adapters.memory.transaction import InMemoryTransaction
from cleanarch_kit.application import Upserted
from cleanarch_kit.application.tracking.data_mapper import Tracked
from cleanarch_kit.domain import Criterion
from cleanarch_kit.domain.changes import Assignment, Changes
from cleanarch_kit.domain.criteria import Node
from cleanarch_kit.testing import Book, BookId, BulkContract, Note, NoteId, Subject

FailuresOf = Callable[[BulkContract, Callable[[], Subject]], Awaitable[set[str]]]


class Books(InMemoryRepository[Book, BookId]):
    unique: UniqueKeys[Book] = {"uq_books_isbn": lambda b: b.isbn}


class Notes(InMemoryRepository[Note, NoteId]):
    """Nothing to add."""


class UncountingMapper(InMemoryMapper[Book]):
    async def update_where(
        self, connection: InMemoryTransaction, where: Node | None, changes: Sequence[Assignment]
    ) -> int:
        self.versioned = False
        return await super().update_where(connection, where, changes)


class VersionsStay(Books):
    def __init__(self, unit_of_work: InMemoryUnitOfWork) -> None:
        super().__init__(unit_of_work)
        self.entities.mapper = UncountingMapper(Book)


class TrackedEntitiesStay(Books):
    async def update_where(
        self,
        where: Criterion[Book],
        *more: Criterion[Book] | None,
        set: Changes[Book],  # noqa: A002
    ) -> int:
        known = {tracked: tracked.status for tracked in self.entities.by_id.values()}
        changed = await super().update_where(where, *more, set=set)
        for tracked, status in known.items():
            tracked.status = status
        return changed


class NoneIsEverything(Books):
    async def delete_where(self, where: Criterion[Book], *more: Criterion[Book] | None) -> int:
        return await super().delete_where(lambda b: b.isbn != "", where, *more)


class CarelessMapper(InMemoryMapper[Book]):
    async def upsert(self, connection: InMemoryTransaction, entities: Sequence[Tracked[Book]]) -> int:
        """As MariaDB's own statement: whatever row has the same unique key is replaced."""
        for tracked in entities:
            other: object = connection.read((Book, "uq_books_isbn"), tracked.entity.isbn)
            if other not in (None, tracked.entity.id):
                await self.delete_by_id(connection, other)
        return await super().upsert(connection, entities)


class UpsertByAnyKey(Books):
    def __init__(self, unit_of_work: InMemoryUnitOfWork) -> None:
        super().__init__(unit_of_work)
        self.entities.mapper = CarelessMapper(Book)


class LastUpsertWins(Books):
    async def upsert(self, entities: Iterable[Book]) -> Upserted:
        given = list(entities)
        for book in given:
            book.version = 0
        return await super().upsert(given)


@pytest.mark.parametrize(
    ("books", "meant"),
    [
        (Books, set[str]()),
        (
            VersionsStay,
            {
                "test_an_aggregate_that_was_loaded_before_cannot_be_saved",
                "test_pending_changes_come_first_and_tracked_entities_are_read_anew",
                "test_what_is_held_and_not_read_anew_cannot_be_saved",
                "test_what_meets_the_criteria_is_changed",
            },
        ),
        (TrackedEntitiesStay, {"test_pending_changes_come_first_and_tracked_entities_are_read_anew"}),
        (NoneIsEverything, {"test_a_criterion_must_be_said"}),
        (UpsertByAnyKey, {"test_upsert_goes_by_the_identity_alone"}),
        (LastUpsertWins, {"test_upsert_never_saves_a_stale_aggregate"}),
    ],
)
async def test_it_catches_who_breaks_it(failures_of: FailuresOf, books: type[Books], meant: set[str]) -> None:
    def subject() -> Subject:
        return Subject(partial(InMemoryUnitOfWork, InMemoryStore()), books, Notes)

    assert meant <= await failures_of(BulkContract(), subject)
    if not meant:
        assert await failures_of(BulkContract(), subject) == set()
