import pytest
import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.mapping.references import find_reference
from cleanarch_kit.errors import MappingError

metadata = sa.MetaData()
boxes = sa.Table(
    "boxes",
    metadata,
    sa.Column("room", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("code", sa.String(10), unique=True),
)
items = sa.Table(
    "items",
    metadata,
    sa.Column("box_number", sa.Integer),
    sa.Column("box_room", sa.Integer),
    sa.Column("box_code", sa.String, sa.ForeignKey("boxes.code")),
    sa.ForeignKeyConstraint(["box_number", "box_room"], ["boxes.number", "boxes.room"]),
)
PAIR, CODE = [boxes.c.room, boxes.c.number], [boxes.c.code]


def test_the_columns_stand_in_the_order_of_what_they_refer_to() -> None:
    reference = find_reference(items, "Box", [PAIR])
    assert [column.name for column in reference.columns] == ["box_room", "box_number"]
    assert [column.name for column in reference.referred] == ["room", "number"]
    assert str(reference.joined) == "items.box_room = boxes.room AND items.box_number = boxes.number"


def test_the_best_identity_that_is_referred_to_is_taken() -> None:
    assert [column.name for column in find_reference(items, "Box", [CODE, PAIR]).columns] == ["box_code"]
    assert len(find_reference(items, "Box", [[boxes.c.room], PAIR, CODE]).columns) == 2


def test_no_reference_is_an_error() -> None:
    with pytest.raises(MappingError) as caught:
        find_reference(items, "Box", [[boxes.c.room]])
    assert str(caught.value) == (
        "table 'items' has no foreign key to boxes.room, by which the rows of one Box are found"
    )
