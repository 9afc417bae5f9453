"""Adapters side by side with a model, driven by Hypothesis: same results and same errors, at every step."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from dataclasses import replace
from typing import Final, TypeAlias

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from cleanarch_kit.application.pagination.pages import CursorRequest
from cleanarch_kit.application.ports.repository import SearchableRepository
from cleanarch_kit.application.ports.unit_of_work import UnitOfWork
from cleanarch_kit.domain.criteria import Criterion
from cleanarch_kit.domain.specification import is_null, present
from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.errors import CleanArchError, DuplicateError
from cleanarch_kit.testing.contracts.model import ModelBook, ModelUnit
from cleanarch_kit.testing.contracts.subject import Book, BookId, Subject

__all__ = ["OpenSubjects", "compare_with_a_model"]

_IDS: Final = [BookId(f"00000000-0000-7000-8000-00000000000{number}") for number in range(5)]
_NUMBERS = st.integers(0, len(_IDS) - 1)
_TITLES = st.sampled_from(["a", "b", "c"])
_RANKS = st.none() | st.integers(0, 2)
_ISBNS = st.sampled_from(["i0", "i1", "i2", "i3"])
_SEARCHES: Final[dict[str, tuple[Criterion[Book] | None, Callable[[ModelBook], bool]]]] = {
    "all": (None, lambda b: True),
    "a title": (lambda b: b.title == "a", lambda b: b.title == "a"),
    "no rank": (lambda b: is_null(b.rank), lambda b: b.rank is None),
    "a rank": (lambda b: present(b.rank) > 0, lambda b: b.rank is not None and b.rank > 0),
    "no such rank": (lambda b: b.rank != 1, lambda b: b.rank is not None and b.rank != 1),
}


OpenSubjects: TypeAlias = Callable[[], AbstractAsyncContextManager[Mapping[str, Subject]]]
"""Opens adapters under test, by name."""


class _Player:
    """One adapter, with the objects that it handed out."""

    def __init__(self, name: str, subject: Subject) -> None:
        self.name = name
        self.context = copy_context()
        self.subject = subject
        self.unit: UnitOfWork = subject.unit_of_work()
        self.books: SearchableRepository[Book, BookId] = subject.books(self.unit)
        self.objects: dict[int, Book] = {}
        self.detached: dict[int, Book] = {}
        self.savepoints: list[tuple[AbstractAsyncContextManager[None], dict[int, Book]]] = []

    async def begin(self) -> None:
        self.unit = self.subject.unit_of_work()
        await self.unit.__aenter__()
        self.books = self.subject.books(self.unit)
        self.objects = {}

    async def get(self, number: int) -> object:
        book = await self.books.get_by_id(_IDS[number])
        return book and self.seen(book)

    async def add(self, drawn: ModelBook) -> None:
        book = Book(id=_IDS[drawn.number], isbn=drawn.isbn, title=drawn.title, rank=drawn.rank, price=Money(1, "EUR"))
        await self.books.add(book)
        self.objects[drawn.number] = book

    async def update(self, number: int, title: str) -> None:
        self.detached[number].title = title
        await self.books.update(self.detached[number])
        self.objects[number] = self.detached[number]

    async def search(self, kind: str, page_size: int | None) -> list[object]:
        where = _SEARCHES[kind][0]
        if page_size is None:
            return [self.seen(book) for book in await self.books.list(where, order_by=lambda b: b.rank)]
        walked: list[object] = []
        request = CursorRequest(size=page_size)
        while True:
            page = await self.books.scroll(request, where, order_by=lambda b: b.rank)
            walked += map(self.seen, page.items)
            if page.next is None:
                return walked
            request = CursorRequest(size=page_size, after=page.next)

    async def begin_savepoint(self, tracked: Collection[int]) -> None:
        savepoint = self.unit.savepoint()
        await savepoint.__aenter__()
        self.savepoints.append((savepoint, {number: self.objects[number] for number in tracked}))

    async def release_savepoint(self) -> None:
        savepoint, objects = self.savepoints.pop()
        try:
            await savepoint.__aexit__(None, None, None)
        except CleanArchError:
            self.objects |= objects
            raise

    async def return_to_savepoint(self) -> None:
        savepoint, objects = self.savepoints.pop()
        await savepoint.__aexit__(LookupError, LookupError("back"), None)
        self.objects |= objects

    def seen(self, book: Book) -> object:
        number = _IDS.index(book.id)
        self.objects[number] = book
        return _shown(ModelBook(number, book.isbn, book.title, book.rank, book.version))


def _shown(book: ModelBook | None) -> object:
    return book and (book.number, book.isbn, book.title, book.rank, book.version)


class _Machine(RuleBasedStateMachine):
    """Does the same to the model and to every adapter."""

    def __init__(self, runner: asyncio.Runner, subjects: OpenSubjects) -> None:
        super().__init__()
        self.runner = runner
        self.manager = subjects()
        opened = runner.run(self.manager.__aenter__())
        self.players = [_Player(name, subject) for name, subject in opened.items()]
        self.committed: dict[int, ModelBook] = {}
        self.unit: ModelUnit | None = None
        self.detached: dict[int, ModelBook] = {}

    def compare(self, expected: Callable[[], object], actual: Callable[[_Player], Awaitable[object]]) -> None:
        outcome = _outcome(expected)
        for player in self.players:
            assert self.run(actual, player) == outcome, player.name

    def run(self, work: Callable[[_Player], Awaitable[object]], player: _Player) -> object:
        return self.runner.run(_outcome_of(work, player), context=player.context)

    @precondition(lambda self: self.unit is None)
    @rule()
    def begin(self) -> None:
        self.unit = ModelUnit({number: replace(book) for number, book in self.committed.items()})
        self.compare(lambda: None, _Player.begin)

    @precondition(lambda self: self.unit is not None)
    @rule(number=_NUMBERS, isbn=_ISBNS, title=_TITLES, rank=_RANKS)
    def add(self, number: int, isbn: str, title: str, rank: int | None) -> None:
        unit = self.open
        if not unit.refused_twice(number, isbn):
            drawn = ModelBook(number, isbn, title, rank)
            self.compare(lambda: unit.add(drawn), lambda player: player.add(drawn))

    @precondition(lambda self: self.unit is not None)
    @rule(number=_NUMBERS)
    def get(self, number: int) -> None:
        self.compare(lambda: _shown(self.open.get(number)), lambda player: player.get(number))

    @precondition(lambda self: self.unit is not None and self.unit.alive)
    @rule(data=st.data(), title=_TITLES, rank=_RANKS)
    def change(self, data: st.DataObject, title: str, rank: int | None) -> None:
        alive = self.open.alive
        number = data.draw(st.sampled_from(sorted(alive)))
        alive[number].title, alive[number].rank = title, rank
        for player in self.players:
            player.objects[number].title, player.objects[number].rank = title, rank

    @precondition(lambda self: self.unit is not None)
    @rule(number=_NUMBERS)
    def delete(self, number: int) -> None:
        self.compare(lambda: self.open.delete(number), lambda player: player.books.delete(_IDS[number]))

    @precondition(lambda self: self.unit is not None and self.detached)
    @rule(data=st.data(), title=_TITLES)
    def update_a_detached_one(self, data: st.DataObject, title: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.detached)))
        book = self.detached[number]
        book.title = title
        self.compare(lambda: self.open.update(book), lambda player: player.update(number, title))

    @precondition(lambda self: self.unit is not None)
    @rule(kind=st.sampled_from(sorted(_SEARCHES)), page_size=st.none() | st.integers(1, 3))
    def search(self, kind: str, page_size: int | None) -> None:
        self.compare(
            lambda: [_shown(book) for book in self.open.search(_SEARCHES[kind][1])],
            lambda player: player.search(kind, page_size),
        )

    @precondition(lambda self: self.unit is not None)
    @rule(kind=st.sampled_from(sorted(_SEARCHES)))
    def count(self, kind: str) -> None:
        where, wanted = _SEARCHES[kind]
        self.compare(lambda: self.open.count(wanted), lambda player: player.books.count(where))

    @precondition(lambda self: self.unit is not None and self.unit.savepoints < 3)
    @rule()
    def begin_a_savepoint(self) -> None:
        tracked = list(self.open.detached())
        self.compare(self.open.begin_savepoint, lambda player: player.begin_savepoint(tracked))

    @precondition(lambda self: self.unit is not None and self.unit.savepoints)
    @rule()
    def release_a_savepoint(self) -> None:
        self.compare(self.open.release_savepoint, _Player.release_savepoint)

    @precondition(lambda self: self.unit is not None and self.unit.savepoints)
    @rule()
    def return_to_a_savepoint(self) -> None:
        self.compare(self.open.return_to_savepoint, _Player.return_to_savepoint)

    @precondition(lambda self: self.unit is not None and not self.unit.savepoints)
    @rule()
    def commit(self) -> None:
        unit, committed = self.open, False

        def commit() -> None:
            nonlocal committed
            unit.flush()
            committed = True

        self.compare(commit, lambda player: player.unit.__aexit__(None, None, None))
        if committed:
            self.committed = unit.rows
        self.end(unit.detached() if committed else unit.give_up())

    @precondition(lambda self: self.unit is not None and not self.unit.savepoints)
    @rule()
    def roll_back(self) -> None:
        self.compare(lambda: None, lambda player: player.unit.rollback())
        self.compare(lambda: None, lambda player: player.unit.__aexit__(None, None, None))
        self.end(self.open.give_up())

    @invariant()
    def objects_are_in_the_same_state(self) -> None:
        for number, book in (self.unit.alive if self.unit is not None else self.detached).items():
            for player in self.players:
                objects = player.objects if self.unit is not None else player.detached
                found = objects[number]
                assert (found.title, found.rank, found.version) == (book.title, book.rank, book.version), player.name

    @property
    def open(self) -> ModelUnit:
        assert self.unit is not None
        return self.unit

    def end(self, left_over: dict[int, ModelBook]) -> None:
        self.unit = None
        kept = {number: book for number, book in left_over.items() if book.version}
        self.detached.update(kept)
        for player in self.players:
            player.detached.update({number: player.objects[number] for number in kept})

    def teardown(self) -> None:
        if self.unit is not None:
            for player in self.players:
                self.run(lambda player: player.unit.rollback(), player)
                self.run(lambda player: player.unit.__aexit__(None, None, None), player)
        self.runner.run(self.manager.__aexit__(None, None, None))


def _outcome(work: Callable[[], object]) -> object:
    try:
        return work()
    except CleanArchError as error:
        return type(error).__name__, error.constraint if isinstance(error, DuplicateError) else None


async def _outcome_of(work: Callable[[_Player], Awaitable[object]], player: _Player) -> object:
    try:
        return await work(player)
    except CleanArchError as error:
        return type(error).__name__, error.constraint if isinstance(error, DuplicateError) else None


def compare_with_a_model(
    subjects: OpenSubjects,
    *,
    runner: asyncio.Runner | None = None,
    examples: int = 100,
    steps: int = 40,
) -> None:
    """Drive adapters side by side with a model of what they should do, and compare every result and every error.

    Call it from a test that is no coroutine: it runs an event loop of its own.

    Args:
        subjects: opens the adapters under test by name, with empty stores; called once per example.
        runner: whose event loop to use, so that what outlives an example, such as an engine, can be closed in it.
        examples: how many sequences of steps are tried.
        steps: how long the sequences are.

    Raises:
        AssertionError: an adapter differs from the model; Hypothesis shows the shortest sequence that it found.
    """
    if runner is None:
        with asyncio.Runner() as own:
            compare_with_a_model(subjects, runner=own, examples=examples, steps=steps)
        return

    chosen = runner

    class Machine(_Machine):
        def __init__(self) -> None:
            super().__init__(chosen, subjects)

    slow = [HealthCheck.too_slow]  # steps are transactions, whose time is the database's and the machine's
    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=slow),
    )
