"""Statements by criterion: the SQL follows from the shape, the values are bound."""

from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyRepository
from cleanarch_kit.adapters.sqlalchemy.mapping.criterion_statements import CriterionStatements
from cleanarch_kit.domain import AggregateRoot, EntityId, Money, change
from cleanarch_kit.domain.changes import Assignment, trace_changes
from cleanarch_kit.domain.criteria import Field, Node
from cleanarch_kit.domain.tracing import trace


class BoxId(EntityId): ...


@dataclass(kw_only=True)
class Box(AggregateRoot[BoxId]):
    name: str
    price: Money | None


class SqlBoxes(SqlAlchemyRepository[Box, BoxId]):
    table = sa.Table(
        "boxes",
        sa.MetaData(),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("name", sa.String(10), nullable=False),
        sa.Column("price_amount", sa.BigInteger),
        sa.Column("price_currency", sa.String(3)),
    )


@pytest.fixture
def statements() -> CriterionStatements:
    return CriterionStatements(SqlBoxes.mapper().mapping, "sqlite")


def named(name: str) -> Node:
    return trace(lambda b: b.name == name, Box)


def changes(name: str, price: Money | None) -> tuple[Assignment, ...]:
    return trace_changes(lambda b: (change(b.name).to(name), change(b.price).to(price)), Box)


def test_values_are_bound_and_the_version_is_counted_on(statements: CriterionStatements) -> None:
    where = trace(lambda b: b.name == "old", Box)
    statement, parameters = statements.update(where, changes("new", Money(5, "EUR")))
    assert str(statement).replace("\n", "") == (
        "UPDATE boxes SET version=(boxes.version + :version_1), name=:_a0_0, price_amount=:_a1_0, price_currency=:_a1_1"
        " WHERE boxes.name = :p0"
    )
    assert parameters == {"_a0_0": "new", "_a1_0": 5, "_a1_1": "EUR", "p0": "old"}


def test_nothing_lies_in_all_columns_of_a_value(statements: CriterionStatements) -> None:
    statement, parameters = statements.update(None, changes("new", None))
    assert "WHERE" not in str(statement)
    assert parameters == {"_a0_0": "new", "_a1_0": None, "_a1_1": None}


def test_a_statement_is_kept_for_its_shape(statements: CriterionStatements) -> None:
    built = [
        (statements.update(named(name), changes(name, None))[0], statements.delete(named(name))[0])
        for name in ("a", "b")
    ]
    assert built[0] == built[1]
    assert statements.delete(None)[0] is not built[0][1]


def test_a_field_without_a_column_is_refused(statements: CriterionStatements) -> None:
    with pytest.raises(TypeError, match="no field weight"):
        statements.update(None, (Assignment(Field(("weight",)), 1),))
