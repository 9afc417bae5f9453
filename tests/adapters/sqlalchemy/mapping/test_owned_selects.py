from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from cleanarch_kit.adapters.sqlalchemy import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.layout import Owner, lay_out
from cleanarch_kit.adapters.sqlalchemy.mapping.owned_selects import OwnedSelects


@dataclass
class Item:
    name: str


@dataclass
class Box:
    room: int
    number: int
    items: list[Item]


metadata = sa.MetaData()
boxes = sa.Table(
    "boxes",
    metadata,
    sa.Column("room", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
)
items = sa.Table(
    "items",
    metadata,
    sa.Column("room", sa.Integer, primary_key=True),
    sa.Column("box", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.ForeignKeyConstraint(["room", "box"], ["boxes.room", "boxes.number"]),
)
numbered = sa.Table(
    "numbered",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("box", sa.Integer, sa.ForeignKey("boxes.number"), primary_key=True),
)
mapping = EntityMapping(Box, boxes, MappingRules(elsewhere=("items",), keys=("room", "number")))
single = EntityMapping(Box, boxes, MappingRules(elsewhere=("items",), keys=("number",)))


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        connection.execute(numbered.insert(), [{"name": name, "box": box} for box in range(6_000) for name in "ba"])
        connection.execute(items.insert(), [{"room": 1, "box": box, "name": "x"} for box in range(5)])
        yield connection
    engine.dispose()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 64, 512, 513, 5_500])
def test_the_rows_of_any_number_of_owners_are_read(connection: sa.Connection, count: int) -> None:
    selects = OwnedSelects(lay_out(Owner.root(single), "items", Owned(numbered, "name")))
    found = selects.rows(connection, list(range(count)))
    assert sorted(found) == sorted((name, box) for box in range(count) for name in "ab")
    if count <= 512:
        assert [name for name, _ in found] == sorted(name for name, _ in found)


def test_owners_of_several_columns_are_found(connection: sa.Connection) -> None:
    owner = Owner.root(mapping)
    selects = OwnedSelects(lay_out(owner, "items", Owned(items, "name")))
    assert sorted(selects.rows(connection, [(1, 3), (2, 4), (1, 0)])) == [("x", 1, 0), ("x", 1, 3)]


def test_numbers_up_to_the_same_power_of_two_share_a_statement(connection: sa.Connection) -> None:
    selects = OwnedSelects(lay_out(Owner.root(single), "items", Owned(numbered, "name")))
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    for count in (5, 6, 7, 8, 9):
        assert len(selects.rows(connection, list(range(count)))) == 2 * count
    assert len(seen) == 5
    assert len(set(seen)) == 2
