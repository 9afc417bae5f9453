"""What aggregates with children cost beside the ORM with `selectinload`, and beside two SELECTs by hand.

python benchmarks/bench_aggregates.py [database URL] [--rounds 40] [--only load,save]

Twenty orders with five lines each are loaded; loaded, changed in every second order, and committed; or loaded, one line
taken out and one put in for every second order, and committed. The default is a SQLite file in a temporary folder. With
another URL, the tables `bench_orders` and `bench_lines` of that database are dropped and created.

Every figure is a ratio in one run: `cpu` is this process's time, `wall` the time on the clock, both of the best batch;
`calls` counts the Python and C functions called by one operation, which does not depend on the machine.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column, registry, relationship, selectinload

from cleanarch_kit.adapters.sqlalchemy import (
    Owned,
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.domain import AggregateRoot, EntityId, Money, uuid7

ORDERS, LINES = 20, 5


class OrderId(EntityId): ...


@dataclass(slots=True)
class Line:
    id: UUID
    sku: str
    quantity: int
    price: Money


@dataclass(kw_only=True, slots=True)
class Order(AggregateRoot[OrderId]):
    customer: str
    lines: list[Line] = field(default_factory=list[Line])


class Base(DeclarativeBase):
    pass


class LineModel(Base):
    """Plain columns, no values."""

    __tablename__ = "bench_lines"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(sa.ForeignKey("bench_orders.id"), index=True)
    sku: Mapped[str] = mapped_column(sa.String(40))
    quantity: Mapped[int]
    price_amount: Mapped[int] = mapped_column(sa.BigInteger)
    price_currency: Mapped[str] = mapped_column(sa.String(3))


class OrderModel(Base):
    """As above; the version is checked, as ours is, but changes of lines do not count it up."""

    __tablename__ = "bench_orders"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(nullable=False)
    customer: Mapped[str] = mapped_column(sa.String(100))
    lines: Mapped[list[LineModel]] = relationship(cascade="all, delete-orphan", order_by=LineModel.id, lazy="raise")
    __mapper_args__ = {"version_id_col": version}


orders, lines = Base.metadata.tables["bench_orders"], Base.metadata.tables["bench_lines"]


@dataclass
class ValueLine:
    """Mapped imperatively, with the value that a domain class has."""

    id: UUID
    sku: str
    quantity: int
    price: Money


@dataclass
class ValueOrder:
    """As above."""

    id: UUID
    customer: str
    lines: list[ValueLine]
    version: int = 1


mappers = registry()
mappers.map_imperatively(
    ValueLine, lines, properties={"price": composite(Money, lines.c.price_amount, lines.c.price_currency)}
)
mappers.map_imperatively(
    ValueOrder,
    orders,
    version_id_col=orders.c.version,
    properties={
        "lines": relationship(
            ValueLine, cascade="all, delete-orphan", order_by=lines.c.id, lazy="raise", overlaps="lines"
        )
    },
)


class SqlOrders(SqlAlchemyRepository[Order, OrderId]):
    table = orders
    children: ClassVar = {"lines": Owned(lines)}


class Contender:
    """One way of doing it. A method that is missing is an operation that it does not have."""

    name = ""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.sessions = session_factory(engine)
        self.number = 0

    def next_number(self) -> int:
        self.number += 1
        return self.number


class Core(Contender):
    """Two SELECTs that are prepared once, and rows as they come, put to their orders."""

    name = "two SELECTs by hand"
    roots = sa.select(orders).order_by(orders.c.id).limit(ORDERS)
    of_roots = sa.select(lines).where(lines.c.order_id.in_(sa.bindparam("ids", expanding=True))).order_by(lines.c.id)

    async def load(self) -> None:
        async with self.engine.connect() as connection:
            found = {row.id: (row, list[object]()) for row in await connection.execute(self.roots)}
            for row in await connection.execute(self.of_roots, {"ids": list(found)}):
                found[row.order_id][1].append(row)


class Ours(Contender):
    """A repository in a unit of work of its own for each operation, with values, tracking and versions."""

    name = "cleanarch_kit"

    async def load(self) -> None:
        async with SqlAlchemyUnitOfWork(self.sessions) as uow:
            found = await SqlOrders(uow).list(limit=ORDERS)
            assert sum(len(order.lines) for order in found) == ORDERS * LINES

    async def save(self) -> None:
        number = self.next_number()
        async with SqlAlchemyUnitOfWork(self.sessions) as uow:
            for order in (await SqlOrders(uow).list(limit=ORDERS))[::2]:
                order.lines[0].quantity = number

    async def replace(self) -> None:
        async with SqlAlchemyUnitOfWork(self.sessions) as uow:
            for order in (await SqlOrders(uow).list(limit=ORDERS))[::2]:
                del order.lines[0]
                order.lines.append(Line(uuid7(), "new", 1, Money(1, "EUR")))


class ModelOrm(Contender):
    """Declarative models with plain columns."""

    name = "ORM, selectinload"
    statement = sa.select(OrderModel).options(selectinload(OrderModel.lines)).order_by(orders.c.id).limit(ORDERS)

    async def load(self) -> None:
        async with self.sessions() as session:
            found = (await session.execute(self.statement)).scalars().all()
            assert sum(len(order.lines) for order in found) == ORDERS * LINES

    async def save(self) -> None:
        number = self.next_number()
        async with self.sessions() as session:
            for order in (await session.execute(self.statement)).scalars().all()[::2]:
                order.lines[0].quantity = number
            await session.commit()

    async def replace(self) -> None:
        async with self.sessions() as session:
            for order in (await session.execute(self.statement)).scalars().all()[::2]:
                del order.lines[0]
                order.lines.append(LineModel(id=uuid7(), sku="new", quantity=1, price_amount=1, price_currency="EUR"))
            await session.commit()


class ValueOrm(Contender):
    """The domain classes with their values, mapped imperatively."""

    name = "ORM with values"
    statement = (
        sa.select(ValueOrder).options(selectinload(vars(ValueOrder)["lines"])).order_by(orders.c.id).limit(ORDERS)
    )

    async def load(self) -> None:
        async with self.sessions() as session:
            found = (await session.execute(self.statement)).scalars().all()
            assert sum(len(order.lines) for order in found) == ORDERS * LINES

    async def save(self) -> None:
        number = self.next_number()
        async with self.sessions() as session:
            for order in (await session.execute(self.statement)).scalars().all()[::2]:
                order.lines[0].quantity = number
            await session.commit()

    async def replace(self) -> None:
        async with self.sessions() as session:
            for order in (await session.execute(self.statement)).scalars().all()[::2]:
                del order.lines[0]
                order.lines.append(ValueLine(uuid7(), "new", 1, Money(1, "EUR")))
            await session.commit()


OPERATIONS = {
    "load": "load 20 orders with 5 lines each",
    "save": "load 20 orders, change a line of 10, commit",
    "replace": "load 20 orders, take out a line of 10 and put in another one, commit",
}
Job = Callable[[], Awaitable[None]]


async def calls_of(job: Job) -> int:
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        await job()
    finally:
        sys.setprofile(None)
    return count


async def race(title: str, jobs: dict[str, Job], rounds: int, reference: str) -> None:
    """Run all contenders in every round, in changing order, and print a line for each."""
    wall: dict[str, list[float]] = {name: [] for name in jobs}
    cpu: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        for _ in range(3):
            await job()
    names = list(jobs)
    for _ in range(rounds):
        names.append(names.pop(0))
        for name in names:
            gc.collect()
            on_clock, of_process = time.perf_counter(), time.process_time()
            await jobs[name]()
            wall[name].append(time.perf_counter() - on_clock)
            cpu[name].append(time.process_time() - of_process)
    print(f"{title} (1 = {reference})")
    for name, job in jobs.items():
        medians = [one / base for one, base in zip(cpu[name], cpu[reference], strict=True)]
        print(
            f"  {name:<20} wall {min(wall[name]) / min(wall[reference]):6.2f}"
            f"   cpu {min(cpu[name]) / min(cpu[reference]):6.2f} (median {statistics.median(medians):.2f})"
            f"   calls {await calls_of(job):6}",
            flush=True,
        )
    print()


async def main(url: str, rounds: int, only: list[str]) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with SqlAlchemyUnitOfWork(session_factory(engine)) as uow:
        await SqlOrders(uow).add_all(
            Order(
                id=OrderId.new(),
                customer=f"customer {number}",
                lines=[Line(uuid7(), f"sku {at}", at, Money(at * 100, "EUR")) for at in range(LINES)],
            )
            for number in range(ORDERS * 10)
        )
    contenders = [ModelOrm(engine), ValueOrm(engine), Ours(engine), Core(engine)]
    for operation in only:
        jobs = {it.name: getattr(it, operation) for it in contenders if hasattr(it, operation)}
        await race(OPERATIONS[operation], jobs, rounds, ModelOrm.name)
    await engine.dispose()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("url", nargs="?")
    arguments.add_argument("--rounds", type=int, default=40)
    arguments.add_argument("--only", default=",".join(OPERATIONS))
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        asyncio.run(main(url, given.rounds, given.only.split(",")))
