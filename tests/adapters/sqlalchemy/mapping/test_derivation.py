"""What fits is found, and what is left over is named, with its table."""

from dataclasses import dataclass, field
from enum import Enum

import pytest
import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from cleanarch_kit.adapters.sqlalchemy import ScalarType
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules, derive
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import Composite, Leaf, Wrapped
from cleanarch_kit.domain import Email, Money
from cleanarch_kit.errors import MappingError


class Role(Enum):
    ADMIN = "admin"


@dataclass(frozen=True)
class Sku:
    code: str


class MoneyAsText(TypeDecorator[Money]):
    impl = sa.String
    cache_ok = True


def table(*columns: sa.Column[object] | str) -> sa.Table:
    made = [sa.Column(item, sa.String) if isinstance(item, str) else item for item in columns]
    return sa.Table("things", sa.MetaData(), *made)


def test_each_kind_of_field_finds_its_columns() -> None:
    @dataclass
    class Thing:
        id: int
        email: Email
        role: Role
        sku: Sku
        price: Money | None

    derived = derive(Thing, table("id", "email", "role", "sku", "price_amount", "price_currency"), MappingRules())
    email, role, sku, price = (derived.nodes[name] for name in ("email", "role", "sku", "price"))
    assert isinstance(email, Wrapped)
    assert isinstance(role, Wrapped)
    assert isinstance(sku, Composite)
    assert isinstance(price, Composite)
    assert price.optional
    assert [column.name for column in derived.columns] == [
        "id",
        "email",
        "role",
        "sku",
        "price_amount",
        "price_currency",
    ]


def test_a_column_that_gives_the_value_itself_is_not_unwrapped() -> None:
    @dataclass
    class Thing:
        id: int
        email: Email
        role: Role
        price: Money

    derived = derive(
        Thing,
        table(
            "id",
            sa.Column("email", ScalarType(Email)),
            sa.Column("role", sa.Enum(Role)),
            sa.Column("price", MoneyAsText()),
        ),
        MappingRules(),
    )
    assert all(isinstance(node, Leaf) for node in derived.nodes.values())


def test_names_can_be_given() -> None:
    @dataclass
    class Thing:
        id: int
        email: Email
        price: Money

    rules = MappingRules({"email": "mail", "price": ("amt", "cur")})
    derived = derive(Thing, table("id", "mail", "amt", "cur"), rules)
    assert [column.name for column in derived.columns] == ["id", "mail", "amt", "cur"]


def test_what_the_constructor_does_not_take_comes_from_a_column_or_a_default() -> None:
    @dataclass
    class Thing:
        id: int
        version: int = field(default=0, init=False)
        seen: list[str] = field(default_factory=list[str], init=False)
        kind: str = field(default="thing", init=False)

    derived = derive(Thing, table("id", "version"), MappingRules())
    assert list(derived.nodes) == ["id", "version"]
    assert {name: default() for name, default in derived.defaults.items()} == {"seen": [], "kind": "thing"}


@dataclass
class Plain:
    id: int
    name: str


@dataclass
class Priced:
    id: int
    price: Money


@dataclass
class Late:
    id: int
    total: int = field(init=False)


@dataclass
class Owning:
    id: int
    lines: list[Plain]


@dataclass
class Nameless:
    name: str


@pytest.mark.parametrize(
    ("entity", "columns", "rules", "message"),
    [
        (
            Plain,
            ("id",),
            MappingRules(),
            "Plain.name: no column 'name' in table 'things'. Add it, or name another one in columns = {'name': ...}",
        ),
        (
            Priced,
            ("id", "price_amount"),
            MappingRules(),
            "Priced.price.currency: no column 'price_currency' in table 'things'."
            " Add it, or name another one in columns = {'price': ...}",
        ),
        (
            Priced,
            ("id", "amt"),
            MappingRules({"price": ("amt",)}),
            "Priced.price.currency: too few columns in table 'things'."
            " Add it, or name another one in columns = {'price': ...}",
        ),
        (
            Owning,
            ("id",),
            MappingRules(),
            "Owning.lines: no column 'lines' in table 'things'."
            " Add it, or name another one in columns = {'lines': ...};"
            " rows of another table are named in children = {'lines': Owned(...)}",
        ),
        (
            Plain,
            ("id", "a", "b"),
            MappingRules({"name": ("a", "b")}),
            "Plain.name has no part for column 'b' of table 'things'",
        ),
        (
            Plain,
            ("id", "name", "extra"),
            MappingRules(),
            "column 'extra' of table 'things' belongs to no field of Plain. Add the field, map one in"
            " columns = {...}, or leave the column out with ignored_columns = ('extra',)",
        ),
        (Plain, ("id", "name"), MappingRules({"nme": "name"}), "Plain and table 'things' have no 'nme'"),
        (Plain, ("id", "name"), MappingRules(ignored=("old",)), "Plain and table 'things' have no 'old'"),
        (
            Late,
            ("id",),
            MappingRules(),
            "Late.total is not taken by the constructor, has no default and no column in table 'things':"
            " give it one of these",
        ),
        (
            Nameless,
            ("name",),
            MappingRules(),
            "Nameless has no field 'id' in a column of table 'things' that says which row it is",
        ),
        (int, ("id",), MappingRules(), "int is no dataclass: override to_entity and to_row to say how it is stored"),
    ],
)
def test_what_does_not_fit_is_named(
    entity: type[object], columns: tuple[str, ...], rules: MappingRules, message: str
) -> None:
    with pytest.raises(MappingError) as caught:
        derive(entity, table(*columns), rules)
    assert str(caught.value) == message


def test_ignored_columns_and_fields_elsewhere_are_left_out() -> None:
    rules = MappingRules(elsewhere=("name",), ignored=("search_vector",))
    assert list(derive(Plain, table("id", "search_vector"), rules).nodes) == ["id"]


def test_with_code_of_ones_own_only_what_fits_is_derived() -> None:
    class Anything:
        id: int

    derived = derive(Anything, table("id", "payload", "noise"), MappingRules(own_code=True, ignored=("noise",)))
    assert {"id", "payload"} <= set(derived.nodes)
    assert [column.name for column in derived.columns] == ["id", "payload"]
