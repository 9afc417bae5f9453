"""How much memory a stream over a large table takes, and what it costs beside SQLAlchemy Core written by hand.

python benchmarks/bench_stream.py [database URL] [--rows 1000000]

The default is a SQLite file in a temporary folder. With another URL, the table `bench_people` of that database is
dropped and created. `growth` is by how much the process's greatest memory rose between the 20,000th row and the last
one: nothing, as long as rows are let go.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import (
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    create_async_engine,
    session_factory,
)

WARM = 20_000

metadata = sa.MetaData()
people = sa.Table(
    "bench_people",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(100), nullable=False),
    mysql_collate="utf8mb4_nopad_bin",
)
FILL = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n",
    "postgresql": "SELECT i FROM generate_series(1, {rows}) AS n(i)",
    "mysql": "SELECT seq AS i FROM seq_1_to_{rows}",
}


@dataclass
class Person:
    id: int
    name: str


class SqlPeople(SqlAlchemyRepository[Person, int]):
    table = people


async def by_kit(engine: AsyncEngine) -> AsyncIterator[object]:
    async with SqlAlchemyUnitOfWork(session_factory(engine), read_only=True) as unit:
        async for person in SqlPeople(unit).stream():
            yield person


async def by_core(engine: AsyncEngine) -> AsyncIterator[object]:
    """As one would write it."""
    async with engine.connect() as connection:
        result: Any = await connection.stream(sa.select(people).order_by(people.c.id))
        async for rows in result.partitions(500):
            for row in rows:
                yield Person(*row)


async def measure(rows: AsyncIterator[object]) -> tuple[int, float, float]:
    """How many came, in how many seconds, and by how many MiB the greatest memory rose after the first of them."""
    count, first, start = 0, 0, time.perf_counter()
    async for _ in rows:
        count += 1
        if count == WARM:
            first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first
    return count, time.perf_counter() - start, grown / 1024


async def main(url: str, rows: int) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
        numbers = FILL[engine.dialect.name].format(rows=rows)
        names = "CONCAT('name ', i)" if engine.dialect.name == "mysql" else "'name ' || i"
        fill = f"INSERT INTO bench_people SELECT i, {names} FROM ({numbers}) AS numbers"  # noqa: S608 - text of our own
        await connection.execute(sa.text(fill))
    print(f"{engine.dialect.name} through {engine.dialect.driver}: a stream of {rows} rows")
    seconds = 0.0
    for name, stream in (("SQLAlchemy Core", by_core(engine)), ("cleanarch_kit", by_kit(engine))):
        count, took, grown = await measure(stream)
        assert count == rows
        seconds = seconds or took
        print(f"  {name:<18} wall {took / seconds:5.2f}   growth {grown:6.1f} MiB", flush=True)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
    await engine.dispose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?")
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        default = f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        asyncio.run(main(given.url or default, given.rows))
