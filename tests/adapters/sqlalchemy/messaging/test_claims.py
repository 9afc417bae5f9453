import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyOutbox, session_factory
from cleanarch_kit.adapters.sqlalchemy.messaging.rows import HELD_AT_ONCE, due_entries, to_row
from cleanarch_kit.adapters.sqlalchemy.messaging.tables import outbox as outbox_table
from cleanarch_kit.adapters.sqlalchemy.messaging.tables import outbox_partition
from cleanarch_kit.application import FailedEntry, OutboxEntry
from cleanarch_kit.application.ports.outbox import LAST_PARTITION
from cleanarch_kit.errors import DefinitionError, StorageError, TransientError
from cleanarch_kit.testing import CONTRACT_EVENTS, OutboxSubject

LOCKING = pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database", ["asyncpg", "psycopg"], indirect=True)
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

DAY = 86_400


async def execute(engine: AsyncEngine, statement: str, **parameters: object) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text(statement), parameters)


async def put_clock_back(engine: AsyncEngine, column: sa.Column[object], seconds: int) -> None:
    """As the row would look, had the clock been so many seconds ahead when it was written."""
    shifted = {
        "postgresql": f"{column.name} + make_interval(secs => {seconds})",
        "mysql": f"{column.name} + INTERVAL {seconds} SECOND",
        "sqlite": f"strftime('%Y-%m-%d %H:%M:%f', {column.name}, '{seconds} seconds') || '000'",
    }[engine.dialect.name]
    await execute(engine, f"UPDATE {column.table} SET {column.name} = {shifted} WHERE {column.name} IS NOT NULL")  # noqa: S608


# --- the rows that are held
async def test_partitions_are_created_when_they_are_missing(
    outbox: SqlAlchemyOutbox, subject: OutboxSubject, engine: AsyncEngine
) -> None:
    await subject.store("Clock/1", 1)
    assert await subject.due() == [("Clock/1", 1)]
    await execute(engine, "DELETE FROM outbox_partition")
    assert await subject.due() == [("Clock/1", 1)]


async def test_many_relays_may_create_them_at_once(
    engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession], outbox: SqlAlchemyOutbox
) -> None:
    async def drain() -> None:
        fresh = OutboxSubject(SqlAlchemyOutbox(sessions, CONTRACT_EVENTS), sessions.begin)
        assert await fresh.due() == []

    await asyncio.gather(*(drain() for _ in range(5)))
    async with engine.connect() as connection:
        count = sa.select(sa.func.count()).select_from(outbox_partition)
        assert (await connection.execute(count)).scalar_one() == 16


async def test_the_number_of_partitions_can_be_chosen(
    sessions: async_sessionmaker[AsyncSession], outbox: SqlAlchemyOutbox
) -> None:
    single = OutboxSubject(SqlAlchemyOutbox(sessions, CONTRACT_EVENTS, partitions=1), sessions.begin)
    for key in ("Clock/1", "Clock/2", "Clock/3"):
        await single.store(key, 1)
    async with single.claim() as claim:
        assert claim is not None
        assert (claim.last, len(claim.entries)) == (LAST_PARTITION, 3)


@SQLITE
@pytest.mark.parametrize("partitions", [0, -1, 1025])
async def test_a_number_of_partitions_out_of_range_is_refused(
    sessions: async_sessionmaker[AsyncSession], partitions: int
) -> None:
    with pytest.raises(DefinitionError, match=r"^an outbox has 1 to 1024 partitions$"):
        SqlAlchemyOutbox(sessions, CONTRACT_EVENTS, partitions=partitions)


async def test_events_of_a_partition_beyond_our_number_are_delivered(
    sessions: async_sessionmaker[AsyncSession], subject: OutboxSubject
) -> None:
    """While a version with more partitions is rolled out, whoever has created its rows delivers for all."""
    more = OutboxSubject(SqlAlchemyOutbox(sessions, CONTRACT_EVENTS, partitions=64), sessions.begin)
    for number in range(15):
        await more.store(f"Clock/{number}", 1)
    assert len(await more.due()) == 15
    assert sorted(await subject.due()) == sorted(await more.due())


@LOCKING
async def test_what_was_drained_between_look_and_lock_is_passed_over(
    subject: OutboxSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever locks partitions that were just drained finds nothing and goes on to the next."""
    for number in range(20):
        await subject.store(f"Clock/{number}", 1)
    passed_over: list[int] = []

    async def drained_the_first_time(
        connection: AsyncConnection, partitions: Sequence[int], limit: int
    ) -> Sequence[OutboxEntry]:
        if not passed_over:
            passed_over.extend(partitions)
            return []
        return await due_entries(connection, partitions, limit)

    monkeypatch.setattr("cleanarch_kit.adapters.sqlalchemy.messaging.claims.due_entries", drained_the_first_time)
    found = await subject.due()
    assert 0 < len(found) < 20
    assert len(passed_over) == HELD_AT_ONCE
    assert len({*found, *await subject.due()}) == 20


async def test_a_relay_holds_a_few_partitions_and_leaves_the_others(subject: OutboxSubject) -> None:
    for number in range(60):
        await subject.store(f"Clock/{number}", 1)
    async with subject.claim() as first, subject.claim() as second:
        assert first is not None
        assert second is not None
        held = [{to_row(entry.envelope, 16)["partition_id"] for entry in claim.entries} for claim in (first, second)]
    assert [len(partitions) for partitions in held] == [HELD_AT_ONCE, HELD_AT_ONCE]
    assert held[0].isdisjoint(held[1])


async def test_the_last_claim_of_a_pass_is_known_as_such(subject: OutboxSubject) -> None:
    """So that nobody looks once more in vain."""
    for number in range(60):
        await subject.store(f"Clock/{number}", 1)
    lasts: list[int] = []
    async with aclosing(subject.outbox.claims(after=-1, limit=100, hold=30.0)) as claims:
        async for claim in claims:
            lasts.append(claim.last)
            await claim.settle([entry.position for entry in claim.entries], [])
    assert lasts == [3, 7, 11, LAST_PARTITION]
    await subject.store("Clock/1", 2)
    async with subject.claim() as only:
        assert only is not None
        assert only.last == LAST_PARTITION


# --- what a relay leaves behind when it stops without dying
@POSTGRESQL
async def test_postgresql_frees_a_partition_whose_holder_does_not_come_back(subject: OutboxSubject) -> None:
    await subject.store("Clock/1", 1)
    with pytest.raises(TransientError):
        async with subject.claim(limit=10, hold=0.2) as stuck:
            assert stuck is not None
            for _ in range(200):
                if await subject.due():
                    break
                await asyncio.sleep(0.05)
            await stuck.settle([stuck.entries[0].position], [])
    assert await subject.due() == [("Clock/1", 1)]


@SQLITE
async def test_a_lease_runs_out_and_its_late_holder_changes_nothing(
    subject: OutboxSubject, caplog: pytest.LogCaptureFixture
) -> None:
    await subject.store("Clock/1", 1, 2)
    async with subject.claim(limit=10, hold=0.05) as late:
        assert late is not None
        assert await subject.due() == []
        await asyncio.sleep(0.06)
        async with subject.claim() as successor:
            assert successor is not None
            await late.settle([entry.position for entry in late.entries], [])
            assert (await subject.outbox.stats()).pending == 2
            await successor.settle([successor.entries[0].position], [])
    assert await subject.due() == [("Clock/1", 2)]
    assert caplog.messages == ["a lease on partitions of the outbox ran out: what was sent under it is sent again"]


@SQLITE
async def test_a_late_holder_does_not_release_the_lease_of_its_successor(subject: OutboxSubject) -> None:
    await subject.store("Clock/1", 1)
    late = subject.claim(limit=10, hold=0.05)
    assert await late.__aenter__() is not None
    await asyncio.sleep(0.06)
    async with subject.claim() as successor:
        assert successor is not None
        await late.__aexit__(None, None, None)
        assert await subject.due() == []


@SQLITE
async def test_a_lease_that_cannot_be_given_back_runs_out_by_itself(
    subject: OutboxSubject, engine: AsyncEngine
) -> None:
    await subject.store("Clock/1", 1)
    async with subject.claim(limit=10, hold=0.05) as claim:
        assert claim is not None
        await execute(engine, "ALTER TABLE outbox_partition RENAME TO hidden")
    await execute(engine, "ALTER TABLE hidden RENAME TO outbox_partition")
    await asyncio.sleep(0.06)
    assert await subject.due() == [("Clock/1", 1)]


@SQLITE
async def test_the_owner_of_a_lease_is_known(subject: OutboxSubject, engine: AsyncEngine) -> None:
    await subject.store("Clock/1", 1)
    owners = sa.select(outbox_partition.c.holder).where(outbox_partition.c.holder.is_not(None))
    async with subject.claim(), engine.connect() as connection:
        owner = (await connection.execute(owners)).scalar_one()
        assert owner is not None
        assert owner.startswith(f"{socket.gethostname()}:{os.getpid()}:")
    async with engine.connect() as connection:
        assert (await connection.execute(owners)).scalars().all() == []


# --- clocks that are set
async def test_a_clock_that_is_put_back_does_not_delay_an_event(subject: OutboxSubject, engine: AsyncEngine) -> None:
    await subject.store("Clock/1", 1)
    async with subject.claim() as claim:
        assert claim is not None
        await claim.settle([], [FailedEntry(claim.entries[0].position, "ValueError", 300.0)])
    assert await subject.due() == []
    await put_clock_back(engine, outbox_table.c.retry_at, DAY)
    assert await subject.due() == [("Clock/1", 1)]
    assert (await subject.outbox.stats()).delayed == 0


async def test_no_wait_is_longer_than_an_hour(subject: OutboxSubject, engine: AsyncEngine) -> None:
    await subject.store("Clock/1", 1)
    async with subject.claim() as claim:
        assert claim is not None
        await claim.settle([], [FailedEntry(claim.entries[0].position, "ValueError", 10**9)])
    assert await subject.due() == []
    await put_clock_back(engine, outbox_table.c.retry_at, -3590)
    assert await subject.due() == []
    await put_clock_back(engine, outbox_table.c.retry_at, -15)
    assert await subject.due() == [("Clock/1", 1)]


@SQLITE
async def test_a_clock_that_is_put_back_does_not_prolong_a_lease(subject: OutboxSubject, engine: AsyncEngine) -> None:
    await subject.store("Clock/1", 1)
    abandoned = subject.claim(limit=10, hold=30.0)
    assert await abandoned.__aenter__() is not None
    assert await subject.due() == []
    await put_clock_back(engine, outbox_partition.c.held_until, DAY)
    assert await subject.due() == [("Clock/1", 1)]
    await abandoned.__aexit__(None, None, None)


# --- isolation
@pytest.fixture
async def repeatable(database_url: str) -> AsyncIterator[async_sessionmaker[AsyncSession]]:
    engine = create_async_engine(database_url, isolation_level="REPEATABLE READ")
    yield session_factory(engine)
    await engine.dispose()


@LOCKING
async def test_a_claim_reads_what_is_committed_whatever_the_engine_is_set_to(
    repeatable: async_sessionmaker[AsyncSession], subject: OutboxSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under REPEATABLE READ the second statement would still see what another relay has deleted meanwhile."""
    await subject.store("Clock/1", 1, 2)

    async def late(connection: AsyncConnection, partitions: Sequence[int], limit: int) -> Sequence[OutboxEntry]:
        async with subject.transaction() as session:
            await session.execute(sa.delete(outbox_table).where(outbox_table.c.seq == oldest))
        return await due_entries(connection, partitions, limit)

    async with subject.claim() as claim:
        assert claim is not None
        oldest = claim.entries[0].position
    monkeypatch.setattr("cleanarch_kit.adapters.sqlalchemy.messaging.claims.due_entries", late)
    async with OutboxSubject(SqlAlchemyOutbox(repeatable, CONTRACT_EVENTS), repeatable.begin).claim() as claim:
        assert claim is not None
        assert [entry.position for entry in claim.entries] != [oldest, oldest + 1]
        assert len(claim.entries) == 1


# --- errors
async def test_a_database_without_the_tables_is_an_error_of_ours(
    engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]
) -> None:
    outbox = SqlAlchemyOutbox(sessions, CONTRACT_EVENTS)
    for attempt in (
        OutboxSubject(outbox, sessions.begin).due,
        outbox.stats,
        outbox.replay,
    ):
        with pytest.raises(StorageError) as caught:
            await attempt()
        assert caught.value.__context__ is None
