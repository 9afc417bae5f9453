"""What can change below the root of an aggregate."""

from collections.abc import Callable, Mapping

from cleanarch_kit.domain.values.email import Email
from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.testing.contracts.owned_subject import (
    Address,
    Allocation,
    LineState,
    Order,
    Parcel,
    Remark,
    Tag,
    a_line,
    an_order,
)

__all__ = ["CHANGES", "full_order"]


def full_order() -> Order:
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
