from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from cleanarch_kit.adapters.sqlalchemy import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.layout import Owner
from cleanarch_kit.adapters.sqlalchemy.mapping.owned_rows import OwnedRows, Rows
from cleanarch_kit.errors import CorruptRowError, DuplicateError


@dataclass(frozen=True)
class Mark:
    name: str
    color: str


@dataclass
class Item:
    number: int
    text: str
    marks: tuple[Mark, ...] = ()


@dataclass
class Box:
    id: int
    items: list[Item] = field(default_factory=list[Item])
    lid: Mark = field(default_factory=lambda: Mark("lid", "red"))


metadata = sa.MetaData()
boxes = sa.Table("boxes", metadata, sa.Column("id", sa.Integer, primary_key=True))
items = sa.Table(
    "items",
    metadata,
    sa.Column("box", sa.Integer, sa.ForeignKey("boxes.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("place", sa.Integer),
    sa.Column("text", sa.String),
)
marks = sa.Table(
    "marks",
    metadata,
    sa.Column("box", sa.Integer, primary_key=True),
    sa.Column("item", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("color", sa.String),
    sa.ForeignKeyConstraint(["item", "box"], ["items.number", "items.box"]),
)
lids = sa.Table(
    "lids",
    metadata,
    sa.Column("box", sa.Integer, sa.ForeignKey("boxes.id"), primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("color", sa.String),
)


def rows_of(name: str, owned: Owned) -> OwnedRows:
    mapping = EntityMapping(Box, boxes, MappingRules(elsewhere=("items", "lid")))
    return OwnedRows(Owner.root(mapping), name, owned)


def items_of_boxes() -> OwnedRows:
    nested = {"marks": Owned(marks, key="name")}
    return rows_of("items", Owned(items, key="number", position="place", children=nested))


ROWS: Rows = {
    7: (7, "b", 0, 1, {"x": ("x", "red", 1, 7)}),
    3: (3, "a", 1, 1, {}),
}


def a_box() -> Box:
    return Box(1, [Item(7, "b", (Mark("x", "red"),)), Item(3, "a")])


def test_a_row_leads_to_its_owner_and_to_what_it_owns() -> None:
    rows = items_of_boxes()
    assert rows.dump(a_box(), (1,)) == ROWS
    assert list(rows.dump(a_box(), (1,))) == [7, 3]


def test_an_owner_is_filled_with_what_its_rows_hold() -> None:
    box = Box(1)
    items_of_boxes().fill(box, ROWS)
    assert box.items == a_box().items


def test_two_objects_of_one_key_are_refused() -> None:
    with pytest.raises(DuplicateError) as caught:
        items_of_boxes().dump(Box(1, [Item(7, "a"), Item(7, "b")]), (1,))
    assert caught.value.constraint == "primary_key"


def test_objects_that_are_still_there_stay_the_same() -> None:
    box = a_box()
    first, second = box.items
    mark = first.marks[0]
    box.items = [Item(9, "new"), first]
    first.text, first.marks = "lost", (Mark("new", "blue"), mark)
    items_of_boxes().refill(box, ROWS)
    assert box.items[0] is first
    assert box.items == [Item(7, "b", (mark,)), Item(3, "a")]
    assert first.marks[0] is mark
    assert box.items[1] is not second


def test_a_value_that_cannot_be_changed_is_replaced_and_not_changed() -> None:
    box = a_box()
    blue = Mark("x", "blue")
    box.items[0].marks = (blue,)
    items_of_boxes().refill(box, ROWS)
    assert box.items[0].marks == (Mark("x", "red"),)
    assert blue == Mark("x", "blue")


def test_objects_that_could_not_be_written_are_no_obstacle() -> None:
    box = a_box()
    first = box.items[0]
    box.items = [first, None]  # type: ignore[list-item]  # pyright: ignore
    items_of_boxes().refill(box, ROWS)
    assert box.items[0] is first
    assert box.items == a_box().items
    del box.items
    items_of_boxes().refill(box, ROWS)
    assert box.items == a_box().items


def test_one_that_has_to_be_there_and_is_not_is_told() -> None:
    with pytest.raises(CorruptRowError) as caught:
        rows_of("lid", Owned(lids)).fill(Box(5), {})
    assert (caught.value.entity, caught.value.id, caught.value.field) == ("Box", 5, "lid")


def test_rows_are_read_by_one_select_for_each_table_and_deleted_deepest_first() -> None:
    engine = sa.create_engine("sqlite://")
    rows = items_of_boxes()
    statements: list[str] = []
    with engine.begin() as connection:
        metadata.create_all(connection)
        for number in (1, 2, 3):
            connection.execute(boxes.insert(), {"id": number})
        for box in (a_box(), Box(2, [Item(1, "c", (Mark("y", "red"), Mark("x", "blue")))])):
            dumped = rows.dump(box, (box.id,))
            rows.statements.insert(connection, list(dumped.values()))
            for row in dumped.values():
                rows.nested[0][1].statements.insert(connection, list(row[4].values()))

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement.split(maxsplit=1)[0])

        event.listen(engine, "before_cursor_execute", note)
        found = rows.read(connection, [3, 2, 1])
        assert statements == ["SELECT", "SELECT"]
        assert found[1] == ROWS
        assert list(found[1]) == [7, 3]
        assert found[2] == {1: (1, "c", 0, 2, {"x": ("x", "blue", 2, 1), "y": ("y", "red", 2, 1)})}
        assert set(found) == {1, 2}
        rows.delete(connection, [1])
        assert rows.read(connection, [1, 2]) == {2: found[2]}
        assert statements[2:] == ["SELECT", "DELETE", "DELETE", "SELECT", "SELECT"]
        assert connection.scalar(sa.select(sa.func.count()).select_from(marks)) == 2
    engine.dispose()
