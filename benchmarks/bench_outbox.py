"""The outbox against the same by hand, on PostgreSQL and Redis: what a write adds, what a relay moves, how late it is.

    python benchmarks/bench_outbox.py [write] [relay] [latency]

Needs the servers of the tests (CLEANARCH_TEST_POSTGRESQL_URL, CLEANARCH_TEST_REDIS_URL, or their loopback ports) and
makes a database of its own. Here time passes on the wire and on the disk, so wall clock is compared: all contenders
run interleaved, transaction by transaction or round by round, and the ratio of the medians is printed, with the
quartiles of the ratios round by round in brackets.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from secrets import token_hex
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cleanarch_kit.adapters.sqlalchemy import (
    SqlAlchemyOutbox,
    add_kit_tables,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.application import Envelope, EventRegistry, PendingEvent, Relay
from cleanarch_kit.domain import DomainEvent

# As values: their type hints are not complete enough for a strict checker.
asyncpg: Any = import_module("asyncpg")
aioredis: Any = import_module("redis.asyncio")

POSTGRESQL = os.environ.get("CLEANARCH_TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/test")
REDIS = os.environ.get("CLEANARCH_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
STREAM = f"bench-{token_hex(4)}"
KEYS = 50


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer: Mapped[str]
    total: Mapped[int]


class Line(Base):
    __tablename__ = "lines"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(index=True)
    sku: Mapped[str]


by_hand = sa.Table(
    "by_hand",
    Base.metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("key", sa.Text),
    sa.Column("payload", sa.Text, nullable=False),
)
add_kit_tables(Base.metadata)


@dataclass(frozen=True, kw_only=True)
class OrderPlaced(DomainEvent, name="shop.order.placed"):
    order_id: UUID
    amount: str
    currency: str
    items: tuple[int, ...]


REGISTRY = EventRegistry([OrderPlaced], source="/shop")


def placed(key: int = 0) -> PendingEvent:
    event = OrderPlaced(order_id=uuid4(), amount="12.50", currency="EUR", items=tuple(range(10)))
    return PendingEvent(event, f"Order/{key}")


PAYLOAD = REGISTRY.encode(placed().event, subject="Order/0").to_json().decode()


class StreamSink:
    """One pipeline per batch, one entry per event."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def send(self, batch: Sequence[Envelope]) -> None:
        pipeline = self.client.pipeline(transaction=False)
        for envelope in batch:
            pipeline.xadd(STREAM, {"d": envelope.to_json()})
        await pipeline.execute()


@dataclass(frozen=True, slots=True)
class Bench:
    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    outbox: SqlAlchemyOutbox
    pool: Any
    redis: Any


def show(title: str, seconds: Mapping[str, Sequence[float]], *, rate: bool = False) -> None:
    """Print the ratio of each contender to the first: of times, or where `rate` is set of rates."""
    print(title)
    baseline = next(iter(seconds.values()))
    for name, samples in seconds.items():
        ratios = [base / one if rate else one / base for base, one in zip(baseline, samples, strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4)
        ratio = statistics.median(samples) / statistics.median(baseline)
        print(f"  {name:<52} {1 / ratio if rate else ratio:6.2f}x   ({low:.2f} to {high:.2f})", flush=True)
    print()


async def interleaved(contenders: Mapping[str, Callable[[], Awaitable[object]]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender, round by round; the first rounds warm up and do not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    warm_up = max(1, rounds // 10)
    for number in range(rounds + warm_up):
        names.append(names.pop(0))
        for name in names:
            start = time.perf_counter()
            await contenders[name]()
            if number >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return seconds


# --- write ------------------------------------------------------------------------------------
async def write(bench: Bench, rounds: int = 400) -> None:
    """One order with three lines per transaction; and events with it."""

    def business(session: AsyncSession) -> None:
        order_id = uuid4()
        session.add(Order(id=order_id, customer="c", total=100))
        session.add_all(Line(id=uuid4(), order_id=order_id, sku="s") for _ in range(3))

    def transaction(events: int) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            async with bench.sessions.begin() as session:
                business(session)
                await session.flush()
                await bench.outbox.write(session, bench.outbox.encode([placed() for _ in range(events)]))

        return run

    async def plain() -> None:
        async with bench.sessions.begin() as session:
            business(session)

    async def row_by_hand() -> None:
        async with bench.sessions.begin() as session:
            business(session)
            await session.flush()
            row = {"event_id": uuid4(), "key": "k", "payload": PAYLOAD}
            await session.execute(sa.insert(by_hand).inline(), row)

    seconds = await interleaved(
        {
            "the transaction alone": plain,
            "with one row by hand": row_by_hand,
            "with one event": transaction(1),
            "with five events": transaction(5),
        },
        rounds,
    )
    show("outbox write: one order with three lines per transaction", seconds)


# --- relay ------------------------------------------------------------------------------------
async def relay(bench: Bench, events: int = 3000, rounds: int = 9) -> None:
    """Drain a backlog into a stream."""

    async def claim_by_hand() -> None:
        while True:
            async with bench.pool.acquire() as connection, connection.transaction():
                rows = await connection.fetch(
                    "SELECT id, payload FROM by_hand ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED"
                )
                if not rows:
                    return
                pipeline = bench.redis.pipeline(transaction=False)
                for row in rows:
                    pipeline.xadd(STREAM, {"d": row["payload"]})
                await pipeline.execute()
                await connection.execute("DELETE FROM by_hand WHERE id = ANY($1)", [row["id"] for row in rows])

    async def ours(relays: int = 1) -> None:
        async def drain() -> None:
            relay = Relay(bench.outbox, StreamSink(bench.redis), batch=100)
            while (await relay.drain_once()).published:
                pass

        await asyncio.gather(*(drain() for _ in range(relays)))

    async def fill() -> None:
        await bench.redis.delete(STREAM)
        rows = [(uuid4(), f"k{number % KEYS}", PAYLOAD) for number in range(events)]
        await bench.pool.execute("TRUNCATE by_hand; TRUNCATE outbox")
        await bench.pool.copy_records_to_table("by_hand", columns=["event_id", "key", "payload"], records=rows)
        async with bench.sessions.begin() as session:
            pending = [placed(number % KEYS) for number in range(events)]
            await bench.outbox.write(session, bench.outbox.encode(pending))
        await bench.pool.execute("ANALYZE by_hand, outbox")

    contenders: dict[str, Callable[[], Awaitable[None]]] = {
        "claim 100, pipeline, delete, by hand (no order)": claim_by_hand,
        "one relay (order by key)": ours,
        "two relays in one process": lambda: ours(2),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            await fill()
            start = time.perf_counter()
            await contender()
            if number:
                seconds[name].append(time.perf_counter() - start)
            assert await bench.redis.xlen(STREAM) == events
    show(f"relay: events per second, draining {events} events of {KEYS} keys", seconds, rate=True)


# --- latency ------------------------------------------------------------------------------------
async def latency(bench: Bench, rate: int = 100, seconds: float = 4.0) -> None:
    """From before the transaction to the consumer, at a steady rate."""
    started: dict[bytes, float] = {}

    async def consume(count: int, delays: list[float]) -> None:
        async with aioredis.Redis.from_url(REDIS) as client:
            last: Any = "0"
            while len(delays) < count:
                found: list[Any] = await client.xread({STREAM: last}, count=100, block=500)
                now = time.perf_counter()
                for _, entries in found:
                    delays.extend(now - started.pop(fields[b"k"]) for _, fields in entries)
                    last = entries[-1][0]

    class TimedSink(StreamSink):
        async def send(self, batch: Sequence[Envelope]) -> None:
            pipeline = self.client.pipeline(transaction=False)
            for envelope in batch:
                pipeline.xadd(STREAM, {"d": envelope.to_json(), "k": envelope.subject})
            await pipeline.execute()

    async def direct(key: str) -> None:
        async with bench.sessions.begin() as session:
            session.add(Order(id=uuid4(), customer="c", total=1))
        await bench.redis.xadd(STREAM, {"d": PAYLOAD, "k": key})

    async def through_the_outbox(key: str) -> None:
        async with bench.sessions.begin() as session:
            session.add(Order(id=uuid4(), customer="c", total=1))
            await session.flush()
            await bench.outbox.write(session, bench.outbox.encode([PendingEvent(placed().event, key)]))
        bench.outbox.wake()

    async def scenario(emit: Callable[[str], Awaitable[None]], poll: float | None) -> list[float]:
        await bench.redis.delete(STREAM)
        total = int(rate * seconds)
        delays: list[float] = []
        consumer = asyncio.create_task(consume(total, delays))
        runner = Relay(bench.outbox, TimedSink(bench.redis), poll=poll or 1.0)
        running = asyncio.create_task(runner.run()) if poll else None
        await asyncio.sleep(0.2)
        emitting: list[asyncio.Future[None]] = []
        for number in range(total):
            key = f"Order/{number}"
            started[key.encode()] = time.perf_counter()
            emitting.append(asyncio.ensure_future(emit(key)))
            await asyncio.sleep(1 / rate)
        await asyncio.gather(*emitting)
        async with asyncio.timeout(30):
            await consumer
        if running:
            runner.stop()
            await running
        return delays

    delays: dict[str, list[float]] = {"direct publish after the commit (may lose it)": [], "outbox, relay woken": []}
    for _ in range(3):
        delays["direct publish after the commit (may lose it)"] += await scenario(direct, None)
        delays["outbox, relay woken"] += await scenario(through_the_outbox, 1.0)
    print(f"latency from commit to consumer at {rate} events per second")
    baseline = next(iter(delays.values()))
    for name, samples in delays.items():
        median, late = (
            statistics.quantiles(samples, n=100)[index] / statistics.quantiles(baseline, n=100)[index]
            for index in (49, 98)
        )
        print(f"  {name:<52} p50 {median:5.2f}x   p99 {late:5.2f}x", flush=True)
    print()


async def main(names: Sequence[str]) -> None:
    database = f"bench_{token_hex(4)}"
    admin = await asyncpg.connect(POSTGRESQL)
    await admin.execute(f'CREATE DATABASE "{database}"')
    url = f"{POSTGRESQL.rpartition('/')[0]}/{database}"
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=20)
    client = aioredis.Redis.from_url(REDIS)
    pool = await asyncpg.create_pool(url, min_size=4, max_size=8)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        sessions = session_factory(engine)
        bench = Bench(engine, sessions, SqlAlchemyOutbox(sessions, REGISTRY), pool, client)
        for section in (write, relay, latency):
            if not names or section.__name__ in names:
                await section(bench)
    finally:
        await client.delete(STREAM)
        await client.aclose()
        await pool.close()
        await engine.dispose()
        await admin.execute(f'DROP DATABASE "{database}" WITH (FORCE)')
        await admin.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
