"""What bulk work costs beside SQLAlchemy Core written by hand, and beside other repositories.

python benchmarks/bench_bulk.py [database URL] [--rows 10000] [--rounds 12]

The default is a SQLite file in a temporary folder. With another URL, the table `bench_users` of that database is
dropped and created. Contenders that are not installed (advanced-alchemy, fastcrud) are left out.

Every figure is a ratio to Core in one run, all contenders interleaved: `cpu` is this process's time, `wall` the time
on the clock, both of the best round. The entities are made before; everyone turns them into rows in his own way.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from user_table import COLUMNS, Base, User, UserId, UserModel, columns_of, make, users

from cleanarch_kit.adapters.sqlalchemy import (
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    create_async_engine,
    session_factory,
)

insert = sa.insert(users)


class SqlUsers(SqlAlchemyRepository[User, UserId]):
    table = users


AddAll = Callable[[Sequence[User]], Awaitable[None]]


def contenders(engine: AsyncEngine) -> dict[str, AddAll]:
    """Ways to store many new entities; the first is the reference."""
    sessions = session_factory(engine)

    async def core(people: Sequence[User]) -> None:
        async with engine.begin() as connection:
            await connection.execute(insert, [columns_of(user) for user in people])

    async def ours(people: Sequence[User]) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as uow:
            await SqlUsers(uow).add_all(people)

    async def orm(people: Sequence[User]) -> None:
        async with sessions() as session:
            session.add_all([UserModel(**columns_of(user)) for user in people])
            await session.commit()

    found: dict[str, AddAll] = {"SQLAlchemy Core": core, "cleanarch_kit": ours, "declarative ORM": orm}
    if find_spec("advanced_alchemy"):
        found["advanced-alchemy"] = _advanced_alchemy(sessions)
    if find_spec("fastcrud"):
        found["fastcrud (upsert)"] = _fastcrud(sessions)
    return found


def _advanced_alchemy(sessions: async_sessionmaker[Any]) -> AddAll:
    from advanced_alchemy.repository import SQLAlchemyAsyncRepository

    class Models(SQLAlchemyAsyncRepository[UserModel]):
        model_type = UserModel

    async def add_many(people: Sequence[User]) -> None:
        async with sessions() as session:
            await Models(session=session).add_many([UserModel(**columns_of(user)) for user in people], auto_commit=True)

    return add_many


def _fastcrud(sessions: async_sessionmaker[Any]) -> AddAll:
    from fastcrud import FastCRUD
    from pydantic import create_model

    crud = FastCRUD(UserModel)
    schema = create_model("UserIn", **dict.fromkeys(COLUMNS, (Any, ...)))

    async def upsert_multi(people: Sequence[User]) -> None:
        async with sessions() as session:
            await crud.upsert_multi(session, [schema(**columns_of(user)) for user in people])
            await session.commit()

    return upsert_multi


async def main(url: str, rows: int, rounds: int, only: list[str]) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    jobs = {name: job for name, job in contenders(engine).items() if not only or name in only}
    wall: dict[str, list[float]] = {name: [] for name in jobs}
    cpu: dict[str, list[float]] = {name: [] for name in jobs}
    names = list(jobs)
    for round_ in range(rounds + 1):
        names.append(names.pop(0))
        for name in names:
            people = [make(number) for number in range(rows)]
            gc.collect()
            on_clock, of_process = time.perf_counter(), time.process_time()
            await jobs[name](people)
            if round_:
                wall[name].append(time.perf_counter() - on_clock)
                cpu[name].append(time.process_time() - of_process)
            async with engine.begin() as connection:
                await connection.execute(sa.delete(users))
    reference = next(iter(jobs))
    print(f"{engine.dialect.name} through {engine.dialect.driver}: {rows} added at once (1 = {reference})")
    for name in jobs:
        medians = [one / base for one, base in zip(wall[name], wall[reference], strict=True)]
        print(
            f"  {name:<18} wall {min(wall[name]) / min(wall[reference]):6.2f} (median {statistics.median(medians):.2f})"
            f"   cpu {min(cpu[name]) / min(cpu[reference]):6.2f}",
            flush=True,
        )
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    await engine.dispose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        default = f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        asyncio.run(main(given.url or default, given.rows, given.rounds, given.only))
