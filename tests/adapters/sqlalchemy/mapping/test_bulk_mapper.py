"""Bulk work on aggregates of several tables, within scopes, and where rows have more than one column of identity."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import Owned, SqlAlchemyRepository, SqlAlchemyUnitOfWork
from cleanarch_kit.adapters.sqlalchemy.mapping.insertion import COPIED
from cleanarch_kit.application import RowScopes
from cleanarch_kit.domain import AggregateRoot, EntityId, Money, any_, change, everything
from cleanarch_kit.errors import DuplicateError, OutOfScopeError, RefusedValueError


class OrderId(EntityId): ...


@dataclass(frozen=True)
class Place:
    shop: int
    number: int


@dataclass
class Shelf:
    id: Place
    label: str


@dataclass
class Line:
    id: int
    text: str


@dataclass(kw_only=True)
class Order(AggregateRoot[OrderId]):
    customer: str
    total: Money | None = None
    lines: list[Line] = field(default_factory=list[Line])


metadata = sa.MetaData()
orders = sa.Table(
    "bulk_orders",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("customer", sa.String(10), nullable=False),
    sa.Column("total_amount", sa.BigInteger),
    sa.Column("total_currency", sa.String(3)),
    mysql_collate="utf8mb4_nopad_bin",
)
lines = sa.Table(
    "bulk_lines",
    metadata,
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("bulk_orders.id"), primary_key=True),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("text", sa.String(10), nullable=False),
)
shelves = sa.Table(
    "bulk_shelves",
    metadata,
    sa.Column("id_shop", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id_number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("label", sa.String(10), nullable=False),
)


class SqlOrders(SqlAlchemyRepository[Order, OrderId]):
    table = orders
    children: ClassVar = {"lines": Owned(lines)}


class SqlShelves(SqlAlchemyRepository[Shelf, Place]):
    table = shelves


@pytest.fixture(autouse=True)
async def tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


Sessions = async_sessionmaker[AsyncSession]


def some(number: int, customer: str = "Ada") -> list[Order]:
    return [Order(id=OrderId.new(), customer=customer, lines=[Line(1, f"a{at}"), Line(2, "b")]) for at in range(number)]


async def lines_left(sessions: Sessions) -> int:
    async with sessions() as session:
        return (await session.execute(sa.select(sa.func.count()).select_from(lines))).scalar_one()


async def test_aggregates_are_added_changed_and_deleted_with_what_they_own(sessions: Sessions) -> None:
    added = some(COPIED)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await SqlOrders(unit).add_all(added)
        await SqlOrders(unit).add_all(kept := some(2, "Eve"))
    assert await lines_left(sessions) == 2 * COPIED + 4
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        repository = SqlOrders(unit)
        changed = await repository.update_where(
            lambda o: o.customer == "Ada", set=lambda o: change(o.total).to(Money(5, "EUR"))
        )
        assert changed == COPIED
        found = await repository.get(added[7].id)
        assert (found.total, found.version, found.lines) == (Money(5, "EUR"), 2, [Line(1, "a7"), Line(2, "b")])
        a7 = await repository.update_where(
            lambda o: any_(o.lines, lambda line: line.text == "a7"), set=lambda o: change(o.total).to(Money(6, "EUR"))
        )
        assert a7 == 1
        assert await repository.update_where(everything, set=lambda o: change(o.total).to(None)) == COPIED + 2
        assert (await repository.get(added[7].id)).total is None
        assert await repository.delete_where(lambda o: o.customer == "Ada") == COPIED
    assert await lines_left(sessions) == 4
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        assert [order.id for order in await SqlOrders(unit).list()] == [order.id for order in kept]


async def test_aggregates_are_upserted_with_what_they_own(sessions: Sessions) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await SqlOrders(unit).add_all(stored := some(3))
    again = [replace(order, customer="Eve", lines=[Line(2, "new"), Line(3, "c")]) for order in stored]
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        assert await SqlOrders(unit).upsert([*again, *some(2)]) == (2, 3)
        again[0].lines.append(Line(4, "d"))
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        found = await SqlOrders(unit).list(lambda o: o.customer == "Eve")
        assert [(len(order.lines), order.lines[0], order.version) for order in found] == [
            (3, Line(2, "new"), 3),
            (2, Line(2, "new"), 2),
            (2, Line(2, "new"), 2),
        ]


async def test_an_identity_of_several_columns_is_upserted(sessions: Sessions) -> None:
    for label, outcome in (("first", (3, 0)), ("second", (0, 3))):
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            assert await SqlShelves(unit).upsert(Shelf(Place(1, at), label) for at in range(3)) == outcome
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        assert await SqlShelves(unit).count(lambda s: s.label == "second") == 3


async def test_what_lies_outside_of_the_scope_is_left_alone(sessions: Sessions) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await SqlOrders(unit).add_all(hers := some(2, "Ada"))
        await SqlOrders(unit).add_all(his := some(2, "Bob"))
    async with SqlAlchemyUnitOfWork(sessions, scopes={Order: lambda o: o.customer == "Ada"}) as unit:
        repository = SqlOrders(unit)
        assert await repository.update_where(everything, set=lambda o: change(o.total).to(Money(1, "EUR"))) == 2
        with pytest.raises(TypeError, match="scope"):
            await repository.update_where(everything, set=lambda o: change(o.customer).to("Bob"))
        with pytest.raises(OutOfScopeError):
            await repository.upsert(some(1, "Bob"))
        assert await repository.upsert([replace(hers[0], total=None)]) == (0, 1)
        foreign = replace(his[0], customer="Ada")
        with pytest.raises(DuplicateError):
            async with unit.savepoint():
                await repository.upsert([foreign])
        assert await repository.delete_where(everything) == 2
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        assert [(order.customer, order.total, order.version) for order in await SqlOrders(unit).list()] == [
            ("Bob", None, 1),
            ("Bob", None, 1),
        ]


async def test_a_scope_over_children_goes_for_the_whole_deletion(sessions: Sessions) -> None:
    """Once the children are gone, the scope would not find their root."""
    mine, theirs = some(4), Order(id=OrderId.new(), customer="Ada", lines=[Line(1, "theirs")])
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await SqlOrders(unit).add_all([*mine, theirs])
    scopes: RowScopes = {Order: lambda o: any_(o.lines, lambda line: line.text == "b")}
    async with SqlAlchemyUnitOfWork(sessions, scopes=scopes) as unit:
        repository = SqlOrders(unit)
        assert await repository.delete(mine[0].id)
        await repository.get(mine[1].id)
        assert await repository.delete(mine[1].id)
        assert not await repository.delete(theirs.id)
        assert await repository.delete_where(everything) == 2
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        assert [order.id for order in await SqlOrders(unit).list()] == [theirs.id]
    assert await lines_left(sessions) == 1


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
async def test_a_value_that_the_column_does_not_take_is_refused(sessions: Sessions) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await SqlOrders(unit).add_all(some(1))
    with pytest.raises(RefusedValueError) as caught:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await SqlOrders(unit).update_where(everything, set=lambda o: change(o.customer).to("canary" * 9))
    assert "canary" not in repr(caught.value)
