import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyOutbox, add_kit_tables
from cleanarch_kit.testing.contracts.outbox import OutboxContract
from cleanarch_kit.testing.contracts.outbox_subject import CONTRACT_EVENTS, OutboxSubject


@pytest.fixture
async def outbox(engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]) -> SqlAlchemyOutbox:
    metadata = sa.MetaData()
    add_kit_tables(metadata)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    return SqlAlchemyOutbox(sessions, CONTRACT_EVENTS)


class TestSqlAlchemyOutbox(OutboxContract):
    @pytest.fixture
    async def subject(
        self, outbox: SqlAlchemyOutbox, sessions: async_sessionmaker[AsyncSession], database: str
    ) -> OutboxSubject:
        self.concurrent_writers = database != "sqlite"
        return OutboxSubject(outbox, sessions.begin)
