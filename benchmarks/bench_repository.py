"""What a repository and a unit of work cost beside SQLAlchemy Core written by hand, and beside other repositories.

python benchmarks/bench_repository.py [database URL] [--rows 20000] [--rounds 20] [--only get,page]

The default is a SQLite file in a temporary folder. With another URL, the table `bench_users` of that database is
dropped and created. Contenders that are not installed (advanced-alchemy, fastcrud) are left out.

Every figure is a ratio in one run: `cpu` is this process's time, `wall` the time on the clock, both of the best batch;
`calls` counts the Python and C functions called by one operation, which does not depend on the machine.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column, registry

from cleanarch_kit.adapters.sqlalchemy import (
    ScalarType,
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    UtcDateTime,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.application import CursorRequest, PageRequest
from cleanarch_kit.application.pagination.keyset import keyset_of
from cleanarch_kit.domain import AggregateRoot, Email, EntityId, Money, desc

PAGE = 100
START = datetime(2024, 1, 1, tzinfo=UTC)


class UserId(EntityId): ...


@dataclass(kw_only=True, slots=True)
class User(AggregateRoot[UserId]):
    email: Email
    name: str
    password_hash: str
    role: str
    balance: Money
    is_active: bool
    created_at: datetime
    updated_at: datetime | None = None


class Base(DeclarativeBase):
    pass


class UserModel(Base):
    """The same table for those who store models: plain columns, no values."""

    __tablename__ = "bench_users"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    email: Mapped[str] = mapped_column(sa.String(254))
    name: Mapped[str] = mapped_column(sa.String(200))
    password_hash: Mapped[str] = mapped_column(sa.String(100))
    role: Mapped[str] = mapped_column(sa.String(20))
    balance_amount: Mapped[int] = mapped_column(sa.BigInteger)
    balance_currency: Mapped[str] = mapped_column(sa.String(3))
    is_active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (sa.Index("ix_bench_users_created", "created_at", "id"),)


users = Base.metadata.tables["bench_users"]
COLUMNS = [column.name for column in users.columns]


@dataclass
class MappedUser:
    """The same table mapped imperatively."""

    id: UUID
    email: str
    name: str
    password_hash: str
    role: str
    balance_amount: int
    balance_currency: str
    is_active: bool
    created_at: datetime
    version: int = 1
    updated_at: datetime | None = field(default=None)


registry().map_imperatively(MappedUser, users)


def make(number: int) -> User:
    return User(
        id=UserId.new(),
        email=Email(f"u{number}@example.com"),
        name=f"name {number}",
        password_hash="x" * 60,
        role="user",
        balance=Money(number, "EUR"),
        is_active=True,
        created_at=START + timedelta(seconds=number),
    )


def columns_of(user: User) -> dict[str, Any]:
    return {
        "id": user.id.value,
        "version": 1,
        "email": user.email.value,
        "name": user.name,
        "password_hash": user.password_hash,
        "role": user.role,
        "balance_amount": user.balance.amount,
        "balance_currency": user.balance.currency,
        "is_active": user.is_active,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


value_users = sa.Table(
    "bench_users",
    sa.MetaData(),
    *(
        sa.Column("email", ScalarType(Email)) if column.name == "email" else column._copy()  # noqa: SLF001
        for column in users.columns
    ),
)


@dataclass
class ValueUser:
    """The same table mapped imperatively, with the values that a domain class has."""

    id: UUID
    email: Email
    name: str
    password_hash: str
    role: str
    balance: Money
    is_active: bool
    created_at: datetime
    version: int = 1
    updated_at: datetime | None = None


registry().map_imperatively(
    ValueUser,
    value_users,
    properties={
        "balance": composite(Money, value_users.c.balance_amount, value_users.c.balance_currency),
    },
)


@dataclass
class PlainUser:
    """What one makes of a row by hand: no values, nothing is tracked."""

    id: UUID
    version: int
    email: str
    name: str
    password_hash: str
    role: str
    balance_amount: int
    balance_currency: str
    is_active: bool
    created_at: datetime
    updated_at: datetime | None


class SqlUsers(SqlAlchemyRepository[User, UserId]):
    table = users


def by_time(user: User) -> object:
    return user.created_at


BY_TIME = keyset_of(by_time, User, UserId)


@dataclass
class Data:
    """What is in the table: identities with their times, in the order of time."""

    keys: list[tuple[UUID, datetime]]
    numbers: int

    def some_id(self) -> UUID:
        self.numbers += 1
        return self.keys[self.numbers * 7919 % len(self.keys)][0]

    def new_user(self) -> User:
        self.numbers += 1
        return make(self.numbers)

    @property
    def deep(self) -> tuple[UUID, datetime]:
        return self.keys[int(len(self.keys) * 0.95)]


class Contender:
    """One way of doing it. A method that is missing is an operation that it does not have."""

    name = ""

    def __init__(self, engine: AsyncEngine, data: Data) -> None:
        self.engine = engine
        self.data = data
        self.sessions = session_factory(engine)


class Core(Contender):
    """Connections and statements, prepared once, rows as they come: the reference."""

    name = "SQLAlchemy Core"
    by_id = sa.select(users).where(users.c.id == sa.bindparam("wanted"))
    newest = sa.select(users).order_by(users.c.created_at.desc(), users.c.id.desc()).limit(PAGE)
    total = sa.select(sa.func.count()).select_from(users)
    behind = (
        sa.select(users)
        .where(
            sa.tuple_(users.c.created_at, users.c.id)
            > sa.tuple_(sa.bindparam("at", type_=UtcDateTime()), sa.bindparam("key", type_=sa.Uuid()))
        )
        .order_by(users.c.created_at, users.c.id)
        .limit(PAGE + 1)
    )
    insert = sa.insert(users)

    async def get(self) -> None:
        async with self.engine.connect() as connection:
            PlainUser(*(await connection.execute(self.by_id, {"wanted": self.data.some_id()})).one())

    async def add(self) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(self.insert, columns_of(self.data.new_user()))

    async def page(self) -> None:
        async with self.engine.connect() as connection:
            (await connection.execute(self.total)).scalar_one()
            (await connection.execute(self.newest)).all()

    async def keyset(self) -> None:
        key, at = self.data.deep
        async with self.engine.connect() as connection:
            [PlainUser(*row) for row in await connection.execute(self.behind, {"at": at, "key": key})]


class Ours(Contender):
    """A repository in a unit of work of its own for each operation, with values and tracked entities."""

    name = "cleanarch_kit"

    async def get(self) -> None:
        async with SqlAlchemyUnitOfWork(self.sessions) as uow:
            await SqlUsers(uow).get(UserId.restore(self.data.some_id()))

    async def add(self) -> None:
        async with SqlAlchemyUnitOfWork(self.sessions) as uow:
            await SqlUsers(uow).add(self.data.new_user())

    async def page(self) -> None:
        async with SqlAlchemyUnitOfWork(self.sessions) as uow:
            await SqlUsers(uow).paginate(PageRequest(per_page=PAGE), order_by=lambda u: desc(u.created_at))

    async def keyset(self) -> None:
        key, at = self.data.deep
        cursor = SqlUsers.cursors.encode(BY_TIME.fingerprint, [at, key])
        async with SqlAlchemyUnitOfWork(self.sessions) as uow:
            await SqlUsers(uow).scroll(CursorRequest(size=PAGE, after=cursor), order_by=lambda u: u.created_at)

    async def write_back(self) -> None:
        async with SqlAlchemyUnitOfWork(self.sessions) as uow:
            for user in (await SqlUsers(uow).list(order_by=lambda u: u.created_at, limit=100))[::10]:
                user.name = f"changed {self.data.some_id()}"


class ImperativeOrm(Contender):
    """The domain class itself, mapped imperatively."""

    name = "imperative ORM"

    async def get(self) -> None:
        async with self.sessions() as session:
            await session.get_one(MappedUser, self.data.some_id())

    async def add(self) -> None:
        async with self.sessions() as session:
            session.add(MappedUser(**columns_of(self.data.new_user())))
            await session.commit()

    async def page(self) -> None:
        async with self.sessions() as session:
            (await session.execute(Core.total)).scalar_one()
            newest = sa.select(MappedUser).order_by(users.c.created_at.desc(), users.c.id.desc()).limit(PAGE)
            (await session.execute(newest)).scalars().all()

    async def write_back(self) -> None:
        async with self.sessions() as session:
            oldest = sa.select(MappedUser).order_by(users.c.created_at, users.c.id).limit(100)
            for user in list((await session.execute(oldest)).scalars())[::10]:
                user.name = f"changed {self.data.some_id()}"
            await session.commit()


class ValueOrm(Contender):
    """The domain class with its values, mapped imperatively."""

    name = "imperative, values"

    async def page(self) -> None:
        async with self.sessions() as session:
            (await session.execute(Core.total)).scalar_one()
            newest = sa.select(ValueUser).order_by(value_users.c.created_at.desc(), value_users.c.id.desc()).limit(PAGE)
            (await session.execute(newest)).scalars().all()

    async def write_back(self) -> None:
        async with self.sessions() as session:
            oldest = sa.select(ValueUser).order_by(value_users.c.created_at, value_users.c.id).limit(100)
            for user in list((await session.execute(oldest)).scalars())[::10]:
                user.name = f"changed {self.data.some_id()}"
            await session.commit()


class ModelOrm(Contender):
    """Declarative models."""

    name = "declarative ORM"

    async def get(self) -> None:
        async with self.sessions() as session:
            await session.get_one(UserModel, self.data.some_id())

    async def add(self) -> None:
        async with self.sessions() as session:
            session.add(UserModel(**columns_of(self.data.new_user())))
            await session.commit()

    async def page(self) -> None:
        async with self.sessions() as session:
            (await session.execute(Core.total)).scalar_one()
            newest = sa.select(UserModel).order_by(users.c.created_at.desc(), users.c.id.desc()).limit(PAGE)
            (await session.execute(newest)).scalars().all()


def peers() -> list[type[Contender]]:
    """Other libraries, as far as they are installed; both store models, not entities."""
    found: list[type[Contender]] = []
    if find_spec("advanced_alchemy"):
        found.append(_advanced_alchemy())
    if find_spec("fastcrud"):
        found.append(_fastcrud())
    return found


def _advanced_alchemy() -> type[Contender]:
    from advanced_alchemy.filters import LimitOffset, OrderBy
    from advanced_alchemy.repository import SQLAlchemyAsyncRepository

    class Models(SQLAlchemyAsyncRepository[UserModel]):
        model_type = UserModel

    class AdvancedAlchemy(Contender):
        name = "advanced-alchemy"

        async def get(self) -> None:
            async with self.sessions() as session:
                await Models(session=session).get(self.data.some_id())

        async def add(self) -> None:
            async with self.sessions() as session:
                await Models(session=session).add(UserModel(**columns_of(self.data.new_user())), auto_commit=True)

        async def page(self) -> None:
            async with self.sessions() as session:
                await Models(session=session).get_many_and_count(
                    OrderBy("created_at", "desc"), LimitOffset(PAGE, 0), count_with_window_function=False
                )

    return AdvancedAlchemy


def _fastcrud() -> type[Contender]:
    from fastcrud import FastCRUD
    from pydantic import create_model

    crud = FastCRUD(UserModel)
    schema = create_model("UserIn", **dict.fromkeys(COLUMNS, (Any, ...)))

    class FastCrud(Contender):
        name = "fastcrud"

        async def get(self) -> None:
            async with self.sessions() as session:
                await crud.get(session, id=self.data.some_id())

        async def add(self) -> None:
            async with self.sessions() as session:
                await crud.create(session, schema(**columns_of(self.data.new_user())))

        async def page(self) -> None:
            async with self.sessions() as session:
                await crud.get_multi(session, offset=0, limit=PAGE, sort_columns="created_at", sort_orders="desc")

    return FastCrud


OPERATIONS: Mapping[str, tuple[str, int, str]] = {
    "get": ("get by id", 20, Core.name),
    "add": ("add and commit", 10, Core.name),
    "page": ("page of 100, with total", 3, Core.name),
    "keyset": ("keyset page of 100 at 95 % depth", 3, Core.name),
    "write_back": ("load 100, change 10, commit", 3, ValueOrm.name),
}
Job = Callable[[], Awaitable[None]]


async def calls_of(job: Job) -> int:
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        await job()
    finally:
        sys.setprofile(None)
    return count


async def race(title: str, jobs: dict[str, Job], times: int, rounds: int, reference: str) -> None:
    """Run all contenders in every round, in changing order, and print a line for each."""
    wall: dict[str, list[float]] = {name: [] for name in jobs}
    cpu: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        for _ in range(3):
            await job()
    names = list(jobs)
    for _ in range(rounds):
        names.append(names.pop(0))
        for name in names:
            gc.collect()
            on_clock, of_process = time.perf_counter(), time.process_time()
            for _ in range(times):
                await jobs[name]()
            wall[name].append(time.perf_counter() - on_clock)
            cpu[name].append(time.process_time() - of_process)
    print(f"{title} (1 = {reference})")
    for name, job in jobs.items():
        medians = [one / base for one, base in zip(cpu[name], cpu[reference], strict=True)]
        print(
            f"  {name:<18} wall {min(wall[name]) / min(wall[reference]):6.2f}"
            f"   cpu {min(cpu[name]) / min(cpu[reference]):6.2f} (median {statistics.median(medians):.2f})"
            f"   calls {await calls_of(job):6}",
            flush=True,
        )
    print()


async def fill(engine: AsyncEngine, rows: int) -> Data:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    people = [make(number) for number in range(rows)]
    for start in range(0, rows, 5_000):
        async with engine.begin() as connection:
            await connection.execute(Core.insert, [columns_of(user) for user in people[start : start + 5_000]])
    return Data([(user.id.value, user.created_at) for user in people], rows)


async def main(url: str, rows: int, rounds: int, only: list[str]) -> None:
    engine = create_async_engine(url)
    data = await fill(engine, rows)
    contenders = [cls(engine, data) for cls in (Core, Ours, ImperativeOrm, ValueOrm, ModelOrm, *peers())]
    print(f"{engine.dialect.name} through {engine.dialect.driver}, {rows} rows, SQLAlchemy {sa.__version__}\n")
    for operation in only or OPERATIONS:
        title, times, reference = OPERATIONS[operation]
        jobs = {it.name: getattr(it, operation) for it in contenders if hasattr(it, operation)}
        await race(title, jobs, times, rounds, reference)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    await engine.dispose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        default = f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        asyncio.run(main(given.url or default, given.rows, given.rounds, given.only))
