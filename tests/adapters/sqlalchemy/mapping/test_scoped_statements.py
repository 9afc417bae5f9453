"""Row scopes hold on every database, in all statements that name a row, and for what an aggregate owns."""

from dataclasses import dataclass, field
from typing import ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import Owned, SqlAlchemyRepository, SqlAlchemyUnitOfWork
from cleanarch_kit.application.tracking.row_scopes import RowScopes
from cleanarch_kit.domain import AggregateRoot, contains, is_null, one_of
from cleanarch_kit.domain.criteria import Criterion
from cleanarch_kit.domain.tracing import trace
from cleanarch_kit.errors import ConcurrencyError, NotFoundError
from cleanarch_kit.testing import Capability, ScopeContract, Subject


class SqlScopes(ScopeContract):
    @pytest.fixture
    def subject(self, sql_subject: Subject) -> Subject:
        return sql_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteScopes(SqlScopes):
    """SQLite has one writer and locks the database, not rows."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability) - {
        Capability.CONCURRENT_WRITERS,
        Capability.LOCKS,
        Capability.SKIP_LOCKED,
    }


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerScopes(SqlScopes):
    """Every capability is declared."""


@dataclass
class Item:
    number: int
    text: str


@dataclass(kw_only=True)
class Basket(AggregateRoot[int]):
    tenant: str | None
    items: list[Item] = field(default_factory=list[Item])


@dataclass(kw_only=True)
class Box:
    """The same without a version."""

    id: int
    tenant: str | None
    items: list[Item] = field(default_factory=list[Item])


metadata = sa.MetaData()


def tables_of(name: str, *more: sa.Column[int]) -> tuple[sa.Table, sa.Table]:
    root = sa.Table(
        name,
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.String(20)),
        *more,
        mysql_collate="utf8mb4_nopad_bin",
    )
    items = sa.Table(
        f"{name}_items",
        metadata,
        sa.Column("root_id", sa.Integer, sa.ForeignKey(f"{name}.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.String(20), nullable=False),
    )
    return root, items


baskets, basket_items = tables_of("baskets", sa.Column("version", sa.Integer, nullable=False))
boxes, box_items = tables_of("boxes")


class SqlBaskets(SqlAlchemyRepository[Basket, int]):
    table = baskets
    children: ClassVar = {"items": Owned(basket_items, key="number")}


class SqlBoxes(SqlAlchemyRepository[Box, int]):
    table = boxes
    children: ClassVar = {"items": Owned(box_items, key="number")}


Sessions = async_sessionmaker[AsyncSession]


def of_tenant(tenant: str) -> RowScopes:
    return {Basket: lambda b: b.tenant == tenant, Box: lambda b: b.tenant == tenant}


@pytest.mark.parametrize("database", ["sqlite", "asyncpg", "asyncmy"], indirect=True)
class TestWhatAnAggregateOwns:
    @pytest.fixture(autouse=True)
    async def stored(self, engine: AsyncEngine, sessions: Sessions) -> None:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await SqlBaskets(unit).add_all([Basket(id=1, tenant="a", items=[Item(1, "a's")]), self.foreign_basket()])
            await SqlBoxes(unit).add_all([Box(id=1, tenant="a", items=[Item(1, "a's")]), self.foreign_box()])

    def foreign_basket(self) -> Basket:
        return Basket(id=2, tenant="b", items=[Item(1, "b's")])

    def foreign_box(self) -> Box:
        return Box(id=2, tenant="b", items=[Item(1, "b's")])

    async def items(self, sessions: Sessions) -> list[str]:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            baskets, boxes = await SqlBaskets(unit).list(), await SqlBoxes(unit).list()
        owned = [basket.items for basket in baskets] + [box.items for box in boxes]
        return [item.text for items in owned for item in items]

    async def move(self, unit: SqlAlchemyUnitOfWork) -> None:
        """Give what is a's to b, in the same transaction, past the unit of work."""
        connection = await unit.connection()
        for table in (baskets, boxes):
            await connection.execute(sa.update(table).values(tenant="b"))

    async def test_it_is_not_deleted_with_an_aggregate_outside(self, sessions: Sessions) -> None:
        async with SqlAlchemyUnitOfWork(sessions, scopes=of_tenant("a")) as unit:
            assert not await SqlBaskets(unit).delete(2)
            assert not await SqlBoxes(unit).delete(2)
            assert await SqlBaskets(unit).delete(1)
            assert await SqlBoxes(unit).delete(1)
        assert await self.items(sessions) == ["b's", "b's"]

    async def test_it_is_not_written_with_a_forged_aggregate(self, sessions: Sessions) -> None:
        basket, box = Basket(id=2, tenant="a", items=[]), Box(id=2, tenant="a", items=[Item(1, "forged")])
        basket.version = 1
        with pytest.raises(ConcurrencyError):
            async with SqlAlchemyUnitOfWork(sessions, scopes=of_tenant("a")) as unit:
                await SqlBaskets(unit).update(basket)
        with pytest.raises(NotFoundError):
            async with SqlAlchemyUnitOfWork(sessions, scopes=of_tenant("a")) as unit:
                await SqlBoxes(unit).update(box)
        assert await self.items(sessions) == ["a's", "b's", "a's", "b's"]

    async def test_it_stays_with_an_aggregate_that_was_moved_outside_meanwhile(self, sessions: Sessions) -> None:
        with pytest.raises(ConcurrencyError):
            async with SqlAlchemyUnitOfWork(sessions, scopes=of_tenant("a")) as unit:
                basket = await SqlBaskets(unit).get(1)
                await self.move(unit)
                basket.items[0].text = "overwritten"
        with pytest.raises(NotFoundError):
            async with SqlAlchemyUnitOfWork(sessions, scopes=of_tenant("a")) as unit:
                box = await SqlBoxes(unit).get(1)
                await self.move(unit)
                box.items[0].text = "overwritten"
        async with SqlAlchemyUnitOfWork(sessions, scopes=of_tenant("a")) as unit:
            await SqlBoxes(unit).get(1)
            await self.move(unit)
            await SqlBoxes(unit).delete(1)
        assert await self.items(sessions) == ["a's", "b's", "a's", "b's"]

    async def test_it_is_saved_and_deleted_with_an_aggregate_inside(self, sessions: Sessions) -> None:
        async with SqlAlchemyUnitOfWork(sessions, scopes=of_tenant("a")) as unit:
            (await SqlBaskets(unit).get(1)).items[0].text = "changed"
            (await SqlBoxes(unit).get(1)).items.append(Item(2, "added"))
        assert await self.items(sessions) == ["changed", "b's", "a's", "added", "b's"]
        async with SqlAlchemyUnitOfWork(sessions, scopes=of_tenant("b")) as unit:
            for found in (await SqlBaskets(unit).list())[:1]:
                await SqlBaskets(unit).delete(found.id)
            for box in await SqlBoxes(unit).list():
                await SqlBoxes(unit).delete(box.id)
        assert await self.items(sessions) == ["changed", "a's", "added"]


def test_statements_are_built_once_for_each_shape_of_a_scope() -> None:
    mapper = SqlBaskets.mapper()

    def statements(scope: Criterion[Basket], dialect: str = "sqlite") -> tuple[object, dict[str, object]]:
        scoped = mapper.within(trace(scope, Basket), dialect)
        return scoped.statements.by_id(False, False), scoped.statements.identity_parameters(1)

    one, parameters = statements(lambda b: b.tenant == "a")
    assert parameters == {"_id0": 1, "_s0": "a"}
    assert statements(lambda b: b.tenant == "b") == (one, {"_id0": 1, "_s0": "b"})
    for other in (statements(lambda b: is_null(b.tenant)), statements(lambda b: b.tenant == "a", "postgresql")):
        assert other[0] is not one
    assert mapper.statements.identity_parameters(1) == {"_id0": 1}


def test_only_so_many_shapes_are_kept() -> None:
    class Few(SqlBaskets):
        """With statements of its own."""

    texts = ["x"]
    mapper = Few.mapper()
    first = mapper.within(trace(lambda b: one_of(b.tenant, texts), Basket), "sqlite").statements.update((1,))
    for number in range(64):
        mapper.within(trace(lambda b: contains(b.tenant, "x"), Basket), f"dialect {number}")
    again = mapper.within(trace(lambda b: one_of(b.tenant, texts), Basket), "sqlite").statements.update((1,))
    assert again is not first
