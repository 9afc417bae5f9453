"""A contract counts only if it catches those who break it: broken adapters, each by the tests meant for it."""

import re
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.adapters.memory.mapper import InMemoryMapper
from cleanarch_kit.adapters.memory.store import Row
from cleanarch_kit.adapters.memory.transaction import InMemoryTransaction
from cleanarch_kit.application import CursorPage, CursorRequest
from cleanarch_kit.application.pagination.keyset import Keyset
from cleanarch_kit.application.tracking.data_mapper import Tracked
from cleanarch_kit.domain.criteria import Criterion, Node, Ordering, TextMatch
from cleanarch_kit.testing import Book, BookId, Note, NoteId, RepositoryContract, Subject

FailuresOf = Callable[[RepositoryContract, Callable[[], Subject]], Awaitable[set[str]]]


class Books(InMemoryRepository[Book, BookId]):
    unique: UniqueKeys[Book] = {"uq_books_isbn": lambda b: b.isbn}


class Notes(InMemoryRepository[Note, NoteId]):
    """Nothing to add."""


# --- last write wins ---------------------------------------------------------------------------
class ForgetfulMapper(InMemoryMapper[Book]):
    async def _guarded(self, connection: InMemoryTransaction, tracked: Tracked[Book]) -> Row | None:
        await connection.lock(Book, tracked.entity.id)
        row: Row | None = connection.read(Book, tracked.entity.id)
        return row  # whatever its version


class LastWriteWins(Books):
    def __init__(self, unit_of_work: InMemoryUnitOfWork) -> None:
        super().__init__(unit_of_work)
        self.entities.mapper = ForgetfulMapper(Book)


# --- keyset without tiebreak ---------------------------------------------------------------------
class KeysetWithoutTiebreak(Books):
    _scrolling = False

    async def scroll(
        self, request: CursorRequest, *where: Criterion[Book] | None, order_by: Ordering[Book] | None = None
    ) -> CursorPage[Book]:
        self._scrolling = order_by is not None
        try:
            return await super().scroll(request, *where, order_by=order_by)
        finally:
            self._scrolling = False

    def _keyset(self, order_by: Ordering[Book] | None) -> Keyset:
        keyset = super()._keyset(order_by)
        return Keyset(keyset.keys[:-1], keyset.types[:-1], keyset.fingerprint) if self._scrolling else keyset


# --- LIKE unescaped ------------------------------------------------------------------------------
class LikeUnescaped(Books):
    async def _found(self, node: Node | None, keyset: Keyset | None) -> list[Row]:
        if not isinstance(node, TextMatch):
            return await super()._found(node, keyset)
        pattern = "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in node.text)
        prefix = "" if node.kind == "starts_with" else ".*"
        like = re.compile(prefix + pattern, re.DOTALL | (re.IGNORECASE if node.ignore_case else 0))
        return [row for row in await super()._found(None, keyset) if like.match(row.view.title)]


# --- a store that aliases objects ------------------------------------------------------------------
class AliasingMapper(InMemoryMapper[Book]):
    def __init__(self, shared: dict[object, Book]) -> None:
        super().__init__(Book)
        self._shared = shared

    def load(self, snapshot: object) -> Book:
        book = super().load(snapshot)
        return self._shared.setdefault(book.id, book)


class AliasingBooks(Books):
    shared: dict[object, Book] = {}

    def __init__(self, unit_of_work: InMemoryUnitOfWork) -> None:
        super().__init__(unit_of_work)
        self.entities.mapper = AliasingMapper(self.shared)


# --- version taken from a re-read --------------------------------------------------------------------
class VersionFromReRead(Books):
    async def update(self, entity: Book) -> None:
        stored: Row | None = self.unit_of_work.transaction.connection.read(Book, entity.id)
        if stored is not None:
            entity.version = stored.view.version
        await super().update(entity)


class SmallContract(RepositoryContract):
    """With less to do, since every broken adapter does it all."""

    increments = 20
    locked_increments = 20

    async def test_ten_thousand_are_added_at_once(self, subject: Subject) -> None:
        """Says nothing about any of these adapters."""


@pytest.mark.parametrize(
    ("books", "meant", "others"),
    [
        (Books, set[str](), set[str]()),
        (
            LastWriteWins,
            {"test_a_stale_entity_never_overwrites_a_newer_one"},
            {
                "test_a_detached_stale_entity_is_refused",
                "test_a_stale_entity_is_not_deleted",
                "test_no_acknowledged_increment_is_lost",
            },
        ),
        (
            KeysetWithoutTiebreak,
            {"test_a_walk_forwards_equals_the_whole", "test_a_walk_backwards_equals_the_whole"},
            {
                "test_a_page_leads_on_and_back",
                "test_a_walk_loses_nothing_while_others_write",
                "test_a_walk_meets_the_criteria_only",
            },
        ),
        (LikeUnescaped, {"test_text_is_literal"}, set[str]()),
        (
            AliasingBooks,
            {"test_objects_share_nothing_with_the_store"},
            {
                "test_a_deleted_identity_can_be_added_again",
                "test_a_detached_stale_entity_is_refused",
                "test_a_lock_shows_what_was_committed_meanwhile",
                "test_a_stale_entity_is_not_deleted",
                "test_a_stale_entity_never_overwrites_a_newer_one",
                "test_a_stream_gives_entities_that_are_not_tracked",
                "test_others_see_nothing_before_the_commit",
            },
        ),
        (VersionFromReRead, {"test_a_detached_stale_entity_is_refused"}, set[str]()),
    ],
)
async def test_a_broken_repository_is_caught_by_the_tests_meant_for_it(
    failures_of: FailuresOf, books: type[Books], meant: set[str], others: set[str]
) -> None:
    def subject() -> Subject:
        AliasingBooks.shared = {}
        return Subject(partial(InMemoryUnitOfWork, InMemoryStore()), books, Notes)

    assert await failures_of(SmallContract(), subject) == meant | others
