from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.differences import Difference, compare, remaining, write
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.layout import Owner
from cleanarch_kit.adapters.sqlalchemy.mapping.owned_rows import OwnedRows, Rows


@dataclass
class Part:
    name: str
    count: int = 1


@dataclass
class Item:
    number: int
    code: str | None
    parts: list[Part] = field(default_factory=list[Part])


@dataclass
class Box:
    id: int
    items: list[Item]


metadata = sa.MetaData()
boxes = sa.Table("boxes", metadata, sa.Column("id", sa.Integer, primary_key=True))
items = sa.Table(
    "items",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("code", sa.String, unique=True),
    sa.Column("box", sa.Integer, nullable=False),
    sa.ForeignKeyConstraint(["box"], ["boxes.id"]),
)
parts = sa.Table(
    "parts",
    metadata,
    sa.Column("item", sa.Integer, sa.ForeignKey("items.number"), primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("count", sa.Integer),
)
mapping = EntityMapping(Box, boxes, MappingRules(elsewhere=("items",)))
rows = OwnedRows(
    Owner.root(mapping),
    "items",
    Owned(items, key="number", children={"parts": Owned(parts, key="name")}),
)


def of(number: int, *items: Item) -> Rows:
    return rows.dump(Box(number, list(items)), (number,))


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        metadata.create_all(connection)
        connection.execute(boxes.insert(), [{"id": number} for number in (1, 2)])
        yield connection
    engine.dispose()


def numbers(difference: Difference) -> tuple[list[object], list[object], list[object]]:
    return (
        [row[0] for row in difference.deleted],
        [now[0] for _, now in difference.updated],
        [row[0] for row in difference.inserted],
    )


def test_what_is_gone_changed_and_new_is_told_for_each_table() -> None:
    before = of(1, Item(1, "a", [Part("x"), Part("y")]), Item(2, "b"), Item(3, "c", [Part("z")]))
    now = of(1, Item(1, "a", [Part("x", 9)]), Item(2, "B", [Part("v")]), Item(4, "d", [Part("w")]))
    of_items, of_parts = compare(rows, [(before, now), (of(2, Item(9, "i")), of(2, Item(9, "i")))])
    assert numbers(of_items) == ([3], [2], [4])
    assert numbers(of_parts) == (["y", "z"], ["x"], ["v", "w"])


def test_rows_that_take_a_value_which_another_gives_up_are_written_anew() -> None:
    before = of(1, Item(1, "a", [Part("x")]), Item(2, "b"), Item(3, "c"), Item(4, None), Item(5, None))
    now = of(1, Item(1, "b", [Part("x")]), Item(2, "new"), Item(3, "c"), Item(4, "d"), Item(5, "e"))
    of_items, of_parts = compare(rows, [(before, now)])
    assert numbers(of_items) == ([1], [2, 4, 5], [1])
    assert numbers(of_parts) == (["x"], [], ["x"])


@pytest.mark.parametrize(
    "after",
    [
        [(1, Item(1, "b", [Part("x")]), Item(2, "a")), (2, Item(3, "c", [Part("z")]))],
        [(1, Item(1, "b"), Item(2, "c")), (2, Item(3, "a"))],
        [(1, Item(2, "b")), (2, Item(1, "a", [Part("x"), Part("y")]), Item(3, "c"))],
        [(1,), (2, Item(5, "c"), Item(6, "b"), Item(1, "a"))],
        [(1, Item(3, "a", [Part("x")]), Item(1, "c", [Part("z")]))],
        [(1,), (2,)],
    ],
)
def test_what_was_written_is_there(connection: sa.Connection, after: list[tuple[int, *tuple[Item, ...]]]) -> None:
    before = {1: of(1, Item(1, "a", [Part("x"), Part("y")]), Item(2, "b")), 2: of(2, Item(3, "c", [Part("z")]))}
    write(connection, compare(rows, [({}, its) for its in before.values()]))
    assert rows.read(connection, [1, 2]) == before
    now = {number: of(number, *its) for number, *its in [(1,), (2,), *after]}
    write(connection, compare(rows, [(before[number], now[number]) for number in (1, 2)]))
    assert rows.read(connection, [1, 2]) == {number: its for number, its in now.items() if its}
    assert connection.scalar(sa.select(sa.func.count()).select_from(parts)) == sum(
        len(row[3]) for its in now.values() for row in its.values()
    )


def test_what_remains_is_what_was_there_and_is_not_gone() -> None:
    before = of(1, Item(1, "a", [Part("x"), Part("y")]), Item(2, "b"))
    now = of(1, Item(1, "B", [Part("y", 7), Part("z")]), Item(3, "c"))
    assert remaining(rows, before, now) == of(1, Item(1, "a", [Part("y")]))
