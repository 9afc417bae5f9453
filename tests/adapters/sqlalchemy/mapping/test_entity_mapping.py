from dataclasses import dataclass, field
from decimal import Decimal
from uuid import uuid4

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.domain import AggregateRoot, EntityId


class OrderId(EntityId): ...


@dataclass(kw_only=True, slots=True)
class Order(AggregateRoot[OrderId]):
    total: Decimal
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Place:
    shelf: int
    slot: int


@dataclass
class Box:
    id: Place
    label: str


def test_an_identity_and_a_version_are_known_by_their_place() -> None:
    table = sa.Table(
        "orders",
        sa.MetaData(),
        sa.Column("notes", sa.JSON),
        sa.Column("total", sa.Numeric),
        sa.Column("version", sa.Integer),
        sa.Column("id", sa.Uuid),
    )
    mapping = EntityMapping(Order, table, MappingRules())
    order = Order(id=OrderId(uuid4()), total=Decimal("1.50"), notes=["a"])
    row = mapping.dump(order)
    assert row == (order.id.value, 0, Decimal("1.50"), ["a"])
    assert mapping.identity_positions == (0,)
    assert mapping.version_position == 1
    assert mapping.identity(order.id) == (order.id.value,)


def test_an_identity_may_have_several_parts_and_a_version_be_absent() -> None:
    table = sa.Table(
        "boxes", sa.MetaData(), *(sa.Column(name, sa.Integer) for name in ("id_shelf", "id_slot", "label"))
    )
    mapping = EntityMapping(Box, table, MappingRules())
    assert mapping.identity_positions == (0, 1)
    assert mapping.version_position is None
    assert mapping.identity(Place(3, 4)) == (3, 4)
    assert mapping.load((3, 4, "x")) == Box(Place(3, 4), "x")


def test_restoring_leaves_alone_what_no_column_holds() -> None:
    table = sa.Table(
        "orders", sa.MetaData(), *(sa.Column(name, sa.String) for name in ("id", "version", "total", "notes"))
    )
    mapping = EntityMapping(Order, table, MappingRules())
    order = Order(id=OrderId(uuid4()), total=Decimal(1))
    events = order._pending_events
    mapping.restore(order, mapping.load((order.id.value, 4, Decimal(2), ["b"])))
    assert (order.version, order.total, order.notes) == (4, Decimal(2), ["b"])
    assert order._pending_events is events
