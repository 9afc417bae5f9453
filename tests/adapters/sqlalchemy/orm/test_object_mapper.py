"""Aggregates of mapped classes: what they own, what they refer to, and what their versions and events do."""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from cleanarch_kit.adapters.sqlalchemy import OrmRepository, SqlAlchemyUnitOfWork
from cleanarch_kit.domain import AggregateRoot, DomainEvent, desc
from cleanarch_kit.errors import (
    ConcurrencyError,
    DefinitionError,
    DuplicateError,
    ForeignKeyError,
    NotFoundError,
    UnitOfWorkStateError,
)

Sessions = async_sessionmaker[AsyncSession]

sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
sqlite_and_a_server = pytest.mark.parametrize("database", ["sqlite", "asyncpg"], indirect=True)
pytestmark = pytest.mark.usefixtures("own_tables")


class Base(DeclarativeBase): ...


class Customer(Base):
    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(sa.String(100))


class Part(Base):
    __tablename__ = "parts"

    order_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(sa.String(100), primary_key=True)

    __table_args__ = (sa.ForeignKeyConstraint(["order_id", "number"], ["lines.order_id", "lines.number"]),)


class Line(Base):
    __tablename__ = "lines"

    order_id: Mapped[int] = mapped_column(sa.ForeignKey("orders.id"), primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(sa.String(100))
    parts: Mapped[list[Part]] = relationship(cascade="all, delete-orphan", order_by=Part.name)


class Ordered(DomainEvent, name="cleanarch_kit.test.ordered"): ...


class Order(Base, AggregateRoot[int]):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # pyright: ignore[reportIncompatibleVariableOverride] - SQLAlchemy's descriptor gives what the aggregate has
    version: Mapped[int] = mapped_column()  # pyright: ignore[reportIncompatibleVariableOverride] - as above
    title: Mapped[str] = mapped_column(sa.String(100))
    data: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON)
    state: Mapped[str] = mapped_column(sa.String(10), server_default="new", server_onupdate=sa.FetchedValue())
    customer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("customers.id"))
    customer: Mapped[Customer | None] = relationship()
    lines: Mapped[list[Line]] = relationship(cascade="all, delete-orphan", order_by=Line.number)

    __mapper_args__ = {"version_id_col": version}


class Orders(OrmRepository[Order, int]):
    """Its lines and their parts are loaded because they are its own."""


class OrdersWithCustomers(OrmRepository[Order, int]):
    load = (selectinload(Order.customer),)


class Customers(OrmRepository[Customer, int]):
    """No version, no events."""


@pytest.fixture
async def own_tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


def an_order(number: int = 1, *texts: str) -> Order:
    lines = [Line(number=at, text=text) for at, text in enumerate(texts)]
    order = Order(id=number)
    order.title, order.lines = f"order {number}", lines
    return order


async def store(sessions: Sessions, *orders: Order) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await Orders(unit).add_all(orders)


async def stored(sessions: Sessions, number: int = 1) -> Order:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        return await Orders(unit).get(number)


def texts(order: Order) -> list[str]:
    return [line.text for line in order.lines]


@sqlite_and_a_server
class TestWhatAnObjectOwns:
    async def test_it_is_loaded_and_saved_with_it(self, sessions: Sessions) -> None:
        order = an_order(1, "a", "b")
        order.lines[0].parts = [Part(name="x"), Part(name="y")]
        await store(sessions, order, an_order(2))
        assert order.version == 1
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            found = await Orders(unit).get(1)
            assert (texts(found), [part.name for part in found.lines[0].parts]) == (["a", "b"], ["x", "y"])
            assert not unit.changed
            found.lines[1].text = "changed"
            found.lines.append(Line(number=2, text="added"))
            del found.lines[0]
        found = await stored(sessions)
        assert (texts(found), found.version) == (["changed", "added"], 2)
        assert (await stored(sessions, 2)).version == 1

    async def test_a_change_below_it_counts_its_version_up(self, sessions: Sessions) -> None:
        order = an_order(1, "a")
        order.lines[0].parts = [Part(name="x")]
        await store(sessions, order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            (await Orders(unit).get(1)).lines[0].parts.append(Part(name="y"))
        assert (await stored(sessions)).version == 2
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            found = await Orders(unit).get(1)
            found.lines[0].text = found.lines[0].text
        assert (await stored(sessions)).version == 2

    async def test_it_comes_back_with_a_savepoint(self, sessions: Sessions) -> None:
        await store(sessions, an_order(1, "a", "b"))
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            orders = Orders(unit)
            order = await orders.get(1)
            order.lines[0].text = "kept"
            with pytest.raises(LookupError):
                async with unit.savepoint():
                    order.title = order.lines[0].text = "lost"
                    order.lines.append(Line(number=9, text="lost"))
                    del order.lines[1]
                    assert await orders.count() == 1  # all that is written
                    order.lines[0].text = "lost, too"
                    raise LookupError
            assert (order.title, texts(order)) == ("order 1", ["kept", "b"])
            order.lines[1].text = "changed after it"
        found = await stored(sessions)
        assert (texts(found), found.version) == (["kept", "changed after it"], 3)

    async def test_it_is_deleted_with_it(self, sessions: Sessions) -> None:
        await store(sessions, an_order(1, "a"), an_order(2, "b"))
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            orders = Orders(unit)
            await orders.get(1)
            assert await orders.delete(1)
            assert await orders.delete(2)  # not tracked
            assert not await orders.delete(3)
            connection = await unit.connection()
            assert await connection.scalar(sa.select(sa.func.count()).select_from(Line)) == 0

    async def test_it_is_saved_with_a_detached_object(self, sessions: Sessions) -> None:
        await store(sessions, an_order(1, "a", "b", "c"))
        detached = await stored(sessions)
        detached.lines[0].text = "changed"
        detached.lines.append(Line(number=7, text="added"))
        del detached.lines[1]
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await Orders(unit).update(detached)
        assert texts(await stored(sessions)) == ["changed", "c", "added"]
        assert detached.version == 2


@pytest.mark.parametrize("database", ["asyncpg"], indirect=True)
async def test_a_lock_reads_anew_what_it_owns(sessions: Sessions) -> None:
    await store(sessions, an_order(1, "a", "b"))
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        orders = Orders(unit)
        order = await orders.get(1)
        async with SqlAlchemyUnitOfWork(sessions) as theirs:
            other = await Orders(theirs).get(1)
            other.lines[0].text = "theirs"
            del other.lines[1]
            other.lines.append(Line(number=5, text="new"))
        assert await orders.list() == [order]
        assert texts(order) == ["a", "b"]
        assert await orders.get(1, for_update=True) is order
        assert (texts(order), order.version) == (["theirs", "new"], 2)
        order.lines[1].text = "mine"
    found = await stored(sessions)
    assert (texts(found), found.version) == (["theirs", "mine"], 3)


@pytest.mark.parametrize("database", ["asyncpg"], indirect=True)
async def test_a_lock_on_what_only_changed_here_keeps_the_change(sessions: Sessions) -> None:
    await store(sessions, an_order(1, "a"))
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        order = await Orders(unit).get(1)
        order.lines[0].text = "mine"
        assert await Orders(unit).get(1, for_update=True) is order
        assert order.lines[0].text == "mine"
    assert texts(await stored(sessions)) == ["mine"]


@sqlite_and_a_server
async def test_of_several_the_stale_one_is_named(sessions: Sessions) -> None:
    await store(sessions, *(an_order(number) for number in range(1, 4)))
    detached = [await stored(sessions, number) for number in range(1, 4)]
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        (await Orders(unit).get(2)).title = "newer"
    for order in detached:
        order.title = "mine"
    with pytest.raises(ConcurrencyError) as caught:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            for order in detached:
                await Orders(unit).update(order)
    assert (caught.value.entity, caught.value.id, caught.value.expected) == ("Order", 2, 1)
    assert [order.version for order in detached] == [1, 1, 1]
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await Orders(unit).delete(3)
    with pytest.raises(ConcurrencyError) as caught:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await Orders(unit).update(detached[0])
            await Orders(unit).update(detached[2])
    assert caught.value.id == 3
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await Orders(unit).update(detached[0])  # and again, since it was not at fault
    assert (await stored(sessions)).title == "mine"


@sqlite_only
async def test_one_without_a_version_that_is_gone_is_not_found(sessions: Sessions) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await Customers(unit).add(Customer(id=1, name="Ada"))
    with pytest.raises(NotFoundError) as caught:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            customer = await Customers(unit).get(1)
            customer.name = "changed"
            await (await unit.connection()).execute(sa.delete(Customer))
    assert (caught.value.entity, caught.value.id) == ("Customer", 1)


@sqlite_only
class TestEvents:
    async def test_a_loaded_object_can_record_them(self, sessions: Sessions) -> None:
        order = an_order()
        order.record_event(first := Ordered())
        seen: list[DomainEvent] = []

        async def note(*events: DomainEvent) -> None:
            seen.extend(events)

        async with SqlAlchemyUnitOfWork(sessions) as unit:
            unit.before_commit(note)
            await Orders(unit).add(order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            unit.before_commit(note)
            (await Orders(unit).get(1)).record_event(second := Ordered())
        assert [event.event_id for event in seen] == [first.event_id, second.event_id]
        assert (await stored(sessions)).version == 2  # an event alone is a change

    async def test_an_event_in_a_savepoint_that_was_taken_back_leaves_the_version(self, sessions: Sessions) -> None:
        await store(sessions, an_order())
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            order = await Orders(unit).get(1)
            with pytest.raises(LookupError):
                async with unit.savepoint():
                    order.record_event(Ordered())
                    await unit.flush()
                    assert order.version == 2
                    raise LookupError
            assert order.version == 1
            order.title = "changed"
        assert (await stored(sessions)).version == 2


@sqlite_only
class TestTheSession:
    async def test_it_has_the_same_objects(self, sessions: Sessions) -> None:
        await store(sessions, an_order())
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            order = await Orders(unit).get(1)
            order.title = "changed"
            await unit.flush()
            assert await unit.session.scalar(sa.select(Order).where(Order.title == "changed")) is order
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            order = await unit.session.get_one(Order, 1)
            assert await Orders(unit).get(1) is order
            order.title = "changed again"
        found = await stored(sessions)
        assert (found.title, found.version) == ("changed again", 3)

    async def test_it_writes_nothing_before_a_statement(self, sessions: Sessions) -> None:
        await store(sessions, an_order())
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            order = await Orders(unit).get(1)
            order.title = "changed"
            titles = sa.select(Order.title)
            assert await unit.session.scalar(titles) == "order 1"
            assert await Orders(unit).get_by_id(2) is None
            assert await unit.session.scalar(titles) == "order 1"
            await unit.flush()
            assert await unit.session.scalar(titles) == "changed"

    async def test_a_second_object_with_an_identity_that_it_has_is_refused(self, sessions: Sessions) -> None:
        await store(sessions, an_order())
        detached = await stored(sessions)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            there = await unit.session.get_one(Order, 1)
            await Orders(unit).update(detached)
            with pytest.raises(UnitOfWorkStateError, match="is in the session of this unit of work"):
                await unit.flush()
            await unit.rollback()
        assert there is not detached

    async def test_an_object_that_it_knows_under_the_same_identity_is_a_duplicate(self, sessions: Sessions) -> None:
        await store(sessions, an_order())
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            there = await unit.session.get_one(Order, 1)
            await Orders(unit).add(an_order())
            with pytest.raises(DuplicateError) as caught:
                await unit.flush()
            await unit.rollback()
        assert caught.value.constraint == "primary_key"
        assert there is not None


@sqlite_and_a_server
async def test_what_the_database_fills_in_is_read(sessions: Sessions) -> None:
    order = an_order(1, "a")
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await Orders(unit).add(order)
        await unit.flush()
        assert (order.state, order.data, order.customer_id) == ("new", None, None)
        order.title = "changed"
        await unit.flush()
        assert order.state == "new"
        assert not (await Orders(unit).list())[0].lines[0].parts
    assert (await stored(sessions)).version == 2


@sqlite_only
async def test_a_value_that_was_changed_in_place_is_a_change(sessions: Sessions) -> None:
    order = an_order()
    order.data = {"a": [1]}
    await store(sessions, order)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        found = await Orders(unit).get(1)
        assert found.data is not None
        found.data["a"].append(2)
    found = await stored(sessions)
    assert (found.data, found.version) == ({"a": [1, 2]}, 2)


@sqlite_and_a_server
async def test_a_foreign_key_is_told_as_everywhere(sessions: Sessions) -> None:
    order = an_order()
    order.customer_id = 404
    with pytest.raises(ForeignKeyError):
        await store(sessions, order)


@sqlite_only
async def test_after_a_rollback_objects_have_their_values_and_can_be_stored_another_time(sessions: Sessions) -> None:
    await store(sessions, an_order(1, "a"))
    new = an_order(2, "b")
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        orders = Orders(unit)
        loaded = await orders.get(1)
        loaded.lines[0].text = "changed"
        await orders.add(new)
        await unit.flush()
        await unit.rollback()
    assert (new.version, loaded.version, texts(loaded), texts(new)) == (0, 1, ["changed"], ["b"])
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await Orders(unit).add(new)
        await Orders(unit).update(loaded)
    found: Sequence[Order] = [await stored(sessions, number) for number in (1, 2)]
    assert [(texts(order), order.version) for order in found] == [(["changed"], 2), (["b"], 1)]


@sqlite_only
async def test_what_was_deleted_as_soon_as_it_was_written_is_stale_elsewhere(sessions: Sessions) -> None:
    order = an_order(1, "a")
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await Orders(unit).add(order)
        await unit.flush()
        await Orders(unit).delete(1)
    with pytest.raises(ConcurrencyError):
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            await Orders(unit).update(order)


@sqlite_only
async def test_what_was_changed_and_deleted_is_only_deleted(sessions: Sessions) -> None:
    await store(sessions, an_order(1), an_order(2))
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        orders = Orders(unit)
        for order in await orders.list():
            order.title = "changed"
        await orders.delete(2)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        assert [(order.id, order.title) for order in await Orders(unit).list()] == [(1, "changed")]


@sqlite_only
async def test_what_a_savepoint_took_back_is_not_written_later(sessions: Sessions) -> None:
    await store(sessions, an_order(1, "a"), an_order(2))
    detached = await stored(sessions)
    detached.title = detached.lines[0].text = "lost"
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        orders = Orders(unit)
        with pytest.raises(LookupError):
            async with unit.savepoint():
                await orders.update(detached)
                await unit.flush()
                raise LookupError
        (await orders.get(2)).title = "changed"
    assert (detached.title, detached.version) == ("lost", 1)
    found = [await stored(sessions, number) for number in (1, 2)]
    assert [(order.title, order.version) for order in found] == [("order 1", 1), ("changed", 2)]


@sqlite_only
async def test_a_rollback_after_a_failed_flush_warns_of_nothing(sessions: Sessions) -> None:
    await store(sessions, an_order(1))
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        orders = Orders(unit)
        new = an_order(2)
        await orders.add(new)
        async with unit.savepoint():
            await orders.add(an_order(1))
            with pytest.raises(DuplicateError):
                await unit.flush()
            await unit.rollback()
    assert new.version == 0
    await store(sessions, new)
    assert (await stored(sessions, 2)).version == 1


@sqlite_only
async def test_what_was_deleted_can_be_stored_again(sessions: Sessions) -> None:
    await store(sessions, an_order(1, "a"))
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        order = await Orders(unit).get(1)
        await Orders(unit).delete(1)
    await store(sessions, order)
    found = await stored(sessions)
    assert (texts(found), found.version) == (["a"], 1)


@sqlite_only
class TestWhatItRefersTo:
    async def test_it_is_loaded_where_that_was_asked_for_and_refused_elsewhere(self, sessions: Sessions) -> None:
        order = an_order()
        order.customer = Customer(id=7, name="Ada")
        await store(sessions, order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            found = await OrdersWithCustomers(unit).get(1)
            assert found.customer is not None
            assert found.customer.name == "Ada"
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            found = await Orders(unit).get(1)
            found.title = "changed"  # pending: nothing is written by the way
            with pytest.raises(DefinitionError) as caught:
                _ = found.customer
            assert str(caught.value) == (
                "Order.customer was not loaded: name it in the repository, load = (selectinload(Order.customer),),"
                " since nothing is loaded when an attribute is looked at"
            )
        assert (await stored(sessions)).version == 2

    async def test_what_else_a_savepoint_took_back_has_to_be_loaded_again(self, sessions: Sessions) -> None:
        order = an_order()
        order.customer = Customer(id=7, name="Ada")
        await store(sessions, order)
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            found = await OrdersWithCustomers(unit).get(1)
            assert found.customer is not None
            with pytest.raises(LookupError):
                async with unit.savepoint():
                    found.customer.name = "Grace"
                    found.title = "changed"
                    await unit.flush()
                    raise LookupError
            with pytest.raises(DefinitionError, match="attributes of Customer were not loaded"):
                _ = found.customer.name

    async def test_two_repositories_that_load_differently_do_not_mix(self, sessions: Sessions) -> None:
        async with SqlAlchemyUnitOfWork(sessions) as unit:
            Orders(unit)
            with pytest.raises(DefinitionError, match="two repositories of one unit of work store Order"):
                OrdersWithCustomers(unit)


@sqlite_only
async def test_a_stream_gives_objects_that_are_in_no_session(sessions: Sessions) -> None:
    await store(sessions, *(an_order(number, "a") for number in range(1, 4)))
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        tracked = await Orders(unit).get(2)
        tracked.title = "changed"
        seen = [order async for order in Orders(unit).stream(order_by=lambda o: desc(o.id))]
        assert [(order.id, order.title, texts(order)) for order in seen] == [
            (3, "order 3", ["a"]),
            (2, "changed", ["a"]),
            (1, "order 1", ["a"]),
        ]
        assert seen[1] is not tracked
        assert all(order not in unit.session for order in seen)


@sqlite_only
async def test_what_another_object_replaced_in_a_savepoint_comes_back_with_it(sessions: Sessions) -> None:
    await store(sessions, an_order(1, "a"))
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        orders = Orders(unit)
        found = await orders.get(1)
        with pytest.raises(KeyError):
            async with unit.savepoint():
                found.title = "changed"
                await orders.delete(1)
                await orders.add(an_order(1, "b"))
                await unit.flush()
                raise KeyError
        await unit.rollback()
    assert (found.version, found.title, texts(found)) == (1, "order 1", ["a"])


@sqlite_only
async def test_what_was_changed_to_and_fro_in_a_savepoint_is_not_written_after_it(sessions: Sessions) -> None:
    await store(sessions, an_order(1, "a"))
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        found = await Orders(unit).get(1)
        with pytest.raises(KeyError):
            async with unit.savepoint():
                for title in ("changed", "order 1"):
                    found.title = title
                    await unit.flush()
                raise KeyError
    assert (await stored(sessions)).version == 1
