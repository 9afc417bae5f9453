from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.owned import OwnedRows
from cleanarch_kit.errors import MappingError


@dataclass
class Item:
    number: int
    text: str


@dataclass
class Box:
    id: int
    items: list[Item] = field(default_factory=list[Item])
    lid: str = ""


metadata = sa.MetaData()
boxes = sa.Table("boxes", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("lid", sa.String))
items = sa.Table(
    "items",
    metadata,
    sa.Column("box", sa.Integer, sa.ForeignKey("boxes.id")),
    sa.Column("number", sa.Integer),
    sa.Column("text", sa.String),
)
loose = sa.Table("loose", metadata, sa.Column("number", sa.Integer), sa.Column("text", sa.String))
mapping = EntityMapping(Box, boxes, MappingRules(elsewhere=("items",)))


def test_rows_are_known_by_their_key() -> None:
    rows = OwnedRows(mapping, "items", Owned(items, key="number"))
    box = Box(1, [Item(2, "b"), Item(1, "a")])
    dumped = rows.dump(box)
    assert dumped == {(2,): (2, "b"), (1,): (1, "a")}
    rows.fill(box, {(1,): (1, "x")})
    assert box.items == [Item(1, "x")]


@pytest.mark.parametrize(
    ("name", "owned", "message"),
    [
        ("lid", Owned(items, key="number"), "Box.lid must be a list, tuple, set or frozenset of one class"),
        ("none", Owned(items, key="number"), "Box.none must be a list, tuple, set or frozenset of one class"),
        (
            "items",
            Owned(loose, key="number"),
            "table 'loose' has no foreign key to boxes.id, by which the rows of one Box are found",
        ),
    ],
)
def test_what_does_not_fit_is_named(name: str, owned: Owned, message: str) -> None:
    with pytest.raises(MappingError) as caught:
        OwnedRows(mapping, name, owned)
    assert str(caught.value) == message
