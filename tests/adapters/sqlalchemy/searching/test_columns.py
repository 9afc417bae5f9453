from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.aggregate_mapper import AggregateMapper
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.searching.columns import find_child, find_column, find_node
from cleanarch_kit.domain import Money
from cleanarch_kit.domain.criteria import Field


@dataclass
class Item:
    number: int


@dataclass
class User:
    id: int
    name: str
    balance: Money
    items: list[Item] = field(default_factory=list[Item])


metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("balance_amount", sa.BigInteger),
    sa.Column("balance_currency", sa.String),
)
items = sa.Table(
    "items", metadata, sa.Column("number", sa.Integer), sa.Column("user", sa.Integer, sa.ForeignKey("users.id"))
)
mapping = EntityMapping(User, users, MappingRules(elsewhere=("items",)))
AggregateMapper(mapping, {"items": Owned(items, key="number")})


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("nothing",), "User has no field nothing in a column of table 'users'"),
        (("name", "first"), "User has no field name.first in a column of table 'users'"),
        (("balance", "cents"), "User has no field balance.cents in a column of table 'users'"),
        (
            ("items",),
            "User.items lies in table 'items': write any_(o.items, lambda item: ...) for a condition on it,"
            " any_(o.items) for whether there is any",
        ),
    ],
)
def test_a_field_without_a_column_is_refused(path: tuple[str, ...], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        find_node(Field(path), mapping)
    assert str(caught.value) == message


def test_a_field_of_several_columns_is_refused_where_one_is_needed() -> None:
    assert find_column(Field(("balance", "amount")), mapping) is users.c.balance_amount
    with pytest.raises(TypeError, match=r"User\.balance lies in 2 columns: name one of its parts"):
        find_column(Field(("balance",)), mapping)


def test_what_an_entity_owns_is_found_by_its_field() -> None:
    child = find_child(Field(("items",)), mapping)
    assert child.mapping.table is items
    with pytest.raises(TypeError) as caught:
        find_child(Field(("name",)), mapping)
    assert str(caught.value) == (
        "User.name is nothing that the entity owns in a table of its own:"
        " any_() takes a field that stands in children = {...}"
    )
