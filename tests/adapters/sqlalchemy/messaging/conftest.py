"""The tables of outbox and inbox, empty."""

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyOutbox, add_kit_tables
from cleanarch_kit.testing import CONTRACT_EVENTS, OutboxSubject


@pytest.fixture
async def outbox(engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]) -> SqlAlchemyOutbox:
    metadata = sa.MetaData()
    add_kit_tables(metadata)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    return SqlAlchemyOutbox(sessions, CONTRACT_EVENTS)


@pytest.fixture
def subject(outbox: SqlAlchemyOutbox, sessions: async_sessionmaker[AsyncSession]) -> OutboxSubject:
    return OutboxSubject(outbox, sessions.begin)
