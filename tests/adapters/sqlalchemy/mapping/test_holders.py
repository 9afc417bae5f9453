from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Optional

import pytest

from cleanarch_kit.adapters.sqlalchemy.mapping.holders import Holder, holder_of
from cleanarch_kit.errors import MappingError, RefusedValueError


@dataclass(frozen=True)
class Item:
    number: int
    text: str = ""


@dataclass
class Box:
    listed: list[Item]
    several: Sequence[Item]
    tupled: tuple[Item, ...]
    unordered: set[Item]
    frozen: frozenset[Item]
    abstract: Set[Item]
    keyed: dict[int, Item]
    mapped: Mapping[str, Item]
    one: Item
    perhaps: Item | None
    maybe: Optional[Item]  # noqa: UP045 - both spellings are met
    bare: list  # type: ignore[type-arg]  # pyright: ignore
    nested: list[list[Item]]
    missing: list[Item] | None
    text: str
    anything: Any


ONE, TWO = Item(1, "a"), Item(2, "b")


@pytest.mark.parametrize(
    ("name", "held", "ordered"),
    [
        ("listed", [TWO, ONE], True),
        ("several", [TWO, ONE], True),
        ("tupled", (TWO, ONE), True),
        ("unordered", {ONE, TWO}, False),
        ("frozen", frozenset({ONE, TWO}), False),
        ("abstract", {ONE, TWO}, False),
        ("keyed", {2: TWO, 1: ONE}, True),
    ],
)
def test_a_collection_gives_its_objects_and_takes_them_back(name: str, held: Any, ordered: bool) -> None:
    holder = holder_of(Box, name, ("number",))
    items = list(holder.items(held))
    assert set(items) == {ONE, TWO}
    assert holder.hold(items) == held
    assert type(holder.hold(items)) is type(held)
    assert (holder.item_type, holder.ordered, holder.alone, holder.required) == (Item, ordered, False, False)


def test_a_dict_is_keyed_by_the_fields_that_are_named() -> None:
    assert holder_of(Box, "mapped", ("text",)).hold([ONE, TWO]) == {"a": ONE, "b": TWO}
    assert holder_of(Box, "mapped", ("text", "number")).hold([ONE]) == {("a", 1): ONE}


def test_an_object_in_a_dict_stands_under_its_own_key() -> None:
    with pytest.raises(RefusedValueError) as caught:
        list(holder_of(Box, "keyed", ("number",)).items({1: ONE, 7: TWO}))
    assert str(caught.value) == "the store refused a value: it must stand in Box.keyed under its own number"


@pytest.mark.parametrize("name", ["perhaps", "maybe"])
def test_one_object_may_be_missing(name: str) -> None:
    holder = holder_of(Box, name)
    assert (list(holder.items(ONE)), list(holder.items(None))) == ([ONE], [])
    assert (holder.hold([ONE]), holder.hold([])) == (ONE, None)
    assert (holder.alone, holder.required) == (True, False)


def test_one_object_may_have_to_be_there() -> None:
    holder: Holder = holder_of(Box, "one")
    assert (holder.alone, holder.required) == (True, True)
    assert list(holder.items(ONE)) == [ONE]
    with pytest.raises(RefusedValueError) as caught:
        holder.items(None)
    assert str(caught.value) == "the store refused a value: it must not be missing in Box.one"


@pytest.mark.parametrize("name", ["bare", "nested", "missing", "text", "anything", "nowhere"])
def test_what_holds_no_objects_of_one_class_is_refused(name: str) -> None:
    with pytest.raises(MappingError) as caught:
        holder_of(Box, name)
    assert str(caught.value) == (
        f"Box.{name} must hold objects of one class: a list, dict, set, tuple or frozenset of it, or the class itself,"
        " or that | None"
    )


def test_a_dict_needs_a_key() -> None:
    with pytest.raises(MappingError, match="name the field that is its key with Owned"):
        holder_of(Box, "keyed")
