"""Two tenants in one store, driven by Hypothesis: nothing of one can be read, counted or changed by the other."""

import asyncio
import inspect
from collections.abc import Iterable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from cleanarch_kit.application.ports.bulk_repository import BulkRepository
from cleanarch_kit.errors import ConcurrencyError, DuplicateError, OutOfScopeError
from cleanarch_kit.testing.contracts.machine import OpenSubjects
from cleanarch_kit.testing.contracts.scoping import scopes_of
from cleanarch_kit.testing.contracts.subject import Subject
from cleanarch_kit.testing.contracts.tenant_bulk_operations import BULK_OPERATIONS
from cleanarch_kit.testing.contracts.tenant_operations import OPERATIONS, TITLES, Row, Session, numbers

__all__ = ["keep_tenants_apart"]


async def _store(subject: Subject, rows: Iterable[Row]) -> None:
    async with subject.unit_of_work() as unit:
        await subject.books(unit).add_all([row.book() for row in rows])


async def _stored(subject: Subject) -> dict[int, Row]:
    async with subject.unit_of_work(read_only=True) as unit:
        books = await subject.books(unit).list()
    return {
        number: Row(number, book.rank, book.title, book.version)
        for number, book in zip(numbers(books), books, strict=True)
    }


def _titles(rows: Mapping[int, Row]) -> dict[int, str]:
    return {number: row.title for number, row in rows.items()}


async def _play(subject: Subject, session: Session, steps: int) -> None:
    """One unit of work, and a look at the store behind it."""
    before = dict(session.rows)
    try:
        async with subject.unit_of_work(scopes=scopes_of(session.tenant)) as unit:
            session.books = subject.books(unit)
            bulk = isinstance(session.books, BulkRepository)
            operations = {**OPERATIONS, **BULK_OPERATIONS} if bulk else OPERATIONS
            for _ in range(session.data.draw(st.integers(1, steps))):
                await operations[session.pick(*sorted(operations))](session)
    except (ConcurrencyError, DuplicateError, OutOfScopeError):
        assert session.doomed
        session.rows = before
    stored = await _stored(subject)
    assert _titles(stored) == _titles(session.rows)
    for number, row in before.items():
        assert row.tenant == session.tenant or stored[number] == row
    session.rows = stored


async def _example(subjects: OpenSubjects, data: st.DataObject, steps: int) -> None:
    tenants = st.none() | st.integers(1, 2)
    drawn = data.draw(st.lists(st.tuples(tenants, st.sampled_from(TITLES)), max_size=6))
    async with subjects() as opened:
        for subject in opened.values():
            await _store(subject, [Row(number, *parts) for number, parts in enumerate(drawn)])
            rows, cursors = await _stored(subject), list[str]()
            for tenant in data.draw(st.lists(st.integers(1, 2), min_size=1, max_size=4)):
                session = Session(tenant, data, rows, cursors)
                await _play(subject, session, steps)
                rows = session.rows


def keep_tenants_apart(
    subjects: OpenSubjects, *, runner: asyncio.Runner | None = None, examples: int = 100, steps: int = 12
) -> None:
    """Let two tenants do random things to random books in one store, each in units of work with its own row scope.

    Every method of a searchable repository takes part, and those of a `BulkRepository` where it is one. Each must do
    as if only the tenant's own books were there, and after every unit of work what belongs to the other tenant or to
    nobody must be as it was, versions included.

    Call it from a test that is no coroutine: it runs an event loop of its own.

    Args:
        subjects: opens the adapters under test by name, with empty stores; called once per example.
        runner: whose event loop to use, so that what outlives an example, such as an engine, can be closed in it.
        examples: how many sequences are tried.
        steps: how many operations there are in a unit of work at most.

    Raises:
        AssertionError: a method reached over the border; Hypothesis shows the shortest sequence that it found.
    """
    methods = {name for name, _ in inspect.getmembers(BulkRepository, inspect.isfunction) if name[0] != "_"}
    assert methods - {"sorted_by"} <= OPERATIONS.keys() | BULK_OPERATIONS.keys(), "a method of a port takes no part"
    if runner is None:
        with asyncio.Runner() as own:
            keep_tenants_apart(subjects, runner=own, examples=examples, steps=steps)
        return

    chosen = runner

    @settings(max_examples=examples, deadline=None)
    @given(st.data())
    def apart(data: st.DataObject) -> None:
        chosen.run(_example(subjects, data, steps))

    apart()
