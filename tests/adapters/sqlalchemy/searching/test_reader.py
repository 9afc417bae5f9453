"""What one repository reads, beyond what the contract asks."""

import gc
import tracemalloc
from contextlib import aclosing

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyRepository, SqlAlchemyUnitOfWork
from cleanarch_kit.domain import Criterion, Money
from cleanarch_kit.testing import Book, BookId, CancellationStyle, Subject, cancel_everywhere

PORTIONS = 1_203
"""Books that a stream gives in three portions."""


def books(number: int) -> list[Book]:
    return [
        Book(id=BookId.new(), isbn=f"isbn {at}", title=f"t{at:04}", price=Money(1, "EUR"), rank=at % 7)
        for at in range(number)
    ]


async def test_a_stream_of_many_portions_gives_each_entity_once(sql_subject: Subject) -> None:
    await sql_subject.add_books(*books(PORTIONS))
    async with sql_subject.unit_of_work() as unit:
        repository = sql_subject.books(unit)
        titles = [book.title async for book in repository.stream(order_by=lambda b: (b.rank, b.title))]
    assert titles == [book.title for book in sorted(books(PORTIONS), key=lambda b: (b.rank, b.title))]


async def test_the_unit_of_work_can_do_other_things_while_a_stream_is_open(sql_subject: Subject) -> None:
    await sql_subject.add_books(*books(600))
    async with sql_subject.unit_of_work() as unit:
        repository = sql_subject.books(unit)
        seen = 0
        async for book in repository.stream():
            seen += 1
            if seen % 200 == 0:
                assert await repository.get_by_id(book.id) is not None
    assert seen == 600


async def test_a_stream_may_be_left_and_outlive_its_unit_of_work(sql_subject: Subject) -> None:
    await sql_subject.add_books(*books(600))
    async with sql_subject.unit_of_work() as unit:
        async with aclosing(sql_subject.books(unit).stream()) as stream:
            async for _ in stream:
                break
        assert await sql_subject.books(unit).count() == 600
        left = sql_subject.books(unit).stream()
        await anext(left)
    await left.aclose()
    assert sql_subject.open_connections() == 0


# psycopg says so of a cursor whose connection was given up.
@pytest.mark.filterwarnings("ignore:.*ServerCursorMixin.__del__:pytest.PytestUnraisableExceptionWarning")
async def test_a_stream_that_is_cancelled_anywhere_holds_nothing(sql_subject: Subject, database: str) -> None:
    style = CancellationStyle.TWICE if database == "asyncpg" else CancellationStyle.TASK
    await sql_subject.add_books(*books(PORTIONS))

    async def scenario() -> None:
        async with sql_subject.unit_of_work() as unit:
            repository = sql_subject.books(unit)
            async with aclosing(repository.stream(order_by=lambda b: b.title)) as stream:
                async for book in stream:
                    if book.title == "t0600":  # in the middle of the second portion
                        break
            assert len([book async for book in repository.stream()]) == PORTIONS

    async def verify() -> None:
        assert sql_subject.open_connections() == 0
        async with sql_subject.unit_of_work() as unit:
            assert await sql_subject.books(unit).count() == PORTIONS

    assert await cancel_everywhere(scenario, verify, style=style) >= 5


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_stream_holds_a_few_portions_however_long_it_is(sql_subject: Subject) -> None:
    """`benchmarks/bench_stream.py` measures a million rows, and what the drivers themselves hold."""
    await sql_subject.add_books(*books(4_000))
    peaks: list[int] = []
    count = 0

    def first(book: Book) -> bool:
        return book.title < "t1000"

    async with sql_subject.unit_of_work(read_only=True) as unit:
        repository = sql_subject.books(unit)
        some: tuple[Criterion[Book] | None, ...] = (first, None)
        for criterion in some:
            gc.collect()
            tracemalloc.start()
            count = 0
            async for _ in repository.stream(criterion):
                count += 1
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert count == 4_000
    assert peaks[1] < 1.5 * peaks[0]  # four times as many rows


@pytest.mark.parametrize("database", ["asyncpg", "asyncmy"], indirect=True)
async def test_rows_are_locked_with_an_offset_and_without_a_limit(sql_subject: Subject) -> None:
    await sql_subject.add_books(*books(5))
    async with sql_subject.unit_of_work() as unit:
        repository = sql_subject.books(unit)
        found = await repository.list(lambda b: b.title > "t0001", order_by=lambda b: b.title, for_update=True)
        assert [book.title for book in found] == ["t0002", "t0003", "t0004"]
        found = await repository.list(order_by=lambda b: b.title, limit=2, offset=1, for_update=True)
        assert [book.title for book in found] == ["t0001", "t0002"]
        found = await repository.list(lambda b: b.title > "t0001", order_by=lambda b: b.title, limit=9, for_update=True)
        assert [book.title for book in found] == ["t0002", "t0003", "t0004"]


async def test_exists_loads_nothing(engine: AsyncEngine, sql_subject: Subject) -> None:
    await sql_subject.add_books(*books(2))
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    async with sql_subject.unit_of_work() as unit:
        assert isinstance(unit, SqlAlchemyUnitOfWork)
        repository = sql_subject.books(unit)
        assert isinstance(repository, SqlAlchemyRepository)
        event.listen(engine.sync_engine, "before_cursor_execute", note)
        assert await repository.exists(lambda b: b.title == "t0001")
        assert not await repository.exists(lambda b: b.title == "nothing")
    assert all("title," not in statement for statement in statements)
