"""The part of the contract about owned children that reads and finds aggregates by them."""

from collections.abc import Mapping

from cleanarch_kit.application.pagination.pages import CursorRequest, PageRequest
from cleanarch_kit.domain.criteria import Criterion
from cleanarch_kit.domain.quantifier import any_
from cleanarch_kit.domain.specification import not_, one_of, present
from cleanarch_kit.domain.values.email import Email
from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.testing.contracts.owned_changes import full_order
from cleanarch_kit.testing.contracts.owned_subject import (
    Allocation,
    LineState,
    Order,
    OwnedContract,
    OwnedSubject,
    a_line,
    an_order,
)
from cleanarch_kit.testing.contracts.subject import Capability, needs

__all__ = ["OwnedSearchingContract"]

_CASES: Mapping[str, tuple[Criterion[Order], str]] = {
    "any at all": (lambda o: any_(o.lines), "Full Plain"),
    "none at all": (lambda o: not_(any_(o.lines)), "Bare"),
    "a list": (lambda o: any_(o.lines, lambda it: it.sku == "a"), "Full"),
    "a part of a value": (lambda o: any_(o.lines, lambda it: it.price.amount < 10), "Plain"),
    "a whole value": (lambda o: any_(o.lines, lambda it: it.price == Money(5, "EUR")), "Plain"),
    "an enum": (lambda o: any_(o.lines, lambda it: it.state == LineState.SENT), "Full"),
    "a one-field value": (lambda o: any_(o.lines, lambda it: it.contact == Email("ada@example.com")), "Full"),
    "one object meets all of it": (lambda o: any_(o.lines, lambda it: (it.sku == "a") & (it.sku == "b")), ""),
    "another object each": (
        lambda o: any_(o.lines, lambda it: it.sku == "a") & any_(o.lines, lambda it: it.sku == "b"),
        "Full",
    ),
    "one of some values": (lambda o: any_(o.lines, lambda it: one_of(it.sku, ["x", "y"])), "Plain"),
    "unknown is not found": (
        lambda o: any_(o.lines, lambda it: not_(it.contact == Email("x@example.com"))),
        "Full",
    ),
    "and its contrary is": (
        lambda o: not_(any_(o.lines, lambda it: it.contact == Email("x@example.com"))),
        "Bare Full Plain",
    ),
    "two levels": (
        lambda o: any_(o.lines, lambda it: any_(it.allocations, lambda at: at.place == "south")),
        "Full",
    ),
    "two levels, both": (
        lambda o: any_(o.lines, lambda it: (it.sku == "b") & any_(it.allocations, lambda at: at.place == "north")),
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
"""Criteria, and the customers of the orders that meet them, by what they show."""


class OwnedSearchingContract(OwnedContract):
    """Criteria over children mean in every store what EXISTS means in SQL."""

    async def add_three(self, subject: OwnedSubject) -> tuple[Order, Order, Order]:
        """An order with children of every kind, one with a line, and one without any."""
        full, bare = full_order(), an_order(customer="Bare")
        plain = an_order(a_line("x", "north", price=5), customer="Plain")
        plain.lines[0].allocations = [Allocation("north", 50)]
        await subject.add(full, plain, bare)
        return full, plain, bare

    @needs(Capability.STREAMS)
    async def test_every_way_of_reading_gives_the_children(self, subject: OwnedSubject) -> None:
        orders = sorted([full_order() for _ in range(5)], key=lambda order: order.id.value)
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

    async def test_aggregates_are_found_by_what_they_own(self, subject: OwnedSubject) -> None:
        await self.add_three(subject)
        async with subject.unit_of_work() as unit:
            repository = subject.orders(unit)
            for name, (criterion, expected) in _CASES.items():
                found = await repository.list(criterion, order_by=lambda o: o.customer)
                assert " ".join(order.customer for order in found) == expected, name
                assert await repository.count(criterion) == len(found), name
                assert await repository.exists(criterion) == bool(found), name

    async def test_a_criterion_over_children_captures_values_and_goes_with_cursors(self, subject: OwnedSubject) -> None:
        full, plain, bare = await self.add_three(subject)
        async with subject.unit_of_work() as unit:
            repository = subject.orders(unit)
            for order in (full, plain):
                found = await repository.list(lambda o: any_(o.lines, lambda it: it.id == order.lines[0].id))  # noqa: B023 - read at once
                assert [it.id for it in found] == [order.id]
            owning = _CASES["any at all"][0]
            page = await repository.scroll(CursorRequest(size=1), owning, order_by=lambda o: o.customer)
            rest = await repository.scroll(
                CursorRequest(size=1, after=page.next), owning, order_by=lambda o: o.customer
            )
            assert [order.customer for order in (*page.items, *rest.items)] == ["Full", "Plain"]
            (await repository.get(bare.id)).lines.append(a_line("fresh", "south"))
            found = await repository.list(_CASES["two levels"][0], order_by=lambda o: o.customer)
            assert [order.customer for order in found] == ["Bare", "Full"]
