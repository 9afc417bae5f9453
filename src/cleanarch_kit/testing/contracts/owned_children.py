"""The contract that a repository keeps whose aggregates own children."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from itertools import product

import pytest

from cleanarch_kit.application.pagination.pages import CursorRequest, PageRequest
from cleanarch_kit.domain.criteria import Criterion
from cleanarch_kit.domain.quantifier import any_
from cleanarch_kit.domain.specification import not_, one_of, present
from cleanarch_kit.domain.values.email import Email
from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.errors import ConcurrencyError, NotFoundError
from cleanarch_kit.testing.contracts.owned_subject import (
    Address,
    Allocation,
    LineState,
    Order,
    OwnedSubject,
    Parcel,
    Remark,
    Tag,
    a_line,
    an_order,
)
from cleanarch_kit.testing.contracts.subject import Capability, Contract

__all__ = ["OwnedChildrenContract"]


def _full() -> Order:
    """An order with children of every kind."""
    order = an_order(a_line("a", "north", "south"), a_line("b", "north"), a_line("c"), customer="Full")
    order.lines[1].contact, order.lines[1].state = Email("ada@example.com"), LineState.SENT
    order.shipping = Address("Side Street 2", "Paris")
    order.tags = frozenset({Tag("new", "en", 1), Tag("new", "de", 2), Tag("old", "en")})
    order.parcels = {"dhl": Parcel(number=1, carrier="dhl"), "ups": Parcel(number=2, carrier="ups")}
    order.remarks = (Remark("first"), Remark("second"), Remark("first"))
    return order


def _exchange_skus(order: Order) -> None:
    first, second = order.lines[:2]
    first.sku, second.sku = second.sku, first.sku


def _pass_skus_on(order: Order) -> None:
    """Each line takes the text that must be unique from the next one, the last one a new one."""
    skus = [*(line.sku for line in order.lines[1:]), "new"]
    for line, sku in zip(order.lines, skus, strict=True):
        line.sku = sku


def _change_line(order: Order) -> None:
    line = order.lines[1]
    line.price, line.contact, line.state = Money(7, "JPY"), None, LineState.OPEN


def _move_allocations(order: Order) -> None:
    first, second, third = order.lines
    first.allocations, second.allocations, third.allocations = [], first.allocations, second.allocations


def _replace_line_by_one_of_the_same_sku(order: Order) -> None:
    order.lines[0] = a_line(order.lines[0].sku, "west")


def _rename_parcel(order: Order) -> None:
    parcel = order.parcels.pop("ups")
    parcel.carrier = "gls"
    order.parcels["gls"] = parcel


CHANGES: Mapping[str, Callable[[Order], object]] = {
    "the root alone": lambda o: setattr(o, "customer", "Bob"),
    "a line": _change_line,
    "a line more": lambda o: o.lines.append(a_line("d", "east")),
    "a line less": lambda o: o.lines.pop(0),
    "no line": lambda o: o.lines.clear(),
    "all lines others": lambda o: o.lines.__setitem__(slice(None), [a_line("a", "x"), a_line("b"), a_line("z")]),
    "a line replaced": _replace_line_by_one_of_the_same_sku,
    "the order of the lines": lambda o: o.lines.reverse(),
    "the last line first": lambda o: o.lines.insert(0, o.lines.pop()),
    "two lines exchanged": lambda o: o.lines.__setitem__(slice(0, 2), o.lines[1::-1]),
    "a line in the middle": lambda o: o.lines.insert(1, a_line("m", "north")),
    "unique texts exchanged": _exchange_skus,
    "unique texts passed on": _pass_skus_on,
    "an allocation": lambda o: o.lines[0].allocations.__setitem__(0, Allocation("north", 99)),
    "an allocation more": lambda o: o.lines[2].allocations.append(Allocation("north")),
    "an allocation less": lambda o: o.lines[0].allocations.pop(),
    "allocations of other lines": _move_allocations,
    "a tag": lambda o: setattr(o, "tags", frozenset({Tag("new", "en", 9), Tag("new", "de", 2), Tag("old", "en")})),
    "other tags": lambda o: setattr(o, "tags", frozenset({Tag("new", "fr"), Tag("old", "en")})),
    "a parcel": _rename_parcel,
    "a parcel more": lambda o: o.parcels.setdefault("hermes", Parcel(number=3, carrier="hermes")),
    "the shipping address": lambda o: setattr(o, "shipping", Address("Other 3", "Paris")),
    "no shipping address": lambda o: setattr(o, "shipping", None),
    "the billing address": lambda o: setattr(o, "billing", Address("Other 4", "Rome")),
    "a remark in front": lambda o: setattr(o, "remarks", (Remark("zeroth"), *o.remarks)),
    "a remark less": lambda o: setattr(o, "remarks", o.remarks[1:]),
}
"""Changes of an order with children of every kind, by what changes."""


class OwnedChildrenContract(Contract):
    """Proves that a repository stores aggregates as a whole: subclass it, and give it the adapter as a fixture.

        class TestOurOrders(OwnedChildrenContract):
            @pytest.fixture
            def subject(self, database: Database) -> OwnedSubject:
                return OwnedSubject(partial(OurUnitOfWork, database), OurOrders)

    Where a store knows unique keys, the ``sku`` of a line is unique within its order.
    """

    @pytest.fixture
    def subject(self) -> "OwnedSubject | AsyncIterator[OwnedSubject]":
        """The adapter under test, with an empty store. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture 'subject' that gives an OwnedSubject")

    async def test_an_aggregate_comes_back_whole(self, subject: OwnedSubject) -> None:
        full, bare = _full(), an_order()
        await subject.add(full, bare)
        for order in (full, bare):
            found = await subject.order(order.id)
            assert found is not order
            assert found.state == order.state
            assert found.version == 1

    async def test_every_change_is_saved_and_gives_the_root_a_version(self, subject: OwnedSubject) -> None:
        orders = {name: _full() for name in CHANGES}
        await subject.add(*orders.values())
        for name, order in orders.items():
            async with subject.unit_of_work() as unit:
                loaded = await subject.orders(unit).get(order.id)
                CHANGES[name](loaded)
                expected = loaded.state
            assert loaded.version == 2, name
            found = await subject.order(order.id)
            assert found.state == expected, name
            assert found.version == 2, name

    async def test_changes_of_several_aggregates_are_saved_together(self, subject: OwnedSubject) -> None:
        orders = {name: _full() for name in CHANGES}
        await subject.add(*orders.values())
        async with subject.unit_of_work() as unit:
            repository = subject.orders(unit)
            loaded = {name: await repository.get(order.id) for name, order in orders.items()}
            for name, order in loaded.items():
                CHANGES[name](order)
            expected = {order.id: order.state for order in loaded.values()}
        async with subject.unit_of_work() as unit:
            assert {order.id: order.state for order in await subject.orders(unit).list()} == expected

    async def test_what_did_not_change_is_not_saved(self, subject: OwnedSubject) -> None:
        order = _full()
        await subject.add(order)
        async with subject.unit_of_work() as unit:
            loaded = await subject.orders(unit).get(order.id)
            loaded.lines = [*loaded.lines]
            loaded.parcels = dict(loaded.parcels)
            loaded.tags = frozenset(set(loaded.tags))
            loaded.billing = replace(loaded.billing)
            assert not unit.changed
        assert (await subject.order(order.id)).version == 1

    async def test_everything_goes_with_its_aggregate(self, subject: OwnedSubject) -> None:
        for tracked in (True, False):
            order, other = _full(), _full()
            await subject.add(order, other)
            async with subject.unit_of_work() as unit:
                repository = subject.orders(unit)
                if tracked:
                    await repository.get(order.id)
                assert await repository.delete(order.id)
            with pytest.raises(NotFoundError):
                await subject.order(order.id)
            assert (await subject.order(other.id)).state == other.state
            await subject.add(order)  # which a row that was left would not allow
            assert (await subject.order(order.id)).state == order.state

    async def test_a_child_goes_from_one_aggregate_to_another(self, subject: OwnedSubject) -> None:
        for giving, taking in product(("changed", "deleted"), ("older", "younger", "added")):
            orders = [an_order(a_line("old")), an_order(a_line("x", "north"), a_line("y", "south")), an_order()]
            await subject.add(*orders)
            async with subject.unit_of_work() as unit:
                repository = subject.orders(unit)
                loaded = [await repository.get(order.id) for order in orders]
                source, taker = loaded[1], {"older": loaded[0], "younger": loaded[2]}.get(taking) or an_order()
                if taking == "added":
                    await repository.add(taker)
                moved = source.lines.pop(0)
                moved.allocations.append(Allocation("east", 5))
                taker.lines.append(moved)
                if giving == "deleted":
                    await repository.delete(source.id)
                expected = taker.state
            assert (await subject.order(taker.id)).state == expected, (giving, taking)
            if giving == "changed":
                assert [line.sku for line in (await subject.order(source.id)).lines] == ["y"]

    async def test_a_savepoint_gives_the_same_objects_back(self, subject: OwnedSubject) -> None:
        self.needs(Capability.SAVEPOINTS)
        orders = {name: _full() for name in CHANGES}
        await subject.add(*orders.values())
        async with subject.unit_of_work() as unit:
            repository = subject.orders(unit)
            loaded = {name: await repository.get(order.id) for name, order in orders.items()}
            before = {name: (order.state, order.lines[1], order.parcels["dhl"]) for name, order in loaded.items()}
            with pytest.raises(ZeroDivisionError):
                async with unit.savepoint():
                    for name, order in loaded.items():
                        CHANGES[name](order)
                    await repository.count()
                    raise ZeroDivisionError
            for name, order in loaded.items():
                state, line, parcel = before[name]
                assert order.state == state, name
                assert order.parcels["dhl"] is parcel, name
                if name not in ("a line less", "no line", "all lines others"):
                    assert order.lines[1] is line, name
            loaded["a line"].lines[1].sku = "after"
        assert (await subject.order(orders["a line"].id)).lines[1].sku == "after"
        assert (await subject.order(orders["no line"].id)).version == 1

    async def test_a_rolled_back_unit_leaves_nothing_behind(self, subject: OwnedSubject) -> None:
        order = _full()
        await subject.add(order)
        with pytest.raises(ZeroDivisionError):
            async with subject.unit_of_work() as unit:
                loaded = await subject.orders(unit).get(order.id)
                for name in ("a line", "an allocation more", "other tags", "the last line first"):
                    CHANGES[name](loaded)
                await subject.orders(unit).count()
                raise ZeroDivisionError
        found = await subject.order(order.id)
        assert (found.state, found.version, loaded.version) == (order.state, 1, 1)

    async def test_a_detached_aggregate_is_saved_as_a_whole(self, subject: OwnedSubject) -> None:
        orders = {name: _full() for name in CHANGES}
        await subject.add(*orders.values())
        detached = {name: await subject.order(order.id) for name, order in orders.items()}
        stale = await subject.order(orders["a line"].id)
        async with subject.unit_of_work() as unit:
            for name, order in detached.items():
                CHANGES[name](order)
                await subject.orders(unit).update(order)
        for name, order in detached.items():
            found = await subject.order(order.id)
            assert (found.state, found.version) == (order.state, 2), name
        stale.lines[0].allocations.clear()
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work() as unit:
                await subject.orders(unit).update(stale)

    async def test_children_are_read_anew_for_update(self, subject: OwnedSubject) -> None:
        self.needs(Capability.CONCURRENT_WRITERS)
        order = _full()
        await subject.add(order)
        async with subject.unit_of_work() as mine:
            loaded = await subject.orders(mine).get(order.id)
            line = loaded.lines[1]
            async with subject.unit_of_work() as theirs:
                other = await subject.orders(theirs).get(order.id)
                other.lines[1].allocations = [Allocation("theirs", 3)]
                other.lines.reverse()
            assert await subject.orders(mine).get(order.id, for_update=True) is loaded
            assert loaded.state == other.state
            assert loaded.lines[1] is line
            line.sku = "mine"
        assert (await subject.order(order.id)).lines[1].sku == "mine"

    async def test_one_of_two_writers_of_a_child_loses(self, subject: OwnedSubject) -> None:
        self.needs(Capability.CONCURRENT_WRITERS)
        order = _full()
        await subject.add(order)
        with pytest.raises(ConcurrencyError):
            async with subject.unit_of_work() as mine:
                loaded = await subject.orders(mine).get(order.id)
                async with subject.unit_of_work() as theirs:
                    (await subject.orders(theirs).get(order.id)).lines[0].allocations.clear()
                loaded.lines[1].allocations.clear()
        found = await subject.order(order.id)
        assert (len(found.lines[0].allocations), len(found.lines[1].allocations)) == (0, 1)

    async def test_every_way_of_reading_gives_the_children(self, subject: OwnedSubject) -> None:
        self.needs(Capability.STREAMS)
        orders = sorted([_full() for _ in range(5)], key=lambda order: order.id.value)
        await subject.add(*orders)
        states = [order.state for order in orders]
        async with subject.unit_of_work(read_only=True) as unit:
            repository = subject.orders(unit)
            assert [order.state async for order in repository.stream()] == states
            page = await repository.paginate(PageRequest(page=2, per_page=2))
            assert [order.state for order in page.items] == states[2:4]
            first = await repository.scroll(CursorRequest(size=3))
            rest = await repository.scroll(CursorRequest(size=3, after=first.next))
            assert [order.state for order in (*first.items, *rest.items)] == states
            assert [order.state for order in await repository.list()] == states
            found = await repository.first(lambda o: o.id == orders[3].id)
            assert found is not None
            assert found.state == states[3]

    async def test_orders_are_found_by_their_children(self, subject: OwnedSubject) -> None:
        full, plain, bare = (
            _full(),
            an_order(a_line("x", "north", price=5), customer="Plain"),
            an_order(customer="Bare"),
        )
        plain.lines[0].allocations = [Allocation("north", 50)]
        await subject.add(full, plain, bare)
        place, skus = "south", ["x", "y"]
        cases: dict[str, tuple[Criterion[Order], str]] = {
            "any at all": (lambda o: any_(o.lines), "Full Plain"),
            "none at all": (lambda o: not_(any_(o.lines)), "Bare"),
            "a list": (lambda o: any_(o.lines, lambda it: it.sku == "a"), "Full"),
            "a part of a value": (lambda o: any_(o.lines, lambda it: it.price.amount < 10), "Plain"),
            "a whole value": (lambda o: any_(o.lines, lambda it: it.price == Money(5, "EUR")), "Plain"),
            "an enum": (lambda o: any_(o.lines, lambda it: it.state == LineState.SENT), "Full"),
            "a one-field value": (lambda o: any_(o.lines, lambda it: it.contact == Email("ada@example.com")), "Full"),
            "an identity": (lambda o: any_(o.lines, lambda it: it.id == plain.lines[0].id), "Plain"),
            "one object meets all of it": (lambda o: any_(o.lines, lambda it: (it.sku == "a") & (it.sku == "b")), ""),
            "another object each": (
                lambda o: any_(o.lines, lambda it: it.sku == "a") & any_(o.lines, lambda it: it.sku == "b"),
                "Full",
            ),
            "captured": (lambda o: any_(o.lines, lambda it: one_of(it.sku, skus)), "Plain"),
            "unknown is not found": (
                lambda o: any_(o.lines, lambda it: not_(it.contact == Email("x@example.com"))),
                "Full",
            ),
            "and its contrary is": (
                lambda o: not_(any_(o.lines, lambda it: it.contact == Email("x@example.com"))),
                "Bare Full Plain",
            ),
            "two levels": (
                lambda o: any_(o.lines, lambda it: any_(it.allocations, lambda at: at.place == place)),
                "Full",
            ),
            "two levels, both": (
                lambda o: any_(
                    o.lines, lambda it: (it.sku == "b") & any_(it.allocations, lambda at: at.place == "north")
                ),
                "Full",
            ),
            "all of them": (
                lambda o: not_(any_(o.lines, lambda it: not_(any_(it.allocations)))) & any_(o.lines),
                "Plain",
            ),
            "a dict": (lambda o: any_(o.parcels, lambda it: it.carrier == "ups"), "Full"),
            "a set": (lambda o: any_(o.tags, lambda it: (it.name == "new") & (it.weight > 1)), "Full"),
            "a tuple": (lambda o: any_(o.remarks, lambda it: it.text == "second"), "Full"),
            "one that may be missing": (lambda o: any_(present(o.shipping), lambda it: it.city == "Paris"), "Full"),
            "one that is missing": (lambda o: not_(any_(o.shipping)), "Bare Plain"),
            "one that is there": (lambda o: any_(o.billing, lambda it: it.city == "Berlin"), "Bare Full Plain"),
            "with the root": (
                lambda o: (o.customer == "Bare") | any_(o.lines, lambda it: it.sku == "x"),
                "Bare Plain",
            ),
        }
        async with subject.unit_of_work() as unit:
            repository = subject.orders(unit)
            for name, (criterion, expected) in cases.items():
                found = await repository.list(criterion, order_by=lambda o: o.customer)
                assert " ".join(order.customer for order in found) == expected, name
                assert await repository.count(criterion) == len(found), name
                assert await repository.exists(criterion) == bool(found), name
            page = await repository.scroll(CursorRequest(size=1), cases["any at all"][0], order_by=lambda o: o.customer)
            rest = await repository.scroll(
                CursorRequest(size=1, after=page.next), cases["any at all"][0], order_by=lambda o: o.customer
            )
            assert [order.customer for order in (*page.items, *rest.items)] == ["Full", "Plain"]
            (await repository.get(bare.id)).lines.append(a_line("fresh", "south"))
            found = await repository.list(cases["two levels"][0], order_by=lambda o: o.customer)
            assert [order.customer for order in found] == ["Bare", "Full"]
