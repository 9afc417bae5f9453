import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyInbox, SqlAlchemyUnitOfWork, add_kit_tables
from cleanarch_kit.testing.contracts.inbox import InboxContract, InboxSubject


class TestSqlAlchemyInbox(InboxContract):
    @pytest.fixture
    async def subject(
        self, engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession], database: str
    ) -> InboxSubject:
        metadata = sa.MetaData()
        add_kit_tables(metadata)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        self.concurrent_writers = database != "sqlite"
        return InboxSubject(lambda read_only: SqlAlchemyUnitOfWork(sessions, read_only=read_only), SqlAlchemyInbox)
