"""The outbox keeps its contract on every database, and loses nothing whatever happens to its relays."""

import asyncio
import subprocess
import sys
import traceback
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from cleanarch_kit.adapters.memory import InMemoryEventSink
from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyOutbox, add_kit_tables
from cleanarch_kit.application import Envelope, FailedEntry, PendingEvent, Relay, RelayReport
from cleanarch_kit.domain import DomainEvent
from cleanarch_kit.errors import DefinitionError, EventEncodingError, StorageError, UnknownEventError
from cleanarch_kit.testing import (
    CONTRACT_EVENTS,
    CancellationStyle,
    OutboxContract,
    OutboxSubject,
    Ticked,
    cancel_everywhere,
)

RELAY_PROCESS = Path(__file__).with_name("relay_process.py")
SERVERS = pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)


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


class TestSqlAlchemyOutbox(OutboxContract):
    @pytest.fixture
    def subject(
        self, outbox: SqlAlchemyOutbox, sessions: async_sessionmaker[AsyncSession], database: str
    ) -> OutboxSubject:
        self.concurrent_writers = database != "sqlite"
        return OutboxSubject(outbox, sessions.begin)


def number_of(envelope: Envelope) -> int:
    event = CONTRACT_EVENTS.decode(envelope)
    assert isinstance(event, Ticked)
    return event.number


def firsts(received: Sequence[tuple[str, int]]) -> dict[str, list[int]]:
    """The numbers of each subject in the order in which each was seen first: what a consumer with an inbox sees."""
    order: dict[str, list[int]] = defaultdict(list)
    for key, number in received:
        if number not in order[key]:
            order[key].append(number)
    return order


class Sink:
    def __init__(self) -> None:
        self.received: list[tuple[str, int]] = []

    async def send(self, batch: Sequence[Envelope]) -> None:
        await asyncio.sleep(0)
        for envelope in batch:
            self.received.append((envelope.subject or "", number_of(envelope)))


def checked_out(engine: AsyncEngine) -> int:
    pool = engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)
    return pool.checkedout()


# --- writing
@dataclass(frozen=True, kw_only=True)
class Unknown(DomainEvent, name="clock.unknown"): ...


async def test_an_event_that_cannot_be_stored_is_refused_before_anything_is_written(outbox: SqlAlchemyOutbox) -> None:
    with pytest.raises(EventEncodingError):
        outbox.encode([PendingEvent(Ticked(number=1), "Clock/1"), PendingEvent(Ticked(number=1, text="\0"), "Clock/1")])
    with pytest.raises(UnknownEventError):
        outbox.encode([PendingEvent(Unknown(), "Clock/1")])


async def test_a_database_that_refuses_the_events_is_told_as_one_of_our_errors_without_what_they_hold(
    outbox: SqlAlchemyOutbox, engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]
) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("DROP TABLE outbox"))
    envelopes = outbox.encode([PendingEvent(Ticked(number=1, text="canary"), "Clock/1")])
    async with sessions() as session:
        with pytest.raises(StorageError) as caught:
            await outbox.write(session, envelopes)
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value.orig, Exception)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_sqlite_engine_that_begins_late_is_refused(database_url: str) -> None:
    engine = create_async_engine(database_url)
    with pytest.raises(DefinitionError, match="make it with cleanarch_kit's create_async_engine"):
        SqlAlchemyOutbox(async_sessionmaker(engine), CONTRACT_EVENTS)
    await engine.dispose()


# --- relays that come to harm
async def test_a_relay_cancelled_anywhere_loses_nothing_and_holds_nothing(
    subject: OutboxSubject, engine: AsyncEngine
) -> None:
    sink = Sink()
    await Relay(subject.outbox, sink).drain_once()
    await subject.store("Clock/1", 0, 1, 2)
    written = 3

    async def drain() -> None:
        await Relay(subject.outbox, sink, batch=2).drain_once()

    async def nothing_is_held() -> None:
        nonlocal written
        assert checked_out(engine) == 0
        await subject.store("Clock/1", written)
        written += 1

    await cancel_everywhere(drain, nothing_is_held)
    while (await Relay(subject.outbox, sink).drain_once()).published:
        pass
    assert firsts(sink.received) == {"Clock/1": list(range(written))}
    assert (await subject.outbox.stats()).pending == 0


@pytest.mark.parametrize("style", list(CancellationStyle))
@pytest.mark.parametrize("database", ["sqlite", "asyncpg"], indirect=True)
async def test_a_claim_cancelled_in_any_way_sets_the_partition_free(
    subject: OutboxSubject, engine: AsyncEngine, style: CancellationStyle
) -> None:
    await subject.store("Clock/1", 1)

    async def hold() -> None:
        async with subject.claim() as claim:
            assert claim is not None
            await asyncio.sleep(0)

    async def is_free() -> None:
        assert checked_out(engine) == 0
        assert await subject.due() == [("Clock/1", 1)]

    await subject.due()
    await cancel_everywhere(hold, is_free, style=style)


@pytest.mark.parametrize("kill_at", [1, 3])
async def test_a_relay_killed_between_send_and_delete_loses_nothing(
    subject: OutboxSubject, database_url: str, tmp_path: Path, kill_at: int
) -> None:
    for key in ("Clock/1", "Clock/2", "Clock/3"):
        await subject.store(key, *range(12))
    sent = tmp_path / "sent"

    def run(kill_at: int) -> int:
        arguments = [sys.executable, str(RELAY_PROCESS), database_url, str(sent), str(kill_at)]
        return subprocess.run(arguments, check=False, timeout=60).returncode

    assert await asyncio.to_thread(run, kill_at) == -9
    assert (await subject.outbox.stats()).pending > 0
    killed_after = len(sent.read_text().splitlines())
    assert await asyncio.to_thread(run, 0) == 0
    lines = [line.split() for line in sent.read_text().splitlines()]
    received = [(key, int(number)) for key, number in lines]
    assert firsts(received) == {key: list(range(12)) for key in ("Clock/1", "Clock/2", "Clock/3")}
    assert len(received) - 36 == min(5, killed_after)  # the one batch that was in hand came twice
    assert (await subject.outbox.stats()).pending == 0


async def test_a_sink_that_hangs_holds_a_partition_for_a_bounded_time(
    subject: OutboxSubject, engine: AsyncEngine
) -> None:
    class Hanging:
        async def send(self, batch: Sequence[Envelope]) -> None:
            await asyncio.Event().wait()

    await subject.store("Clock/1", 1, 2)
    report = await Relay(subject.outbox, Hanging(), timeout=0.05, backoff=lambda _: 0.0).drain_once()
    assert report == RelayReport(delayed=1)
    assert checked_out(engine) == 0
    sink = InMemoryEventSink()
    await asyncio.sleep(0.01)
    assert (await Relay(subject.outbox, sink).drain_once()).published == 2


async def test_one_event_at_fault_among_many_is_given_up_and_the_others_arrive(subject: OutboxSubject) -> None:
    class Choosy(Sink):
        async def send(self, batch: Sequence[Envelope]) -> None:
            if any(number_of(envelope) == 13 for envelope in batch):
                raise ValueError("hunter2")
            await super().send(batch)

    for number in range(100):
        await subject.store(f"Clock/{number % 5}", number)
    sink = Choosy()
    relay = Relay(subject.outbox, sink, max_attempts=3, backoff=lambda _: 0.0)
    given_up = 0
    for _ in range(20):
        given_up += (await relay.drain_once()).given_up
        await asyncio.sleep(0.002)
    assert given_up == 1
    assert sorted(number for _, number in sink.received) == sorted(set(range(100)) - {13})
    assert all(numbers == sorted(numbers) for numbers in firsts(sink.received).values())
    stats = await subject.outbox.stats()
    assert (stats.pending, stats.dead) == (0, 1)
    plain = InMemoryEventSink()
    assert await subject.outbox.replay() == 1
    await Relay(subject.outbox, plain).drain_once()
    assert [number_of(envelope) for envelope in plain.envelopes] == [13]


async def test_the_text_of_an_error_is_not_stored(subject: OutboxSubject, engine: AsyncEngine) -> None:
    class Broken:
        async def send(self, batch: Sequence[Envelope]) -> None:
            raise ValueError("hunter2")

    await subject.store("Clock/1", 1)
    await Relay(subject.outbox, Broken(), backoff=lambda _: 0.0).drain_once()
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text("SELECT last_error FROM outbox"))).scalar_one() == "ValueError"
    await asyncio.sleep(0.002)
    await Relay(subject.outbox, Broken(), max_attempts=1).drain_once()
    async with engine.connect() as connection:
        row = (await connection.execute(sa.text("SELECT attempts, last_error FROM outbox_dead"))).one()
    assert tuple(row) == (2, "ValueError")


@pytest.mark.parametrize("database", ["asyncpg", "psycopg"], indirect=True)
async def test_a_run_survives_lost_connections(subject: OutboxSubject, engine: AsyncEngine) -> None:
    class Interrupted(Sink):
        async def send(self, batch: Sequence[Envelope]) -> None:
            await super().send(batch)
            if len(self.received) in (1, 2):
                async with engine.connect() as connection:
                    await connection.execute(
                        sa.text(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                        )
                    )
            if len(self.received) >= 6:
                complete.set()

    complete = asyncio.Event()
    sink = Interrupted()
    await subject.store("Clock/1", *range(4))
    relay = Relay(subject.outbox, sink, batch=1, poll=0.01)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(30):
        await complete.wait()
    relay.stop()
    await running
    assert firsts(sink.received) == {"Clock/1": [0, 1, 2, 3]}
    assert len(sink.received) == 6
    assert (await subject.outbox.stats()).pending == 0


@SERVERS
async def test_writers_do_not_wait_for_a_relay_that_sends(subject: OutboxSubject) -> None:
    await subject.store("Clock/1", 1)
    async with subject.claim() as claim, asyncio.timeout(2):
        assert claim is not None
        for number in range(2, 20):
            await subject.store("Clock/1", number)
            await subject.store(f"Clock/{number}", number)


async def test_a_sink_may_write_to_the_database_of_the_outbox(subject: OutboxSubject) -> None:
    class Writing:
        async def send(self, batch: Sequence[Envelope]) -> None:
            if number_of(batch[0]) == 1:
                await subject.store("Clock/1", 2)

    await subject.store("Clock/1", 1)
    relay = Relay(subject.outbox, Writing(), timeout=2.0)
    assert [(await relay.drain_once()).published for _ in range(3)] == [1, 1, 0]


async def test_dead_letters_are_put_back_by_the_hundreds_and_once(subject: OutboxSubject) -> None:
    await subject.store("Clock/1", *range(1100))
    async with subject.claim(limit=1100) as claim:
        assert claim is not None
        await claim.settle([], [FailedEntry(entry.position, "ValueError", None) for entry in claim.entries])
    assert (await subject.outbox.stats()).dead == 1100
    counts = await asyncio.gather(*(subject.outbox.replay() for _ in range(3)))
    assert sum(counts) == 1100
    stats = await subject.outbox.stats()
    assert (stats.pending, stats.dead) == (1100, 0)
