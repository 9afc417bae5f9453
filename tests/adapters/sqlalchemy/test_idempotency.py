"""Results of requests, in the transaction of their effects."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyIdempotencyStore, SqlAlchemyUnitOfWork, add_kit_tables
from cleanarch_kit.application import (
    Command,
    Idempotency,
    IdempotencyStore,
    MessageBus,
    Resolve,
    handles,
    idempotent,
    provide,
)
from cleanarch_kit.errors import UnitOfWorkStateError
from cleanarch_kit.testing import IdempotencyStoreContract, OpenStore


@pytest.fixture
async def tables(engine: AsyncEngine) -> sa.MetaData:
    metadata = sa.MetaData()
    add_kit_tables(metadata)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    return metadata


class TestSqlAlchemyIdempotencyStore(IdempotencyStoreContract):
    transactional = True

    @pytest.fixture
    def subject(self, tables: sa.MetaData, sessions: async_sessionmaker[AsyncSession], database: str) -> OpenStore:
        self.concurrent_writers = database != "sqlite"

        @asynccontextmanager
        async def open_store() -> AsyncGenerator[IdempotencyStore]:
            async with SqlAlchemyUnitOfWork(sessions) as uow:
                yield SqlAlchemyIdempotencyStore(uow)

        return open_store


async def test_a_released_claim_may_be_taken_again_in_the_same_transaction(
    tables: sa.MetaData, sessions: async_sessionmaker[AsyncSession]
) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as uow:
        store = SqlAlchemyIdempotencyStore(uow)
        await (await store.claim("a")).release()
        assert (await store.claim("a")).result is None


async def test_a_result_whose_time_is_over_is_replaced(
    tables: sa.MetaData, sessions: async_sessionmaker[AsyncSession]
) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as uow:
        await (await SqlAlchemyIdempotencyStore(uow, keep=timedelta(seconds=-1)).claim("a")).complete(b"old")
    async with SqlAlchemyUnitOfWork(sessions) as uow:
        claim = await SqlAlchemyIdempotencyStore(uow).claim("a")
        assert claim.result is None
        await claim.complete(b"new")
    async with SqlAlchemyUnitOfWork(sessions) as uow:
        assert (await SqlAlchemyIdempotencyStore(uow).claim("a")).result == b"new"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_read_only_unit_of_work_refuses(
    tables: sa.MetaData, sessions: async_sessionmaker[AsyncSession]
) -> None:
    with pytest.raises(UnitOfWorkStateError):
        async with SqlAlchemyUnitOfWork(sessions, read_only=True) as uow:
            await SqlAlchemyIdempotencyStore(uow).claim("a")


@dataclass(frozen=True)
class Pay(Command[int]):
    request_id: str
    fail: bool = False


@dataclass(frozen=True)
class Unit:
    uow: SqlAlchemyUnitOfWork


@handles(Pay)
async def pay(command: Pay, *, unit: Unit) -> int:
    await unit.uow.session.execute(
        sa.text("INSERT INTO payments (request_id) VALUES (:id)"), {"id": command.request_id}
    )
    if command.fail:
        raise ValueError("no funds")
    return 7


async def test_effect_and_result_are_committed_together(
    tables: sa.MetaData, engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]
) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE payments (request_id VARCHAR(20))"))

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        async with SqlAlchemyUnitOfWork(sessions) as uow:
            yield provide({Unit: lambda: Unit(uow), IdempotencyStore: lambda: SqlAlchemyIdempotencyStore(uow)})

    once = Idempotency([idempotent(Pay, lambda command: command.request_id)])
    bus = MessageBus([pay], scoped_middleware=[once], scope=scope)
    await bus.verify()

    with pytest.raises(ValueError, match="no funds"):
        await bus.execute(Pay("r-1", fail=True))
    assert [await bus.execute(Pay("r-1")) for _ in range(3)] == [7, 7, 7]
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text("SELECT count(*) FROM payments"))).scalar() == 1
