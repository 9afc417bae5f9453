from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from cleanarch_kit.adapters.sqlalchemy.mapping.owned_statements import OwnedStatements

table = sa.Table(
    "items",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("text", sa.String),
    sa.Column("place", sa.Integer),
    sa.Column("box", sa.Integer, nullable=False),
    sa.UniqueConstraint("box", "place"),
)
COLUMNS = [(column, column.type) for column in table.c]
ROWS = [(1, "a", 0, 7), (2, "b", 1, 7), (3, "c", 2, 7), (4, "d", 0, 8)]


def statements(*, leave: bool = True) -> OwnedStatements:
    return OwnedStatements(table, COLUMNS, [3], [0], 2 if leave else None)


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        statements().insert(connection, [(*row, {"what": "it owns"}) for row in ROWS])
        yield connection
    engine.dispose()


def noted(connection: sa.Connection) -> list[str]:
    """The statements that run from now on."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    return seen


def stored(connection: sa.Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(sa.select(table).order_by(table.c.number))]


def test_rows_are_inserted(connection: sa.Connection) -> None:
    assert stored(connection) == ROWS


def test_rows_are_deleted_by_owner_and_key(connection: sa.Connection) -> None:
    statements().delete(connection, [ROWS[0], (2, "b", 1, 8), ROWS[3]])
    assert stored(connection) == ROWS[1:3]


def test_all_rows_of_owners_are_deleted(connection: sa.Connection) -> None:
    statements().delete_all(connection, [(7,), (9,)])
    assert stored(connection) == ROWS[3:]


def test_only_what_changed_is_updated(connection: sa.Connection) -> None:
    seen = noted(connection)
    statements().update(connection, [(ROWS[0], (1, "x", 0, 7)), (ROWS[1], (2, "y", 1, 7)), (ROWS[3], (4, "z", 9, 8))])
    assert [row[1:3] for row in stored(connection)] == [("x", 0), ("y", 1), ("c", 2), ("z", 9)]
    updates = [" ".join(statement.split()) for statement in seen if statement.startswith("UPDATE")]
    assert updates[1:] == [
        "UPDATE items SET text=? WHERE items.box = ? AND items.number = ?",
        "UPDATE items SET text=?, place=? WHERE items.box = ? AND items.number = ?",
    ]


def test_rows_exchange_their_places(connection: sa.Connection) -> None:
    changes = [(ROWS[0], (1, "a", 2, 7)), (ROWS[1], (2, "b", 0, 7)), (ROWS[2], (3, "c", 1, 7))]
    with pytest.raises(IntegrityError), connection.begin_nested():
        statements(leave=False).update(connection, changes)
    statements().update(connection, changes)
    assert [row[2] for row in stored(connection)] == [2, 0, 1, 0]


def test_nothing_to_do_costs_nothing(connection: sa.Connection) -> None:
    seen = noted(connection)
    its = statements()
    its.insert(connection, [])
    its.delete(connection, [])
    its.delete_all(connection, [])
    its.update(connection, [])
    assert seen == []
