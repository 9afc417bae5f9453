"""The contract and the property of row scopes count only if they catch whoever forgets the scope in any one place."""

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import pytest
from hypothesis import Phase, settings

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.adapters.memory.mapper import InMemoryMapper
from cleanarch_kit.adapters.memory.store import Row
from cleanarch_kit.adapters.memory.transaction import InMemoryTransaction
from cleanarch_kit.application.tracking.data_mapper import DataMapper
from cleanarch_kit.application.tracking.identity_map import IdentityMap
from cleanarch_kit.domain.criteria import Criterion, Node
from cleanarch_kit.domain.tracing import trace_all
from cleanarch_kit.errors import CleanArchError
from cleanarch_kit.testing import Book, BookId, Note, NoteId, ScopeContract, Subject, keep_tenants_apart

FailuresOf = Callable[[ScopeContract, Callable[[], Subject]], Awaitable[set[str]]]


class Forgetful:
    """Forgets the scope in one method, by its name."""

    method: str | None = None

    @classmethod
    def now(cls) -> bool:
        """Whether the method that calls the caller is the one that forgets."""
        return sys._getframe(2).f_code.co_name == cls.method


class ForgetfulMapper(InMemoryMapper[Book]):
    def _row(self, connection: InMemoryTransaction, identity: object) -> Row | None:
        found: Row | None = connection.read(Book, identity)
        return found if Forgetful.now() else super()._row(connection, identity)


class Books(InMemoryRepository[Book, BookId]):
    unique: UniqueKeys[Book] = {"uq_books_isbn": lambda b: b.isbn}

    def _traced(self, where: tuple[Criterion[Book] | None, ...]) -> Node | None:
        return trace_all(where, Book) if Forgetful.now() else super()._traced(where)

    def _within(
        self, mapper: DataMapper[Book, InMemoryTransaction], scope: Node
    ) -> DataMapper[Book, InMemoryTransaction]:
        return super()._within(ForgetfulMapper(Book), scope)


class Notes(InMemoryRepository[Note, NoteId]):
    """Nothing to add."""


def a_subject() -> Subject:
    return Subject(partial(InMemoryUnitOfWork, InMemoryStore()), Books, Notes)


MEANT = {
    "list": "test_no_search_finds_what_lies_outside",
    "count": "test_no_search_finds_what_lies_outside",
    "exists": "test_no_search_finds_what_lies_outside",
    "scroll": "test_no_search_finds_what_lies_outside",
    "stream": "test_no_stream_gives_what_lies_outside",
    "fetch": "test_what_lies_outside_is_not_found_by_its_identity",
    "delete_by_id": "test_what_lies_outside_cannot_be_deleted",
    "_guarded": "test_what_claims_to_lie_inside_overwrites_nothing_outside",
    "add_all": "test_what_lies_outside_cannot_be_added",
    "update": "test_a_detached_entity_outside_is_refused",
    "scan": "test_a_change_cannot_leave_the_scope",
}


BULK = ("_criterion", "upsert", "_check")


@pytest.fixture(params=[None, *MEANT, *BULK])
def forgotten(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    check = IdentityMap[Book, InMemoryTransaction].check_scope

    def check_scope(entities: IdentityMap[Book, InMemoryTransaction], entity: Book) -> None:
        if not Forgetful.now():
            check(entities, entity)

    monkeypatch.setattr(IdentityMap, "check_scope", check_scope)
    monkeypatch.setattr(Forgetful, "method", request.param)
    method: str | None = request.param
    return method


@pytest.fixture
def repeatable() -> Iterator[None]:
    """The same examples every time, and no search for a shorter one."""
    settings.register_profile("repeatable", derandomize=True, database=None, phases=[Phase.generate])
    before = settings.get_current_profile_name()
    settings.load_profile("repeatable")
    yield
    settings.load_profile(before)


async def test_the_contract_catches_who_forgets_the_scope(failures_of: FailuresOf, forgotten: str | None) -> None:
    failures = await failures_of(ScopeContract(), a_subject)
    assert failures >= {MEANT[forgotten]} if forgotten in MEANT else not failures


@pytest.mark.usefixtures("repeatable")
def test_random_operations_catch_who_forgets_the_scope(forgotten: str | None) -> None:
    @asynccontextmanager
    async def subjects() -> AsyncGenerator[Mapping[str, Subject]]:
        yield {"memory": a_subject()}

    if forgotten in (None, "update"):  # what `update` lets through, the flush refuses
        keep_tenants_apart(subjects, examples=50)
        return
    with pytest.raises((AssertionError, CleanArchError, ExceptionGroup)):
        keep_tenants_apart(subjects, examples=300)
