"""How many functions of ours one operation calls: unlike time, the same on every machine, so that it can be a gate.

Only our own code and the code generated for an entity are counted, so that other versions of SQLAlchemy change
nothing. A coroutine counts once, however often it is resumed, and a comprehension does not, since newer Pythons call
none. Whoever brings a count down, lowers the ceiling.
"""

import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import sqlalchemy as sa

import cleanarch_kit
from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.adapters.sqlalchemy import (
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    UtcDateTime,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.application import CursorRequest, PageRequest, SearchableRepository
from cleanarch_kit.domain import AggregateRoot, Email, EntityId, Money, desc

OURS = str(Path(cleanarch_kit.__file__).parent)
PAGE = 100
RESUMED = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class UserId(EntityId): ...


@dataclass(kw_only=True, slots=True)
class User(AggregateRoot[UserId]):
    email: Email
    name: str
    balance: Money
    created_at: datetime


metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("balance_amount", sa.BigInteger, nullable=False),
    sa.Column("balance_currency", sa.String(3), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)


class SqlUsers(SqlAlchemyRepository[User, UserId]):
    table = users


class InMemoryUsers(InMemoryRepository[User, UserId]): ...


def a_user(number: int) -> User:
    return User(
        id=UserId.new(),
        email=Email(f"u{number}@example.com"),
        name=f"name {number}",
        balance=Money(number, "EUR"),
        created_at=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
    )


@dataclass
class Store:
    """Where the users are, and who some of them are."""

    adapter: str
    unit: Callable[[], AbstractAsyncContextManager[Any]]
    repository: Callable[[Any], SearchableRepository[User, UserId]]
    ids: list[UserId]
    cursor: str | None = None

    async def get(self) -> None:
        async with self.unit() as unit:
            await self.repository(unit).get(self.ids[5])

    async def get_many(self, times: int) -> None:
        async with self.unit() as unit:
            repository = self.repository(unit)
            for identity in self.ids[:times]:
                await repository.get(identity)

    async def add(self) -> None:
        async with self.unit() as unit:
            await self.repository(unit).add(a_user(0))

    async def page(self) -> None:
        async with self.unit() as unit:
            page = await self.repository(unit).paginate(
                PageRequest(per_page=PAGE), order_by=lambda user: desc(user.created_at)
            )
            assert len(page.items) == PAGE

    async def scroll(self) -> None:
        async with self.unit() as unit:
            page = await self.repository(unit).scroll(
                CursorRequest(size=PAGE, after=self.cursor), order_by=lambda user: user.created_at
            )
            self.cursor = self.cursor or page.next
            assert len(page.items) == PAGE

    async def change(self) -> None:
        async with self.unit() as unit:
            found = await self.repository(unit).list(order_by=lambda user: user.created_at, limit=PAGE)
            for user in found[::10]:
                user.name += "."


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    people = [a_user(number) for number in range(3 * PAGE)]
    ids = [user.id for user in people]
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            kept = InMemoryStore()
            found = Store("memory", lambda: InMemoryUnitOfWork(kept), InMemoryUsers, ids)
        else:
            engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'users.db'}")
            stack.push_async_callback(engine.dispose)
            async with engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
            sessions = session_factory(engine)
            found = Store("sqlite", lambda: SqlAlchemyUnitOfWork(sessions), SqlUsers, ids)
        async with found.unit() as unit:
            await found.repository(unit).add_all(people)
        yield found


async def calls_of(operation: Callable[[], Awaitable[object]]) -> int:
    """The calls of an operation that has run before, so that nothing is derived or compiled any more."""
    for _ in range(2):
        await operation()
    entered: set[FrameType] = set()
    calls = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith((OURS, "<rows of")) or code.co_name.endswith("comp>"):
            return
        if code.co_flags & RESUMED:
            if frame in entered:
                return
            entered.add(frame)
        calls += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        await operation()
    finally:
        sys.setprofile(before)
    return calls


CEILINGS = {
    "sqlite": {"get": 80, "add": 110, "page": 230, "scroll": 260, "change": 345},
    "memory": {"get": 125, "add": 125, "page": 11_500, "scroll": 10_000, "change": 10_700},
}
"""A tenth more than there are. On SQLite one call for each of a hundred rows is that of the moment it holds."""


@pytest.mark.parametrize("operation", ["get", "add", "page", "scroll", "change"])
async def test_an_operation_calls_no_more_than_its_ceiling(store: Store, operation: str) -> None:
    assert await calls_of(getattr(store, operation)) <= CEILINGS[store.adapter][operation]


async def test_so_many_gets_in_one_unit_of_work_cost_so_many_times_one(store: Store) -> None:
    few, some, many = [await calls_of(partial(store.get_many, times)) for times in (10, 110, 210)]
    assert many - some == some - few
