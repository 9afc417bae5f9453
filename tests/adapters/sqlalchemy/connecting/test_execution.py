import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from cleanarch_kit.adapters.sqlalchemy.connecting.execution import run, translated
from cleanarch_kit.errors import StorageError


def fail(connection: sa.Connection) -> None:
    connection.execute(sa.text("SELECT 1 FROM nowhere"))


def mistake(_connection: sa.Connection) -> None:
    raise RuntimeError("not the database's")


async def test_nothing_leads_back_to_what_the_driver_said(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        with pytest.raises(StorageError) as caught:
            await run(session, None, fail)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert caught.value.orig is not None


async def test_errors_of_others_pass(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        with pytest.raises(RuntimeError, match="not the database's"):
            await run(session, None, mistake)

    async def broken() -> None:
        raise RuntimeError("not the database's")

    with pytest.raises(RuntimeError):
        await translated(broken())
