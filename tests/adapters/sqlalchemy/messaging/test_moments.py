from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import UtcDateTime
from cleanarch_kit.adapters.sqlalchemy.messaging.moments import now_plus

table = sa.Table("moments", sa.MetaData(), sa.Column("at", UtcDateTime))


@pytest.mark.parametrize("seconds", [0.0, 0.25, 90.5, 3600.0, -86400.0])
async def test_the_databases_clock_is_read(engine: AsyncEngine, seconds: float) -> None:
    """Servers of the tests run on this machine, so their clock is ours."""
    async with engine.connect() as connection:
        before = datetime.now(UTC) - timedelta(milliseconds=2)
        moment = (await connection.execute(sa.select(now_plus(seconds)))).scalar_one()
        after = datetime.now(UTC) + timedelta(milliseconds=2)
    assert before + timedelta(seconds=seconds) <= moment <= after + timedelta(seconds=seconds)
    assert moment.tzinfo is UTC


async def test_what_is_stored_compares_with_what_is_computed(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(table.metadata.create_all)
        await connection.execute(sa.insert(table).values(at=now_plus(5.0)))
        await connection.execute(sa.insert(table), {"at": datetime.now(UTC) + timedelta(seconds=5)})
    async with engine.connect() as connection:
        for seconds, count in ((0.0, 2), (4.0, 2), (60.0, 0)):
            later = sa.select(sa.func.count()).select_from(table).where(table.c.at > now_plus(seconds))
            assert (await connection.execute(later)).scalar_one() == count


async def test_seconds_may_be_a_parameter(engine: AsyncEngine) -> None:
    statement = sa.select(now_plus(sa.bindparam("seconds", type_=sa.Double)))
    async with engine.connect() as connection:
        moments = [(await connection.execute(statement, {"seconds": s})).scalar_one() for s in (0.0, 1000.0)]
    assert timedelta(seconds=999) < moments[1] - moments[0] < timedelta(seconds=1001)
