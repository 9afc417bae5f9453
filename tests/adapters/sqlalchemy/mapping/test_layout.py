from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.layout import Owner, getter, lay_out
from cleanarch_kit.errors import MappingError


@dataclass
class Item:
    number: int
    text: str


@dataclass
class Ranked:
    number: int
    text: str
    rank: int


@dataclass
class Box:
    id: int
    items: list[Item] = field(default_factory=list[Item])
    chosen: set[Item] = field(default_factory=set[Item])
    ranked: list[Ranked] = field(default_factory=list[Ranked])
    lid: Item | None = None


@dataclass
class Strict:
    id: int
    items: list[Item]


metadata = sa.MetaData()
boxes = sa.Table("boxes", metadata, sa.Column("id", sa.Integer, primary_key=True))
items = sa.Table(
    "items",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("text", sa.String),
    sa.Column("rank", sa.Integer),
    sa.Column("box", sa.Integer, sa.ForeignKey("boxes.id")),
    sa.Column("hidden", sa.Integer),
    sa.UniqueConstraint("box", "text"),
    sa.UniqueConstraint("box", "rank"),
    sa.UniqueConstraint("box", "hidden"),
    sa.Index("by_text", "text", unique=True),
)
loose = sa.Table("loose", metadata, sa.Column("number", sa.Integer), sa.Column("text", sa.String))
OTHERS = ("box", "rank", "hidden")


def box(cls: type[Box] | type[Strict] = Box, *, validate: bool = False) -> Owner:
    rules = MappingRules(elsewhere=("items", "chosen", "ranked", "lid"), validate=validate)
    mapping: EntityMapping[Box | Strict] = EntityMapping(cls, boxes, rules)
    return Owner.root(mapping)


def test_a_row_has_the_fields_then_the_position_then_the_owner() -> None:
    layout = lay_out(box(), "items", Owned(items, key="number", position="rank", ignored_columns=("hidden",)))
    assert [column.name for column, _ in layout.columns] == ["number", "text", "rank", "box"]
    assert (list(layout.key), list(layout.refers), layout.keys) == ([0], [3], ("number",))
    assert [[column.name for column in group] for group in layout.identities] == [
        ["number"],
        ["box", "number"],
        ["number"],
    ]


def test_a_position_tells_objects_without_a_key_apart() -> None:
    layout = lay_out(box(), "items", Owned(items, key=(), position="rank", ignored_columns=("hidden",)))
    assert (list(layout.key), layout.keys, layout.parked) == ([2], (), None)


def test_one_that_is_alone_needs_no_key() -> None:
    layout = lay_out(box(), "lid", Owned(items, ignored_columns=OTHERS))
    assert (list(layout.key), layout.keys) == ([], ())
    assert [column.name for column in layout.identities[0]] == ["box"]
    assert lay_out(box(), "lid", Owned(items, key="number", ignored_columns=OTHERS)).keys == ("number",)


def test_what_is_unique_and_may_be_exchanged_is_known() -> None:
    layout = lay_out(box(), "items", Owned(items, key="number", position="rank", ignored_columns=("hidden",)))
    assert sorted(map(str, (values((1, "a", 0, 9)) for values in layout.exchangeable))) == ["(9, 'a')", "a"]
    assert layout.parked == 2
    assert lay_out(box(), "items", Owned(items, key="number", ignored_columns=OTHERS)).parked is None


def test_a_getter_gives_a_cell_or_several() -> None:
    assert [getter(positions)((1, 2, 3)) for positions in ((), (1,), (2, 0))] == [(), 2, (3, 1)]


@pytest.mark.parametrize(
    ("name", "owned", "message"),
    [
        (
            "items",
            Owned(loose, key="number"),
            "table 'loose' has no foreign key to boxes.id, by which the rows of one Box are found",
        ),
        ("items", Owned(boxes), "Box.items must lie in another table than its owner"),
        (
            "chosen",
            Owned(items, position="rank"),
            "Box.chosen has no order that could be kept: leave position='rank' out",
        ),
        ("items", Owned(items, position="rnak"), "table 'items' has no column 'rnak' for the order of Box.items"),
        ("items", Owned(items, key=()), "the objects of Box.items need a key, or a position, to be told apart by"),
        (
            "ranked",
            Owned(items, key="number", position="rank", ignored_columns=("hidden",)),
            "Ranked has a field in column 'rank' of table 'items', which keeps the order of Box.ranked:"
            " leave the field out",
        ),
        (
            "items",
            Owned(items, ignored_columns=OTHERS),
            "Item has no field 'id' in a column of table 'items' that says which row it is",
        ),
    ],
)
def test_what_does_not_fit_is_named(name: str, owned: Owned, message: str) -> None:
    with pytest.raises(MappingError) as caught:
        lay_out(box(), name, owned)
    assert str(caught.value) == message


def test_a_constructor_that_validates_is_run_without_the_children() -> None:
    owned = Owned(items, key="number", ignored_columns=OTHERS)
    assert lay_out(box(validate=True), "items", owned).mapping.validates
    with pytest.raises(MappingError) as caught:
        lay_out(box(Strict, validate=True), "items", owned)
    assert str(caught.value) == (
        "Strict.items is filled after the constructor: give it a default, or do not validate on load"
    )
