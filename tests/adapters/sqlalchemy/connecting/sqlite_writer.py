"""A process that opens a new SQLite file together with others and increments a counter in it, in units of work.

python sqlite_writer.py URL TIMES: waits for a line on standard input before it opens anything, and prints how many
increments were acknowledged and what stood in their way.
"""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy import (
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.domain import AggregateRoot, EntityId
from cleanarch_kit.errors import DuplicateError, StorageError


class TallyId(EntityId): ...


@dataclass(kw_only=True)
class Tally(AggregateRoot[TallyId]):
    value: int = 0


metadata = sa.MetaData()


class Tallies(SqlAlchemyRepository[Tally, TallyId]):
    table = sa.Table(
        "tallies",
        metadata,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
    )


THE_ONE = TallyId(UUID(int=1))


async def main(url: str, times: int) -> None:
    engine = create_async_engine(url)
    sessions = session_factory(engine)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    try:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await Tallies(unit).add(Tally(id=THE_ONE))
    except DuplicateError:
        pass  # another process was first
    acknowledged, obstacles = 0, Counter[str]()
    while acknowledged < times:
        try:
            async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
                seen = (await Tallies(unit).get(THE_ONE)).value
            async with SqlAlchemyUnitOfWork(sessions) as unit:
                tally = await Tallies(unit).get(THE_ONE)
                assert tally.value >= seen
                tally.value += 1
        except StorageError as error:
            obstacles[getattr(error.orig, "sqlite_errorname", type(error).__name__)] += 1
        else:
            acknowledged += 1
    await engine.dispose()
    sys.stdout.write(f"{acknowledged} {dict(obstacles)}\n")


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
