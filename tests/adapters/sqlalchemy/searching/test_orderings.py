"""Orderings and places in them are exact on every database: ties, NULLs, mixed directions, both ways."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.searching.orderings import (
    OrderColumn,
    behind,
    order_columns,
    order_terms,
    reverse,
)
from cleanarch_kit.domain.criteria import Field, OrderKey

POSTGRESQL, MYSQL, SQLITE = (
    sa.make_url(f"{name}://").get_dialect()() for name in ("postgresql+asyncpg", "mysql+asyncmy", "sqlite+aiosqlite")
)
metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rank", sa.Integer),
    sa.Column("size", sa.Integer, nullable=False),
)
ROWS = [{"id": at, "rank": None if at % 3 == 0 else at % 4, "size": at % 2} for at in range(24)]


@dataclass
class Thing:
    id: int
    rank: int | None
    size: int


def expected(columns: tuple[OrderColumn, ...]) -> list[int]:
    ordered = list(ROWS)
    for key in reversed(columns):
        name = key.column.name
        present = sorted(
            (row for row in ordered if row[name] is not None), key=lambda row: row[name] or 0, reverse=key.descending
        )
        absent = [row for row in ordered if row[name] is None]
        ordered = absent + present if key.nulls_first else present + absent
    return [row["id"] or 0 for row in ordered]


ORDERINGS = (
    [
        (
            OrderColumn(things.c.rank, rank_down, nulls_first),
            OrderColumn(things.c.size, size_down, False),
            OrderColumn(things.c.id, id_down, False),
        )
        for rank_down, nulls_first, size_down, id_down in product([False, True], repeat=4)
    ]
    + [(OrderColumn(things.c.size, down, False), OrderColumn(things.c.id, down, False)) for down in (False, True)]
    + [
        (OrderColumn(things.c.size, True, False), OrderColumn(things.c.id, False, False)),
        (
            OrderColumn(things.c.rank, False, False),
            OrderColumn(things.c.rank, True, True),
            OrderColumn(things.c.id, False, False),
        ),
    ]
)


async def test_every_database_orders_and_goes_on_alike(engine: AsyncEngine) -> None:
    dialect = engine.dialect.name
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(things.insert(), ROWS)
        for columns in ORDERINGS:
            for way, wanted in ((columns, expected(columns)), (reverse(columns), expected(columns)[::-1])):
                statement = sa.select(things).order_by(*order_terms(way, dialect))
                rows = (await connection.execute(statement)).all()
                assert [row.id for row in rows] == wanted
                for at, row in enumerate(rows[::5]):
                    values = [row._mapping[key.column.name] for key in way]
                    place = behind(way, [value is None for value in values], dialect)
                    parameters = {f"_k{n}": value for n, value in enumerate(values) if value is not None}
                    rest = await connection.execute(statement.where(place), parameters)
                    assert [found.id for found in rest] == wanted[at * 5 + 1 :]


def sql(element: sa.ColumnElement[Any], dialect: sa.Dialect) -> str:
    return str(element.compile(dialect=dialect))


def test_a_uniform_order_of_columns_without_nulls_is_one_comparison_of_rows() -> None:
    columns = (OrderColumn(things.c.size, True, False), OrderColumn(things.c.id, True, False))
    assert sql(behind(columns, [False, False], "sqlite"), SQLITE) == "(things.size, things.id) < (?, ?)"
    assert "things.size <= %s AND (things.size < %s OR" in sql(behind(columns, [False, False], "mysql"), MYSQL)


@pytest.mark.parametrize(
    ("dialect", "descending", "nulls_first", "expected"),
    [
        (POSTGRESQL, False, False, ["things.rank ASC"]),
        (POSTGRESQL, True, False, ["things.rank DESC NULLS LAST"]),
        (POSTGRESQL, True, True, ["things.rank DESC"]),
        (SQLITE, False, False, ["things.rank ASC NULLS LAST"]),
        (SQLITE, True, False, ["things.rank DESC"]),
        (MYSQL, False, False, ["things.`rank` IS NULL ASC", "things.`rank` ASC"]),
        (MYSQL, True, True, ["things.`rank` IS NULL DESC", "things.`rank` DESC"]),
        (MYSQL, False, True, ["things.`rank` ASC"]),
    ],
)
def test_nulls_are_placed_only_where_the_database_would_not(
    dialect: sa.Dialect, descending: bool, nulls_first: bool, expected: list[str]
) -> None:
    terms = order_terms([OrderColumn(things.c.rank, descending, nulls_first)], dialect.name)
    assert [sql(term, dialect).replace("(", "").replace(")", "") for term in terms] == expected


def test_keys_become_columns() -> None:
    mapping = EntityMapping(Thing, things, MappingRules())
    keys = (OrderKey(Field(("rank",)), True, True), OrderKey(Field(("id",)), True, False))
    assert order_columns(keys, mapping) == (
        OrderColumn(things.c.rank, True, True),
        OrderColumn(things.c.id, True, False),
    )
