"""What the contract cannot ask of every adapter: values that the database refuses."""

import pytest

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyRepository
from cleanarch_kit.application import CursorRequest
from cleanarch_kit.application.pagination.keyset import keyset_of
from cleanarch_kit.domain import present
from cleanarch_kit.errors import InvalidCursorError, RefusedValueError
from cleanarch_kit.testing import Book, BookId, Subject


@pytest.mark.parametrize("database", ["asyncpg"], indirect=True)
async def test_a_cursor_with_a_value_that_the_column_cannot_have_is_refused(sql_subject: Subject) -> None:
    with pytest.raises(InvalidCursorError, match="it holds a value that the order's field cannot have"):
        async with sql_subject.unit_of_work() as unit:
            books = sql_subject.books(unit)
            assert isinstance(books, SqlAlchemyRepository)
            keyset = keyset_of(lambda b: b.rank, Book, BookId)
            cursor = books.cursors.encode(keyset.fingerprint, [2**62, BookId.new().value])
            await books.scroll(CursorRequest(after=cursor), order_by=lambda b: b.rank)


@pytest.mark.parametrize("database", ["asyncpg"], indirect=True)
async def test_without_a_cursor_a_refused_value_is_the_criterion_s(sql_subject: Subject) -> None:
    with pytest.raises(RefusedValueError):
        async with sql_subject.unit_of_work() as unit:
            await sql_subject.books(unit).scroll(CursorRequest(), lambda b: present(b.rank) > 2**62)
