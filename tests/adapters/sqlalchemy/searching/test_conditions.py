"""Compiled conditions mean what the tree means: every database against `evaluate`, value for value."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.aggregate_mapper import AggregateMapper
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.searching.conditions import compile_condition
from cleanarch_kit.domain import Email, Money, any_, contains, is_null, not_, one_of, present, starts_with
from cleanarch_kit.domain.criteria import Field, OneOf, parametrise
from cleanarch_kit.domain.evaluation import evaluate
from cleanarch_kit.domain.tracing import trace


class Role(Enum):
    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True)
class Period:
    start: int
    end: int | None


@dataclass
class User:
    id: int
    name: str
    email: Email
    role: Role
    kind: Role
    is_active: bool
    rank: int | None
    balance: Money
    bonus: Money | None
    period: Period | None


metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(100)),
    sa.Column("email", sa.String(100)),
    sa.Column("role", sa.String(10)),
    sa.Column("kind", sa.Enum(Role)),
    sa.Column("is_active", sa.Boolean),
    sa.Column("rank", sa.Integer),
    sa.Column("balance_amount", sa.BigInteger),
    sa.Column("balance_currency", sa.String(3)),
    sa.Column("bonus_amount", sa.BigInteger),
    sa.Column("bonus_currency", sa.String(3)),
    sa.Column("period_start", sa.Integer),
    sa.Column("period_end", sa.Integer),
    mysql_collate="utf8mb4_nopad_bin",
)
mapping = EntityMapping(User, users, MappingRules())
NAMES = ["Ada", "ada", "100%", "a_b", "a/b", "a\\b", "(x)", "", "Ärger", "o'neil", "x%_/y"]
PEOPLE = [
    User(
        id=at,
        name=name,
        email=Email(f"user{at}@example.com"),
        role=Role.ADMIN if at % 3 else Role.USER,
        kind=Role.USER if at % 2 else Role.ADMIN,
        is_active=at % 2 == 0,
        rank=None if at % 4 == 0 else at,
        balance=Money(at - 5, "EUR" if at % 2 else "USD"),
        bonus=None if at % 3 == 0 else Money(at - 5, "EUR"),
        period=None if at % 5 == 0 else Period(at, None if at % 2 else 9),
    )
    for at, name in enumerate(NAMES)
]


def containing(part: str) -> Callable[[User], bool]:
    return lambda u: contains(u.name, part)


def starting(part: str) -> Callable[[User], bool]:
    return lambda u: starts_with(u.name, part)


CRITERIA: dict[str, Callable[[User], bool]] = {
    "equal": lambda u: u.name == "Ada",
    "not equal": lambda u: u.name != "Ada",
    "case": lambda u: u.name == "ada",
    "empty": lambda u: u.name == "",
    "value": lambda u: u.email == Email("user3@example.com"),
    "content of a value": lambda u: u.email.value == "user3@example.com",
    "enum in text": lambda u: u.role == Role.ADMIN,
    "enum column": lambda u: u.kind == Role.ADMIN,
    "enum of": lambda u: one_of(u.kind, [Role.ADMIN]),
    "greater": lambda u: present(u.rank) > 5,
    "not greater": lambda u: not_(present(u.rank) > 5),
    "null": lambda u: is_null(u.rank),
    "not null": lambda u: not_(is_null(u.rank)),
    "truth": lambda u: u.is_active,
    "not truth": lambda u: not_(u.is_active),
    "and": lambda u: (u.is_active) & (present(u.rank) > 2),
    "or": lambda u: (u.is_active) | (present(u.rank) > 2),
    "not or": lambda u: not_((u.is_active) | (present(u.rank) > 2)),
    "part": lambda u: u.balance.amount < 0,
    "part of an optional": lambda u: present(u.bonus).amount > 0,
    "composite": lambda u: u.balance == Money(-2, "EUR"),
    "not composite": lambda u: u.balance != Money(-2, "EUR"),
    "optional composite": lambda u: present(u.bonus) == Money(-1, "EUR"),
    "not optional composite": lambda u: present(u.bonus) != Money(-1, "EUR"),
    "composite is null": lambda u: is_null(u.bonus),
    "composite with an open end": lambda u: present(u.period) == Period(3, None),
    "composite with an end": lambda u: present(u.period) == Period(2, 9),
    "not composite with an end": lambda u: not_(present(u.period) == Period(2, 9)),
    "fields": lambda u: u.balance.amount == present(u.bonus).amount,
    "composites": lambda u: u.balance == present(u.bonus),
    "not composites": lambda u: u.balance != present(u.bonus),
    "none of": lambda u: one_of(u.rank, []),
    "not none of": lambda u: not_(one_of(u.rank, [])),
    "one of": lambda u: one_of(u.rank, [1, 2, 3, 99]),
    "not one of": lambda u: not_(one_of(u.rank, [1, 2, 3, 99])),
    **{f"contains {part!r}": containing(part) for part in ("%", "_", "/", "\\", "(", "a", "", "'", "%_/")},
    **{f"starts with {part!r}": starting(part) for part in ("a", "A", "1", "x%_", "")},
    "contains, any case": lambda u: contains(u.name, "DA", ignore_case=True),
    "starts, any case": lambda u: starts_with(u.name, "aD", ignore_case=True),
    "contains in a value": lambda u: contains(u.email, "ser1"),
    "not contains": lambda u: not_(contains(u.name, "a")),
}


async def test_every_database_finds_what_python_finds(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        rows = [
            dict(zip((column.name for column in mapping.columns), mapping.dump(user), strict=True)) for user in PEOPLE
        ]
        await connection.execute(users.insert(), rows)
        for name, criterion in CRITERIA.items():
            node = trace(criterion, User)
            condition = compile_condition(node, mapping, engine.dialect.name)
            statement = sa.select(users.c.id).where(condition.clause).order_by(users.c.id)
            found = (await connection.execute(statement, condition.bind(parametrise(node)[1]))).scalars().all()
            assert list(found) == [user.id for user in PEOPLE if evaluate(node, user)], name


def test_one_condition_serves_every_tree_of_its_shape() -> None:
    def criterion(name: str, ranks: list[int]) -> Any:
        return trace(lambda u: (u.name == name) & one_of(u.rank, ranks) & contains(u.name, name), User)

    first, second = criterion("a", [1]), criterion("b_", [2, 3])
    assert parametrise(first)[0] == parametrise(second)[0]
    condition = compile_condition(first, mapping, "postgresql")
    assert condition.bind(parametrise(second)[1]) == {"p0": "b_", "p1": [2, 3], "p2": "%b/_%"}


def test_a_field_of_several_columns_is_none_of_several_values() -> None:
    with pytest.raises(TypeError, match=r"User\.balance has several parts: compare with =="):
        compile_condition(OneOf(Field(("balance",)), (Money(1, "EUR"),)), mapping, "sqlite")


@dataclass
class Part:
    name: str


@dataclass
class Piece:
    number: int
    text: str
    parts: list[Part] = field(default_factory=list[Part])


@dataclass
class Whole:
    id: int
    text: str = ""
    pieces: list[Piece] = field(default_factory=list[Piece])


def test_what_is_owned_is_asked_for_by_exists_on_each_level() -> None:
    tables = sa.MetaData()
    wholes = sa.Table("wholes", tables, sa.Column("id", sa.Integer), sa.Column("text", sa.String))
    pieces = sa.Table(
        "pieces",
        tables,
        sa.Column("number", sa.Integer),
        sa.Column("text", sa.String),
        sa.Column("whole", sa.Integer, sa.ForeignKey("wholes.id")),
    )
    parts = sa.Table(
        "parts", tables, sa.Column("name", sa.String), sa.Column("piece", sa.Integer, sa.ForeignKey("pieces.number"))
    )
    owner = EntityMapping(Whole, wholes, MappingRules(elsewhere=("pieces",)))
    AggregateMapper(owner, {"pieces": Owned(pieces, key="number", children={"parts": Owned(parts, key="name")})})

    def criterion(text: str, name: str) -> Callable[[Whole], bool]:
        return lambda w: (
            (w.text == text)
            & not_(any_(w.pieces, lambda p: (p.text != text) & any_(p.parts, lambda it: it.name == name)))
            & (w.text != name)
        )

    node = trace(criterion("a", "b"), Whole)
    condition = compile_condition(node, owner, "sqlite")
    assert " ".join(str(sa.select(wholes.c.id).where(condition.clause)).split()) == (
        "SELECT wholes.id FROM wholes WHERE wholes.text = :p0"
        " AND NOT (EXISTS (SELECT 1 FROM pieces WHERE pieces.whole = wholes.id AND pieces.text != :p1"
        " AND (EXISTS (SELECT 1 FROM parts WHERE parts.piece = pieces.number AND parts.name = :p2))))"
        " AND wholes.text != :p3"
    )
    assert condition.bind(parametrise(node)[1]) == {"p0": "a", "p1": "a", "p2": "b", "p3": "b"}
