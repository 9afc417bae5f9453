"""What COPY would store otherwise than INSERT is not copied."""

from enum import Enum
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeDecorator

from cleanarch_kit.adapters.sqlalchemy import ScalarType, UtcDateTime
from cleanarch_kit.adapters.sqlalchemy.mapping.copied_types import CopiedTypes
from cleanarch_kit.adapters.sqlalchemy.types import stored_type
from cleanarch_kit.domain import Email


class Color(Enum):
    RED = "red"


class Shouted(sa.String):
    """A type that makes something of its values in SQL."""

    def bind_expression(self, bindvalue: sa.BindParameter[str]) -> sa.ColumnElement[str]:
        return sa.func.upper(bindvalue)


class Reversed(TypeDecorator[str]):
    impl = sa.String
    cache_ok = True


PSYCOPG = sa.create_engine("postgresql+psycopg://").dialect


def with_type(column: sa.Column[Any]) -> tuple[sa.Column[Any], sa.types.TypeEngine[Any]]:
    return column, stored_type(column)


def of(*types: Any, dialect: sa.Dialect = PSYCOPG) -> CopiedTypes | None:
    return CopiedTypes.of([with_type(sa.Column(f"c{at}", kind)) for at, kind in enumerate(types)], dialect)


def test_plain_columns_are_copied_with_values_of_their_very_type() -> None:
    types = of(sa.Uuid, sa.BigInteger, sa.String(9), sa.Enum(Color), UtcDateTime, ScalarType(Email), sa.LargeBinary)
    assert types is not None
    columns: list[list[object]] = [[uuid4(), None], [1, 2], ["a", None], ["RED"], [None], ["a@b.de"], [b"x"]]
    assert types.fit(columns)
    for at, other in enumerate(("a", True, 1, Color.RED, "now", Email("a@b.de"), "x")):
        assert not types.fit([*columns[:at], [*columns[at], other], *columns[at + 1 :]])


@pytest.mark.parametrize(
    "kind", [Shouted(), Reversed(), JSONB(), sa.JSON(), ARRAY(sa.Integer), sa.Interval(), sa.Time()]
)
def test_what_is_more_than_a_plain_value_is_not_copied(kind: Any) -> None:
    assert of(sa.Integer, kind) is None


def test_what_insert_refuses_is_not_copied() -> None:
    assert CopiedTypes.of([with_type(sa.Column("a", sa.Integer, sa.Identity(always=True)))], PSYCOPG) is None
    assert CopiedTypes.of([with_type(sa.Column("a", sa.Integer, sa.Computed("b + 1")))], PSYCOPG) is None
    assert CopiedTypes.of([with_type(sa.Column("a", sa.Integer, sa.Identity(always=False)))], PSYCOPG) is not None


def test_other_databases_do_not_copy() -> None:
    assert of(sa.Integer, dialect=sa.create_engine("sqlite://").dialect) is None
