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
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from uuid import UUID

import sqlalchemy as sa
from repository_peers import ImperativeOrm, ModelOrm, ValueOrm, libraries
from sqlalchemy.ext.asyncio import AsyncEngine
from user_table import PAGE, Base, Contender, Data, User, UserId, columns_of, fill, users

from cleanarch_kit.adapters.sqlalchemy import (
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    UtcDateTime,
    create_async_engine,
)
from cleanarch_kit.application import CursorRequest, PageRequest
from cleanarch_kit.application.pagination.keyset import keyset_of
from cleanarch_kit.domain import desc


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
    oldest = sa.select(users).order_by(users.c.created_at, users.c.id).limit(100)
    insert = sa.insert(users)
    rename = (
        sa.update(users)
        .where(users.c.id == sa.bindparam("wanted"), users.c.version == sa.bindparam("before"))
        .values(name=sa.bindparam("new_name"), version=sa.bindparam("now"))
    )

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

    async def write_back(self) -> None:
        async with self.engine.begin() as connection:
            people = [PlainUser(*row) for row in (await connection.execute(self.oldest)).all()][::10]
            changes = [
                {
                    "wanted": it.id,
                    "before": it.version,
                    "now": it.version + 1,
                    "new_name": f"changed {self.data.some_id()}",
                }
                for it in people
            ]
            await connection.execute(self.rename, changes)


class Ours(Contender):
    """A repository in a unit of work of its own for each operation, with values and tracked entities."""

    name = "cleanarch_kit"

    def __init__(self, engine: AsyncEngine, data: Data) -> None:
        super().__init__(engine, data)
        key, at = data.deep
        self.cursor = SqlUsers.cursors.encode(BY_TIME.fingerprint, [at, key])

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
        async with SqlAlchemyUnitOfWork(self.sessions) as uow:
            await SqlUsers(uow).scroll(CursorRequest(size=PAGE, after=self.cursor), order_by=lambda u: u.created_at)

    async def write_back(self) -> None:
        async with SqlAlchemyUnitOfWork(self.sessions) as uow:
            for user in (await SqlUsers(uow).list(order_by=lambda u: u.created_at, limit=100))[::10]:
                user.name = f"changed {self.data.some_id()}"


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


async def main(url: str, rows: int, rounds: int, only: list[str]) -> None:
    engine = create_async_engine(url)
    data = await fill(engine, rows)
    contenders = [cls(engine, data) for cls in (Core, Ours, ImperativeOrm, ValueOrm, ModelOrm, *libraries())]
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
