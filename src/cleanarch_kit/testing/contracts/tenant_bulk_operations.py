"""What a tenant may do to many books at once in a unit of work with its row scope, and what must come of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, cast

from cleanarch_kit.application.ports.bulk_repository import BulkRepository, Upserted
from cleanarch_kit.domain.changes import change
from cleanarch_kit.domain.tracing import everything
from cleanarch_kit.errors import DuplicateError, OutOfScopeError
from cleanarch_kit.testing.contracts.subject import Book, BookId
from cleanarch_kit.testing.contracts.tenant_operations import TITLES, Row, Session

__all__ = ["BULK_OPERATIONS"]


def _books(session: Session) -> BulkRepository[Book, BookId]:
    return cast("BulkRepository[Book, BookId]", session.books)


async def _update_where(session: Session) -> None:
    where, expected = session.criterion()
    title = session.pick(*TITLES)
    changed = await _books(session).update_where(everything, where, set=lambda b: change(b.title).to(title))
    assert changed == len(expected)
    session.rows |= {number: replace(session.rows[number], title=title) for number in expected}


async def _delete_where(session: Session) -> None:
    where, expected = session.criterion()
    assert await _books(session).delete_where(everything, where) == len(expected)
    for number in expected:
        del session.rows[number]


async def _give_away(session: Session) -> None:
    """What belongs to the tenant cannot be given away by a statement, either."""
    try:
        await _books(session).update_where(everything, set=lambda b: change(b.rank).to(3 - session.tenant))
    except TypeError:
        return
    raise AssertionError("books were given to another tenant")


async def _upsert(session: Session) -> None:
    """Ends a unit of work where the identity is taken by somebody else."""
    row = Row(session.number(), session.pick(None, 1, 2), session.pick(*TITLES))
    if session.sees(row.number):
        return
    session.doomed = row.tenant == session.tenant and row.number in session.rows
    try:
        upserted = await _books(session).upsert([row.book()])
    except OutOfScopeError:
        assert row.tenant != session.tenant
    except DuplicateError:
        assert session.doomed
        raise
    else:
        assert row.tenant == session.tenant
        assert upserted == Upserted(1, 0)
        session.rows[row.number] = row


BULK_OPERATIONS: Final[Mapping[str, Callable[[Session], Awaitable[None]]]] = {
    operation.__name__.removeprefix("_"): operation for operation in (_update_where, _delete_where, _give_away, _upsert)
}
