"""Copies in and out of whatever people put into their entities."""

import array
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from pydantic import BaseModel

from cleanarch_kit.adapters.memory.state import State, capture, rebuild, restore
from cleanarch_kit.domain import AggregateRoot, Email, Entity, EntityId, Money


class LineId(EntityId): ...


class Colour(Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    tags: list[str]


@dataclass(kw_only=True)
class Line(Entity[LineId]):
    quantity: int


@dataclass(kw_only=True, frozen=True)
class FrozenLine:
    """Equal by identity, as it was written by hand."""

    id: LineId
    quantity: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrozenLine) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(kw_only=True, slots=True)
class Order(AggregateRoot[LineId]):
    lines: list[Line] = field(default_factory=list[Line])
    notes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _cache: list[int] = field(default_factory=lambda: [1], init=False)
    _mode: str = field(default="default", init=False)


class Slotted:
    __slots__ = ("__private", "public", "unset")

    def __init__(self) -> None:
        self.public, self.__private = [1], [2]

    @property
    def private(self) -> list[int]:
        return self.__private


class OneSlot:
    __slots__ = "only"  # noqa: PLC0205 - people write it

    def __init__(self) -> None:
        self.only = [1]


class Anything:
    def __init__(self) -> None:
        self.items = [Slotted(), OneSlot()]


class Model(BaseModel):
    id: int
    names: list[str]


class Labels(dict[str, int]): ...


class Names(list[str]): ...


def copied(value: Any) -> Any:
    copy = rebuild(capture(value))
    assert type(copy) is type(value)
    return copy


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 1, 1.5, "x", b"x", Decimal("1.50"), UUID(int=1), datetime(2024, 1, 1, tzinfo=UTC)),
        *(Colour.RED, Email("a@example.com"), LineId.new(), int),
    ],
)
def test_what_cannot_change_stands_for_itself(value: object) -> None:
    assert capture(value) is value
    assert rebuild(value) is value


CONTAINERS: list[object] = [
    *([1, [2]], (1, [2]), {1, 2}, frozenset({1}), {"a": [1]}, Point(1, ["a"]), Labels(a=1), Names(["a"])),
    *(deque([1], maxlen=3), OrderedDict(a=[1]), array.array("i", [1]), bytearray(b"x")),
    defaultdict(list[int], a=[1]),
]


@pytest.mark.parametrize("value", CONTAINERS)
def test_containers_are_copied_with_their_type(value: object) -> None:
    copy = copied(value)
    assert copy == value
    if not isinstance(value, frozenset):
        assert copy is not value


def test_nothing_is_shared_however_deep() -> None:
    order = Order(id=LineId.new(), lines=[Line(id=LineId.new(), quantity=1)], notes={"a": ["b"]})
    state = capture(order)
    order.lines[0].quantity = 2
    order.notes["a"].append("c")
    copy = rebuild(state)
    assert isinstance(copy, Order)
    assert (copy.lines[0].quantity, copy.notes) == (1, {"a": ["b"]})
    copy.lines.clear()
    assert len(rebuild(state).lines) == 1


@pytest.mark.parametrize("line", [Line, FrozenLine])
def test_a_change_of_a_child_is_a_change(line: type[Line] | type[FrozenLine]) -> None:
    """Though entities are equal by identity."""
    identity = LineId.new()
    before, after = ([line(id=identity, quantity=quantity)] for quantity in (1, 2))
    assert before == after
    assert capture(before) != capture(after)
    assert capture(before) == capture([line(id=identity, quantity=1)])
    assert rebuild(capture(after))[0].quantity == 2


def test_members_of_a_set_are_copied_too() -> None:
    line = Line(id=LineId.new(), quantity=1)
    members: list[Any] = [line]
    state = capture(set(members))
    line.quantity = 2
    assert state != capture(set(members))
    (copy,) = rebuild(state)
    assert (copy, copy.quantity) == (line, 1)
    assert capture({1, 2}) == capture({2, 1})


def test_what_the_constructor_does_not_take_and_nobody_sees_is_not_stored() -> None:
    order = Order(id=LineId.new())
    order._cache.append(2)
    order._mode = "changed"
    order.version = 7
    copy = copied(order)
    assert (copy._cache, copy._mode, copy.version, copy.pull_events()) == ([1], "default", 7, ())


def test_no_constructor_runs() -> None:
    @dataclass
    class Strict:
        id: int
        checked: list[int] = field(default_factory=list[int])

        def __post_init__(self) -> None:
            self.checked.append(self.id)

    assert copied(Strict(1)).checked == [1]


def test_plain_and_slotted_objects_are_copied_by_attribute() -> None:
    original = Anything()
    copy = copied(original)
    slotted, one = copy.items
    assert (slotted.public, slotted.private, one.only) == ([1], [2], [1])
    assert not hasattr(slotted, "unset")
    slotted.public.append(2)
    assert capture(original) != capture(copy)
    assert capture(original) == capture(Anything())


def test_a_pydantic_model_is_copied() -> None:
    model = Model(id=1, names=["a"])
    copy = copied(model)
    assert copy == model
    copy.names.append("b")
    assert model.names == ["a"]


def test_a_value_of_several_fields_is_equal_to_its_copy() -> None:
    assert copied(Money(1, "EUR")) == Money(1, "EUR")


def test_a_frozen_value_that_holds_something_changeable_is_copied() -> None:
    @dataclass(frozen=True)
    class Tags:
        names: list[str]

    tags = Tags(["a"])
    copy = copied(tags)
    copy.names.append("b")
    assert tags.names == ["a"]


def test_an_object_takes_the_state_of_another() -> None:
    line, frozen = Line(id=LineId.new(), quantity=1), FrozenLine(id=LineId.new(), quantity=1)
    for entity in (line, frozen):
        state = capture(entity)
        assert isinstance(state, State)
        object.__setattr__(entity, "quantity", 9)
        restore(entity, state)
        assert entity.quantity == 1


class Tools(NamedTuple):
    first: Line
    second: Line | None = None


@dataclass(kw_only=True)
class Shop(AggregateRoot[LineId]):
    listed: list[Line]
    unordered: set[Line]
    keyed: dict[str, "Counter"]
    alone: Line | None
    pair: Tools
    frozen: tuple[FrozenLine, ...]
    odd: list[object]


@dataclass
class Counter:
    count: int


def a_line(quantity: int = 1) -> Line:
    return Line(id=LineId.new(), quantity=quantity)


def test_what_can_be_changed_stays_the_same_object_where_it_is_still_there() -> None:
    first, second, third, fourth, alone = (a_line(quantity) for quantity in range(5))
    counter, frozen = Counter(1), FrozenLine(id=LineId.new(), quantity=1)
    shop = Shop(
        id=LineId.new(),
        listed=[first, second],
        unordered=set([third]),  # noqa: C405 - a checker knows nothing of the hash in a base class
        keyed={"a": counter, "b": Counter(2)},
        alone=alone,
        pair=Tools(fourth),
        frozen=(frozen,),
        odd=["x", [first], None],
    )
    state = capture(shop)
    assert isinstance(state, State)
    first.quantity, third.quantity, fourth.quantity, alone.quantity, counter.count = 9, 9, 9, 9, 9
    object.__setattr__(frozen, "quantity", 9)
    shop.listed = [a_line(), first]
    shop.unordered = set([a_line(), third])  # noqa: C405
    shop.keyed = {"a": counter}
    shop.odd = [first]
    restore(shop, state)
    assert shop.listed[0] is first
    assert [line.quantity for line in shop.listed] == [0, 1]
    assert [line is third for line in shop.unordered] == [True]
    assert shop.keyed["a"] is counter
    assert shop.keyed == {"a": Counter(1), "b": Counter(2)}
    assert (shop.alone is alone, shop.pair.first is fourth, type(shop.pair)) == (True, True, Tools)
    assert (third.quantity, fourth.quantity, alone.quantity) == (2, 3, 4)
    assert (shop.frozen[0] is frozen, shop.frozen[0].quantity, frozen.quantity) == (False, 1, 9)
    assert shop.odd == ["x", [first], None]
    shop.alone, shop.listed = a_line(), []
    restore(shop, state)
    assert (shop.alone == alone, shop.alone is alone) == (True, False)
    assert [line.quantity for line in shop.listed] == [0, 1]
