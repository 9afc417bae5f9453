import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyRepository, SqlAlchemyUnitOfWork
from cleanarch_kit.adapters.sqlalchemy.searching.streaming import open_stream
from cleanarch_kit.errors import StorageError
from cleanarch_kit.testing import Book, BookId, Subject


class AnyBooks(SqlAlchemyRepository[Book, BookId]):
    table = sa.Table(
        "any_books",
        sa.MetaData(),
        *(sa.Column(name, sa.String) for name in ("id", "version", "isbn", "title", "rank", "published_at")),
        *(sa.Column(name, sa.String) for name in ("price_amount", "price_currency")),
    )


@pytest.mark.parametrize("database", ["sqlite", "asyncpg", "psycopg"], indirect=True)
async def test_what_fails_at_the_beginning_of_a_stream_is_translated(
    sessions: async_sessionmaker[AsyncSession],
) -> None:
    with pytest.raises(StorageError):
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            mapper = AnyBooks.mapper()
            await open_stream(unit.transaction.connection, mapper, sa.select(sa.text("1 FROM nowhere")), {})


async def test_a_stream_of_nothing_ends_at_once(sql_subject: Subject) -> None:
    async with sql_subject.unit_of_work() as unit:
        found: list[Book] = [book async for book in sql_subject.books(unit).stream()]
    assert found == []
