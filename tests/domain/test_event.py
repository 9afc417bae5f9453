import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from cleanarch_kit.domain import DomainEvent, EntityId, Money
from cleanarch_kit.errors import DefinitionError, InvalidValueError


class OrderId(EntityId): ...


@dataclass(frozen=True, kw_only=True)
class OrderPlaced(DomainEvent, name="shop.order.placed", version=2):
    order_id: OrderId
    total: Money


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderPaid(DomainEvent, name="shop.order.paid", version=3):
    order_id: OrderId


@dataclass(frozen=True, kw_only=True)
class Unnamed(DomainEvent): ...


@dataclass(frozen=True, kw_only=True, slots=True)
class UnnamedSlotted(DomainEvent): ...


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionOnly(DomainEvent, version=4): ...


@dataclass(frozen=True, kw_only=True, slots=True)
class RushOrderPaid(OrderPaid): ...


@dataclass(frozen=True, kw_only=True)
class Scheduled(DomainEvent, name="shop.delivery.scheduled"):
    at: datetime


ORDER = OrderId("01890a5d-ac96-774b-bcce-b302099a8057")
NAIVE = datetime(2024, 5, 1, 12)  # noqa: DTZ001 - that is the point
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
EVENTS: list[Callable[[], DomainEvent]] = [
    lambda: OrderPlaced(order_id=ORDER, total=Money(1, "EUR")),
    lambda: OrderPaid(order_id=ORDER),
]


class TestTypeOfAnEvent:
    def test_name_and_version_make_the_type(self) -> None:
        assert (OrderPlaced.event_name, OrderPlaced.event_version) == ("shop.order.placed", 2)
        assert OrderPlaced.event_type == "shop.order.placed.v2"

    def test_they_survive_slots_which_create_the_class_twice(self) -> None:
        assert (OrderPaid.event_name, OrderPaid.event_version) == ("shop.order.paid", 3)
        assert OrderPaid.event_type == "shop.order.paid.v3"
        assert OrderPaid(order_id=ORDER).event_type == "shop.order.paid.v3"

    @pytest.mark.parametrize("cls", [Unnamed, UnnamedSlotted])
    def test_without_a_name_it_is_called_after_module_and_class(self, cls: type[DomainEvent]) -> None:
        assert cls.event_type == f"{__name__}.{cls.__qualname__}.v1"

    def test_a_version_may_come_without_a_name(self) -> None:
        assert VersionOnly.event_type == f"{__name__}.VersionOnly.v4"

    def test_two_classes_of_one_name_in_different_places_differ(self) -> None:
        def define() -> type[DomainEvent]:
            @dataclass(frozen=True, kw_only=True, slots=True)
            class Unnamed(DomainEvent): ...

            return Unnamed

        assert define().event_type != Unnamed.event_type
        assert "define.<locals>.Unnamed" in define().event_type

    def test_a_name_is_not_inherited(self) -> None:
        assert RushOrderPaid.event_type == f"{__name__}.RushOrderPaid.v1"

    @pytest.mark.parametrize("name", ["", "a b", ".a", "a.", "a..b", "a\n", "1a", "ä.b", "a/b", "x" * 201])
    def test_a_bad_name_is_refused_where_the_class_is_defined(self, name: str) -> None:
        with pytest.raises(DefinitionError, match="an event's name is made of words joined by dots, such as") as caught:
            type("Bad", (DomainEvent,), {"__qualname__": "Bad"}, name=name)
        assert str(caught.value).startswith("Bad: ")

    @pytest.mark.parametrize("version", [0, -1, True])
    def test_a_bad_version_is_refused_where_the_class_is_defined(self, version: int) -> None:
        with pytest.raises(DefinitionError, match="Bad: an event's version is a whole number from 1 upwards"):
            type("Bad", (DomainEvent,), {"__qualname__": "Bad"}, version=version)

    def test_unknown_keywords_are_refused(self) -> None:
        with pytest.raises(TypeError):
            type("Bad", (DomainEvent,), {}, nmae="x")


class TestEvent:
    @pytest.mark.parametrize("make", EVENTS)
    def test_it_has_an_id_and_a_time_of_its_own(self, make: Callable[[], DomainEvent]) -> None:
        before = datetime.now(UTC)
        first, second = make(), make()
        assert isinstance(first.event_id, UUID)
        assert first.event_id < second.event_id
        assert before <= first.occurred_at <= second.occurred_at <= datetime.now(UTC)
        assert first.occurred_at.tzinfo is UTC

    @pytest.mark.parametrize("make", EVENTS)
    def test_id_and_time_stand_outside_equality(self, make: Callable[[], DomainEvent]) -> None:
        assert make() == make()
        assert hash(make()) == hash(make())

    @pytest.mark.parametrize("make", EVENTS)
    def test_it_can_be_copied_and_pickled(self, make: Callable[[], DomainEvent]) -> None:
        event = make()
        for other in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
            assert other == event
            assert (other.event_id, other.occurred_at) == (event.event_id, event.occurred_at)

    def test_another_zone_is_expressed_in_utc(self) -> None:
        berlin = timezone(timedelta(hours=2))
        event = OrderPaid(order_id=ORDER, occurred_at=NOON.astimezone(berlin))
        assert event.occurred_at == NOON
        assert event.occurred_at.tzinfo is UTC

    def test_a_naive_time_is_refused(self) -> None:
        with pytest.raises(InvalidValueError) as caught:
            OrderPaid(order_id=ORDER, occurred_at=NAIVE)
        assert str(caught.value) == "OrderPaid must have a time zone: a naive datetime names no instant"

    def test_a_naive_time_in_a_field_of_the_event_is_refused(self) -> None:
        assert Scheduled(at=NOON).at == NOON
        with pytest.raises(InvalidValueError) as caught:
            Scheduled(at=NAIVE)
        assert str(caught.value) == "Scheduled field 'at' must have a time zone: a naive datetime names no instant"
