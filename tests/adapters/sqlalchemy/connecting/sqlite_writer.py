"""A process that opens a new SQLite file together with others and increments a counter in it.

python sqlite_writer.py URL TIMES: waits for a line on standard input before it opens anything.
"""

import asyncio
import sys

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy import create_async_engine

metadata = sa.MetaData()
counters = sa.Table("counters", metadata, sa.Column("value", sa.Integer, nullable=False))


async def main(url: str, times: int) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        if (await connection.execute(sa.select(counters))).first() is None:
            await connection.execute(counters.insert(), {"value": 0})
    for _ in range(times):
        async with engine.begin() as connection:
            value = (await connection.execute(sa.select(counters.c.value))).scalar_one()
            await connection.execute(counters.update().values(value=value + 1))
    await engine.dispose()


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
