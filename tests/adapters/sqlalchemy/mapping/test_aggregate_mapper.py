"""An aggregate with collections: loaded by one SELECT for each, compared by key, saved and deleted as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.pool import AsyncAdaptedQueuePool

from cleanarch_kit.adapters.sqlalchemy import Owned, ScalarType, SqlAlchemyRepository, SqlAlchemyUnitOfWork, UtcDateTime
from cleanarch_kit.domain import AggregateRoot, Entity, EntityId, Money, any_, change, everything
from cleanarch_kit.errors import ConcurrencyError, DuplicateError
from cleanarch_kit.testing import Book, BookId, Capability, Note, NoteId, ScopeContract, Subject, UnitOfWorkContract
from cleanarch_kit.testing.contracts.concurrency import ConcurrencyContract
from cleanarch_kit.testing.contracts.storing import StoringContract


class OrderId(EntityId): ...


class LineId(EntityId): ...


@dataclass(kw_only=True)
class Line(Entity[LineId]):
    text: str
    price: Money


@dataclass(frozen=True)
class Label:
    name: str
    color: str


@dataclass(kw_only=True)
class Order(AggregateRoot[OrderId]):
    customer: str
    lines: list[Line] = field(default_factory=list[Line])
    labels: frozenset[Label] = frozenset()


metadata = sa.MetaData()
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("customer", sa.String(100), nullable=False),
)
order_lines = sa.Table(
    "order_lines",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), nullable=False),
    sa.Column("text", sa.String(100), nullable=False),
    sa.Column("price_amount", sa.BigInteger, nullable=False),
    sa.Column("price_currency", sa.String(3), nullable=False),
)
order_labels = sa.Table(
    "order_labels",
    metadata,
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("color", sa.String(100), nullable=False),
)


@dataclass
class Piece:
    id: int


@dataclass(kw_only=True)
class Box(Entity[OrderId]):
    """Without a version."""

    owner: str
    pieces: list[Piece]


boxes = sa.Table(
    "boxes", metadata, sa.Column("id", sa.Uuid, primary_key=True), sa.Column("owner", sa.String(10), nullable=False)
)
pieces = sa.Table(
    "pieces",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("box_id", sa.Uuid, sa.ForeignKey("boxes.id"), nullable=False),
)


class SqlBoxes(SqlAlchemyRepository[Box, OrderId]):
    table = boxes
    children: ClassVar = {"pieces": Owned(pieces)}


class SqlOrders(SqlAlchemyRepository[Order, OrderId]):
    table = orders
    children: ClassVar = {"lines": Owned(order_lines), "labels": Owned(order_labels, key="name")}


def a_line(text: str, amount: int = 1) -> Line:
    return Line(id=LineId.new(), text=text, price=Money(amount, "EUR"))


def an_order(*texts: str, labels: Sequence[Label] = ()) -> Order:
    return Order(id=OrderId.new(), customer="Ada", lines=[a_line(text) for text in texts], labels=frozenset(labels))


def noted(engine: AsyncEngine) -> list[str]:
    """The statements from now on."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    return statements


@pytest.fixture
async def tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)


Sessions = async_sessionmaker[AsyncSession]


@pytest.mark.usefixtures("tables")
class TestAggregate:
    async def save(self, sessions: Sessions, *saved: Order) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await SqlOrders(unit).add_all(saved)

    async def stored(self, sessions: Sessions, order: Order) -> Order:
        async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
            return await SqlOrders(unit).get(order.id)

    async def test_it_comes_back_whole(self, sessions: Sessions) -> None:
        order = an_order("a", "b", labels=[Label("new", "red")])
        empty = an_order()
        await self.save(sessions, order, empty)
        found = await self.stored(sessions, order)
        assert [(line.id, line.text, line.price) for line in found.lines] == [
            (line.id, line.text, line.price) for line in order.lines
        ]
        assert found.labels == order.labels
        assert (await self.stored(sessions, empty)).lines == []

    async def test_what_changed_is_written_and_the_root_gets_a_version(self, sessions: Sessions) -> None:
        order = an_order("keep", "change", "remove", labels=[Label("new", "red"), Label("old", "gray")])
        await self.save(sessions, order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            loaded = await SqlOrders(unit).get(order.id)
            loaded.lines[1].text = "changed"
            del loaded.lines[2]
            loaded.lines.append(a_line("added", 7))
            loaded.labels = frozenset({Label("new", "blue")})
        found = await self.stored(sessions, order)
        assert [line.text for line in found.lines] == ["keep", "changed", "added"]
        assert found.labels == {Label("new", "blue")}
        assert found.version == 2

    async def test_nothing_is_written_where_nothing_changed(self, sessions: Sessions) -> None:
        order = an_order("a", "b")
        await self.save(sessions, order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            loaded = await SqlOrders(unit).get(order.id)
            loaded.lines.reverse()  # the key gives the order, not the list
            assert not unit.changed
        assert (await self.stored(sessions, order)).version == 1

    async def test_a_change_of_a_child_is_checked_like_any_other(self, engine: AsyncEngine, sessions: Sessions) -> None:
        order = an_order("a")
        await self.save(sessions, order)
        detached = await self.stored(sessions, order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            (await SqlOrders(unit).get(order.id)).lines[0].text = "theirs"
        detached.lines[0].text = "mine"
        with pytest.raises(ConcurrencyError):
            async with SqlAlchemyUnitOfWork(sessions) as unit:
                await SqlOrders(unit).update(detached)

    async def test_a_detached_aggregate_is_compared_with_what_is_stored(self, sessions: Sessions) -> None:
        order = an_order("a", "b")
        await self.save(sessions, order)
        detached = await self.stored(sessions, order)
        detached.lines[0].text = "changed"
        del detached.lines[1]
        detached.lines.append(a_line("new"))
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await SqlOrders(unit).update(detached)
        assert [line.text for line in (await self.stored(sessions, order)).lines] == ["changed", "new"]

    @pytest.mark.parametrize("tracked", [True, False])
    async def test_deleting_takes_the_children_along(
        self, engine: AsyncEngine, sessions: Sessions, tracked: bool
    ) -> None:
        order = an_order("a", labels=[Label("x", "y")])
        await self.save(sessions, order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            repository = SqlOrders(unit)
            if tracked:
                await repository.get(order.id)
            assert await repository.delete(order.id)
        async with engine.connect() as connection:
            for table in (orders, order_lines, order_labels):
                assert (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar() == 0

    @pytest.mark.parametrize("database", ["asyncpg", "asyncmy"], indirect=True)
    @pytest.mark.parametrize("tracked", [True, False])
    async def test_a_root_is_locked_before_its_children_are_deleted(
        self, engine: AsyncEngine, sessions: Sessions, tracked: bool
    ) -> None:
        """As by whoever adds a child: otherwise one is met that was not seen, or each waits for the other."""
        order = an_order("a")
        await self.save(sessions, order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            if tracked:
                await SqlOrders(unit).get(order.id)
            statements = noted(engine)
            await SqlOrders(unit).delete(order.id)
            await unit.flush()
        assert statements[0].endswith("FOR UPDATE")
        assert [statement.split()[0] for statement in statements] == ["SELECT", "DELETE", "DELETE", "DELETE"]

    async def test_a_savepoint_gives_the_same_objects_back(self, sessions: Sessions) -> None:
        order = an_order("a", "b")
        await self.save(sessions, order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            loaded = await SqlOrders(unit).get(order.id)
            first, second = loaded.lines
            with pytest.raises(RuntimeError):
                async with unit.savepoint():
                    first.text = "lost"
                    loaded.lines = [first, a_line("lost")]
                    raise RuntimeError
            assert loaded.lines[0] is first
            assert first.text == "a"
            assert loaded.lines[1].id == second.id

    async def test_two_children_of_one_key_are_refused(self, sessions: Sessions) -> None:
        order = an_order("a")
        order.lines.append(order.lines[0])
        with pytest.raises(DuplicateError):
            await self.save(sessions, order)

    @pytest.mark.parametrize("database", ["sqlite", "asyncpg", "asyncmy"], indirect=True)
    async def test_bulk_work_takes_the_children_along(self, engine: AsyncEngine, sessions: Sessions) -> None:
        kept, gone, other = an_order("a"), an_order("x", "a", labels=[Label("l", "m")]), an_order("x")
        await self.save(sessions, kept, gone, other)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            deleted = await SqlOrders(unit).delete_where(
                lambda o: any_(o.lines, lambda line: line.text == "x"), lambda o: any_(o.labels)
            )
            assert deleted == 1
            other.lines = [other.lines[0], a_line("new")]
            other.lines[0].text = "changed"
            written = await SqlOrders(unit).upsert([other, fresh := an_order("fresh")])
            assert (written.inserted, written.updated) == (1, 1)
            assert await SqlOrders(unit).update_where(everything, set=lambda o: change(o.customer).to("Bob")) == 3
        texts = {order.id: [line.text for line in order.lines] for order in (kept, other, fresh)}
        async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
            found = await SqlOrders(unit).list()
            assert {order.id: sorted(line.text for line in order.lines) for order in found} == {
                key: sorted(its) for key, its in texts.items()
            }
            assert {order.customer for order in found} == {"Bob"}
        async with engine.connect() as connection:
            assert (await connection.execute(sa.select(sa.func.count()).select_from(order_lines))).scalar() == 4

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    async def test_a_savepoint_takes_back_children_that_cannot_be_written(self, sessions: Sessions) -> None:
        order = an_order("a", "b")
        await self.save(sessions, order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            loaded = await SqlOrders(unit).get(order.id)
            first, second = loaded.lines
            with pytest.raises(DuplicateError):
                async with unit.savepoint():
                    loaded.lines = [first, first]
                    await SqlOrders(unit).count()
            assert loaded.lines[0] is first
            assert loaded.lines[1] == second
            first.text = "after"
        assert [line.text for line in (await self.stored(sessions, order)).lines] == ["after", "b"]

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    async def test_a_child_in_two_aggregates_is_refused(self, sessions: Sessions) -> None:
        one, other = an_order("a"), an_order()
        await self.save(sessions, one, other)
        with pytest.raises(DuplicateError) as caught:
            async with SqlAlchemyUnitOfWork(sessions) as unit:
                repository = SqlOrders(unit)
                (await repository.get(other.id)).lines = [*(await repository.get(one.id)).lines]
        assert caught.value.constraint == "primary_key"

    async def test_each_collection_costs_one_select(self, engine: AsyncEngine, sessions: Sessions) -> None:
        await self.save(sessions, *(an_order("a", "b", labels=[Label("x", "y")]) for _ in range(20)))
        statements = noted(engine)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            found = await SqlOrders(unit).list()
            assert sum(len(order.lines) for order in found) == 40
            assert [len(order.lines) async for order in SqlOrders(unit).stream()] == [2] * 20
        assert len([statement for statement in statements[:3] if "SELECT" in statement]) == 3

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    async def test_nothing_is_taken_from_what_has_left_the_scope(self, sessions: Sessions) -> None:
        box = Box(id=OrderId.new(), owner="Ada", pieces=[Piece(1)])
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await SqlBoxes(unit).add(box)
        with pytest.raises(DuplicateError):
            async with SqlAlchemyUnitOfWork(sessions, scopes={Box: lambda b: b.owner == "Ada"}) as unit:
                repository = SqlBoxes(unit)
                await repository.get(box.id)
                await (await unit.connection()).execute(sa.update(boxes).values(owner="Bob"))
                await repository.add(Box(id=OrderId.new(), owner="Ada", pieces=[Piece(1)]))
                await repository.delete(box.id)


SQLITE = frozenset(Capability) - {Capability.CONCURRENT_WRITERS, Capability.LOCKS, Capability.SKIP_LOCKED}

two_tables = sa.MetaData()
books = sa.Table(
    "books",
    two_tables,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("isbn", sa.String(200), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("rank", sa.Integer),
    sa.Column("published_at", UtcDateTime),
    sa.UniqueConstraint("isbn", name="uq_books_isbn"),
    mysql_collate="utf8mb4_nopad_bin",
)
prices = sa.Table(
    "prices",
    two_tables,
    sa.Column("book_id", sa.Uuid, sa.ForeignKey("books.id"), primary_key=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
)
notes = sa.Table(
    "notes",
    two_tables,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("text", sa.String(200), nullable=False),
    sa.Column("stars", sa.Integer, nullable=False),
)


class SqlBooks(SqlAlchemyRepository[Book, BookId]):
    """Books whose price is a row of a table of its own, where no criterion reaches it as a field."""

    table = books
    children: ClassVar = {"price": Owned(prices)}


class SqlNotes(SqlAlchemyRepository[Note, NoteId]):
    table = notes


@pytest.fixture
async def two_tables_subject(engine: AsyncEngine, sessions: Sessions) -> Subject:
    """An adapter that writes two tables for each book, for the contracts."""
    async with engine.begin() as connection:
        await connection.run_sync(two_tables.create_all, checkfirst=False)

    def checked_out() -> int:
        assert isinstance(engine.pool, AsyncAdaptedQueuePool)
        return engine.pool.checkedout()

    return Subject(partial(SqlAlchemyUnitOfWork, sessions), SqlBooks, SqlNotes, checked_out)


class BooksOfTwoTables(StoringContract, ConcurrencyContract):
    """What has nothing to do with searching by price holds where the price is a child."""

    increments = locked_increments = 50

    @pytest.fixture
    def subject(self, two_tables_subject: Subject) -> Subject:
        return two_tables_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteBooksOfTwoTables(BooksOfTwoTables):
    """SQLite has one writer and locks the database, not rows."""

    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerBooksOfTwoTables(BooksOfTwoTables):
    """Every capability is declared."""


class UnitsOfTwoTables(UnitOfWorkContract):
    @pytest.fixture
    def subject(self, two_tables_subject: Subject) -> Subject:
        return two_tables_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteUnitsOfTwoTables(UnitsOfTwoTables):
    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerUnitsOfTwoTables(UnitsOfTwoTables):
    """Every capability is declared."""


class ScopesOfTwoTables(ScopeContract):
    @pytest.fixture
    def subject(self, two_tables_subject: Subject) -> Subject:
        return two_tables_subject


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestSqliteScopesOfTwoTables(ScopesOfTwoTables):
    capabilities: ClassVar[frozenset[Capability]] = SQLITE


@pytest.mark.parametrize("database", ["asyncpg", "psycopg", "asyncmy"], indirect=True)
class TestServerScopesOfTwoTables(ScopesOfTwoTables):
    """Every capability is declared."""


class TreeId(EntityId): ...


@dataclass(frozen=True)
class Place:
    """A key of two columns."""

    row: int
    column: str


@dataclass
class Fruit:
    name: str
    ripe_at: datetime


@dataclass
class Twig:
    at: Place
    fruits: dict[str, Fruit] = field(default_factory=dict[str, Fruit])


@dataclass
class Branch:
    number: int
    twigs: list[Twig] = field(default_factory=list[Twig])


@dataclass(kw_only=True)
class Tree(AggregateRoot[TreeId]):
    branches: list[Branch] = field(default_factory=list[Branch])


growing = sa.MetaData()
trees = sa.Table(
    "trees", growing, sa.Column("id", ScalarType(TreeId), primary_key=True), sa.Column("version", sa.Integer)
)
branches = sa.Table(
    "branches",
    growing,
    sa.Column("tree", sa.Uuid, sa.ForeignKey("trees.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
)
twigs = sa.Table(
    "twigs",
    growing,
    sa.Column("tree", sa.Uuid, primary_key=True),
    sa.Column("branch", sa.Integer, primary_key=True),
    sa.Column("at_row", sa.Integer, primary_key=True),
    sa.Column("at_column", sa.String(5), primary_key=True),
    sa.ForeignKeyConstraint(["tree", "branch"], ["branches.tree", "branches.number"]),
)
fruits = sa.Table(
    "fruits",
    growing,
    sa.Column("tree", sa.Uuid, primary_key=True),
    sa.Column("branch", sa.Integer, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("column", sa.String(5), primary_key=True),
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("ripe_at", sa.DateTime(timezone=True)),
    sa.ForeignKeyConstraint(
        ["tree", "branch", "row", "column"], ["twigs.tree", "twigs.branch", "twigs.at_row", "twigs.at_column"]
    ),
)


class SqlTrees(SqlAlchemyRepository[Tree, TreeId]):
    """Three levels, each found by everything above it."""

    table = trees
    children: ClassVar = {
        "branches": Owned(
            branches,
            key="number",
            children={
                "twigs": Owned(twigs, key="at", children={"fruits": Owned(fruits, key="name", position="place")})
            },
        )
    }


@pytest.mark.parametrize("database", ["sqlite", "asyncpg", "asyncmy"], indirect=True)
async def test_three_levels_are_found_by_everything_above_them(engine: AsyncEngine, sessions: Sessions) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(growing.create_all)
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    pear, plum = Fruit("pear", noon), Fruit("plum", noon)
    both = {"plum": plum, "pear": pear}
    trees = [
        Tree(id=TreeId.new(), branches=[Branch(1, [Twig(Place(1, "a"), dict(both)), Twig(Place(2, "a"))]), Branch(2)])
        for _ in range(3)
    ]
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await SqlTrees(unit).add_all(trees)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        found = await SqlTrees(unit).get(trees[1].id)
        assert found.branches == trees[1].branches
        assert list(found.branches[0].twigs[0].fruits) == ["plum", "pear"]
        twig = found.branches[0].twigs.pop(0)
        twig.fruits = {"pear": twig.fruits["pear"], "fig": Fruit("fig", noon), "plum": twig.fruits["plum"]}
        found.branches[1].twigs.append(twig)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        repository = SqlTrees(unit)
        figs = await repository.list(
            lambda t: any_(t.branches, lambda b: any_(b.twigs, lambda w: any_(w.fruits, lambda f: f.name == "fig")))
        )
        assert [tree.id for tree in figs] == [trees[1].id]
        assert figs[0].version == 2
        assert figs[0].branches == [
            Branch(1, [Twig(Place(2, "a"))]),
            Branch(2, [Twig(Place(1, "a"), {"pear": pear, "fig": Fruit("fig", noon), "plum": plum})]),
        ]
        assert list(figs[0].branches[1].twigs[0].fruits) == ["pear", "fig", "plum"]
        assert await repository.count(lambda t: any_(t.branches, lambda b: any_(b.twigs, lambda w: w.at.row == 1))) == 3
        assert await repository.delete(trees[0].id)
        assert await repository.delete(trees[1].id)
    async with engine.connect() as connection:
        assert (await connection.execute(sa.select(sa.func.count()).select_from(fruits))).scalar() == 2
