import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy.connecting.transaction import SqlTransaction, engine_of
from cleanarch_kit.errors import DefinitionError


async def test_a_transaction_that_never_began_ends_quietly(
    engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]
) -> None:
    transaction = SqlTransaction(sessions, read_only=False)
    await transaction.begin()
    await transaction.commit()
    await transaction.rollback()
    await transaction.close()
    await transaction.close()
    assert engine_of(sessions) is engine


def test_sessions_without_one_engine_are_refused() -> None:
    with pytest.raises(DefinitionError) as caught:
        engine_of(async_sessionmaker())
    assert str(caught.value) == ("a unit of work needs sessions that are bound to one engine: session_factory(engine)")
