from dataclasses import dataclass

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.statements import Statements, selected_columns


@dataclass
class Thing:
    id: int
    version: int
    name: str
    at: str


table = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Integer),
    sa.Column("version", sa.Integer),
    sa.Column("name", sa.String),
    sa.Column("at", sa.DateTime),
    sa.Column("box", sa.Integer),
)
mapping = EntityMapping(Thing, table, MappingRules(ignored=("box",)))


def test_only_what_changed_is_written_where_the_version_is_still_the_same() -> None:
    statements = Statements(mapping)
    positions, parameters = statements.changes((1, 3, "a", "x"), (1, 4, "b", "x"))
    assert " ".join(str(statements.update(positions)).split()) == (
        "UPDATE things SET version=:_c1, name=:_c2 WHERE things.id = :_id0 AND things.version = :_version"
    )
    assert parameters | statements.row_parameters(1, 3) == {"_c1": 4, "_c2": "b", "_id0": 1, "_version": 3}


def test_a_statement_is_built_once() -> None:
    statements = Statements(mapping)
    assert statements.by_id(False, False) is statements.by_id(False, False)
    assert statements.update((1, 2)) is statements.update((1, 2))


def test_what_did_not_change_is_not_written_and_what_is_unknown_is_written_whole() -> None:
    statements = Statements(mapping)
    assert statements.changes((1, 3, "a", "x"), (1, 3, "a", "x")) == ((), {})
    _, parameters = statements.changes(None, (1, 3, "a", "x"))
    assert parameters == {"_c1": 3, "_c2": "a", "_c3": "x"}


def test_moments_are_read_through_a_type_of_their_own() -> None:
    assert [type(column.type).__name__ for column in selected_columns(mapping)] == [
        "Integer",
        "Integer",
        "String",
        "UtcDateTime",
    ]
