"""What the contract about owned children is tested on: an aggregate with children of every kind."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest

from cleanarch_kit.application.ports.repository import SearchableRepository
from cleanarch_kit.domain.entity import AggregateRoot, Entity
from cleanarch_kit.domain.identity import EntityId
from cleanarch_kit.domain.values.email import Email
from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.testing.contracts.subject import Contract, MakeUnitOfWork

__all__ = [
    "Address",
    "Allocation",
    "LineId",
    "LineState",
    "Order",
    "OrderId",
    "OrderLine",
    "OwnedContract",
    "OwnedSubject",
    "Parcel",
    "Remark",
    "Tag",
    "a_line",
    "an_order",
]


class OrderId(EntityId):
    """Identity of an `Order`."""


class LineId(EntityId):
    """Identity of an `OrderLine`."""


class LineState(Enum):
    """What became of a line."""

    OPEN = "open"
    SENT = "sent"


@dataclass(frozen=True)
class Allocation:
    """A value on the second level; ``place`` tells those of one line apart."""

    place: str
    count: int = 1


@dataclass(kw_only=True)
class OrderLine(Entity[LineId]):
    """An entity on the first level. In one order, no two have the same ``sku``."""

    sku: str
    price: Money
    contact: Email | None = None
    state: LineState = LineState.OPEN
    allocations: list[Allocation] = field(default_factory=list[Allocation])


@dataclass(frozen=True)
class Tag:
    """A value that two of its fields tell apart."""

    name: str
    language: str
    weight: int = 0


@dataclass(kw_only=True)
class Parcel:
    """An object without a type of identity of its own; ``number`` tells it apart, ``carrier`` is its key in a dict."""

    number: int
    carrier: str


@dataclass(frozen=True)
class Remark:
    """A value that only its position tells apart."""

    text: str


@dataclass(frozen=True)
class Address:
    """A value that is alone."""

    street: str
    city: str


@dataclass(kw_only=True)
class Order(AggregateRoot[OrderId]):
    """The sample aggregate. ``lines`` and ``remarks`` keep their order; that of ``allocations`` is not promised."""

    customer: str
    billing: Address
    shipping: Address | None = None
    lines: list[OrderLine] = field(default_factory=list[OrderLine])
    tags: frozenset[Tag] = frozenset()
    parcels: dict[str, Parcel] = field(default_factory=dict[str, Parcel])
    remarks: tuple[Remark, ...] = ()

    @property
    def state(self) -> tuple[object, ...]:
        """Everything but the version, to be compared."""
        lines = [
            (line.id, line.sku, line.price, line.contact, line.state, frozenset(line.allocations))
            for line in self.lines
        ]
        parcels = {key: (parcel.number, parcel.carrier) for key, parcel in self.parcels.items()}
        return self.id, self.customer, self.billing, self.shipping, lines, self.tags, parcels, self.remarks


class OwnedSubject:
    """The adapter under test.

    Args:
        unit_of_work: makes a unit of work; takes the keyword arguments of `MakeUnitOfWork`.
        orders: makes the repository of `Order` for a unit of work.
    """

    def __init__(
        self,
        unit_of_work: MakeUnitOfWork,
        orders: Callable[[Any], SearchableRepository[Order, OrderId]],  # Any: the adapter's own unit of work
    ) -> None:
        self.unit_of_work = unit_of_work
        self.orders = orders

    async def add(self, *orders: Order) -> None:
        """Store orders in a unit of work of their own."""
        async with self.unit_of_work() as unit:
            await self.orders(unit).add_all(orders)

    async def order(self, identity: OrderId) -> Order:
        """Load an order in a unit of work of its own."""
        async with self.unit_of_work() as unit:
            return await self.orders(unit).get(identity)


class OwnedContract(Contract):
    """Base of the parts of the contract about owned children."""

    @pytest.fixture
    def subject(self) -> "OwnedSubject | AsyncIterator[OwnedSubject]":
        """The adapter under test, with an empty store. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture 'subject' that gives an OwnedSubject")


def a_line(sku: str, *places: str, price: int = 100) -> OrderLine:
    """A line that is not stored yet, with an allocation to each of some places."""
    allocations = [Allocation(place, number) for number, place in enumerate(places, 1)]
    return OrderLine(id=LineId.new(), sku=sku, price=Money(price, "EUR"), allocations=allocations)


def an_order(*lines: OrderLine, customer: str = "Ada", tags: Iterable[Tag] = ()) -> Order:
    """An order that is not stored yet."""
    return Order(
        id=OrderId.new(),
        customer=customer,
        billing=Address("Main Street 1", "Berlin"),
        lines=list(lines),
        tags=frozenset(tags),
    )
