"""The tree in memory means what it means in SQL; SQLite is the judge."""

import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import pytest

from cleanarch_kit.domain import Email, Money
from cleanarch_kit.domain.criteria import (
    And,
    AnyOf,
    Comparison,
    Field,
    IsNull,
    Node,
    Not,
    OneOf,
    Operator,
    Or,
    TextMatch,
    Truth,
    Value,
)
from cleanarch_kit.domain.evaluation import evaluate, field_value, plain_value

NUMBERS = [None, 0, 1, 2, 3]
TEXTS = [None, "", "a", "A", "ab", "Ab", "%", "_", "a%b", "\\", "ä", "Ä"]
FLAGS = [None, True, False]
ROWS = Field(("rows",))
NUMERIC = [Field(("n",)), Field(("m",))]
TEXTUAL = [Field(("s",)), Field(("t",))]


@dataclass
class Row:
    n: int | None
    m: int | None
    s: str | None
    t: str | None
    b: bool | None
    rows: list["Row"] = field(default_factory=list["Row"])


def random_row(rng: random.Random, depth: int = 2) -> Row:
    rows = [random_row(rng, depth - 1) for _ in range(rng.randint(0, 2))] if depth else []
    return Row(rng.choice(NUMBERS), rng.choice(NUMBERS), rng.choice(TEXTS), rng.choice(TEXTS), rng.choice(FLAGS), rows)


def random_node(rng: random.Random, depth: int) -> Node:
    if depth and rng.random() < 0.6:
        operands = tuple(random_node(rng, depth - 1) for _ in range(rng.randint(2, 3)))
        return rng.choice((And(operands), Or(operands), Not(operands[0]), AnyOf(ROWS, operands[0])))
    leaves: Sequence[Callable[[], Node]] = (
        lambda: _comparison(rng, NUMERIC, NUMBERS),
        lambda: _comparison(rng, TEXTUAL, TEXTS),
        lambda: _text_match(rng),
        lambda: OneOf(rng.choice(NUMERIC), tuple(rng.sample([0, 1, 2, 3], rng.randint(0, 3)))),
        lambda: IsNull(rng.choice(NUMERIC + TEXTUAL)),
        lambda: Truth(Field(("b",))),
        lambda: AnyOf(ROWS, None),
    )
    return rng.choice(leaves)()


def _comparison(rng: random.Random, of: Sequence[Field], values: Sequence[object]) -> Comparison:
    operator: Operator = rng.choice(("==", "!=", "<", "<=", ">", ">="))
    right = rng.choice(of) if rng.random() < 0.3 else Value(rng.choice(values[1:]))
    return Comparison(operator, rng.choice(of), right)


def _text_match(rng: random.Random) -> TextMatch:
    kind: Literal["contains", "starts_with"] = rng.choice(("contains", "starts_with"))
    return TextMatch(kind, rng.choice(TEXTUAL), str(rng.choice(TEXTS[1:])), rng.random() < 0.5)


class Judge:
    """SQLite, asked for what a condition gives: 1, 0 or NULL."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def of(self, node: Node, row: Row) -> bool | None:
        values: list[object] = []
        sql = self._sql(node, row, values)
        (result,) = self.connection.execute(f"SELECT {sql}", values).fetchone()
        return None if result is None else bool(result)

    def _sql(self, node: Node, row: Row, values: list[object]) -> str:
        match node:
            case And(operands) | Or(operands):
                word = " AND " if isinstance(node, And) else " OR "
                return f"({word.join(self._sql(operand, row, values) for operand in operands)})"
            case Not(operand):
                return f"(NOT {self._sql(operand, row, values)})"
            case AnyOf(_, condition):
                wheres = ["1" if condition is None else self._sql(condition, item, values) for item in row.rows]
                return " OR ".join(f"EXISTS (SELECT 1 WHERE {where})" for where in wheres).join("()") if wheres else "0"
            case Comparison(operator, left, right):
                other = right.value if isinstance(right, Value) else getattr(row, right.path[0])
                values += [getattr(row, left.path[0]), other]
                return f"(? {operator} ?)"
            case _:
                values.append(getattr(row, node.field.path[0]))
                return self._of_one_field(node, values)

    def _of_one_field(self, node: TextMatch | OneOf | IsNull | Truth, values: list[object]) -> str:
        match node:
            case TextMatch(kind, _, text, ignore_case):
                values.append(text)
                arguments = "lower(?), lower(?)" if ignore_case else "?, ?"
                return f"(instr({arguments}) {'= 1' if kind == 'starts_with' else '> 0'})"
            case OneOf(_, items):
                values += items
                return f"(? IN ({', '.join('?' * len(items))}))"
            case IsNull():
                return "(? IS NULL)"
            case Truth():
                return "?"


def test_a_random_tree_gives_what_sqlite_gives() -> None:
    rng = random.Random(20240501)  # noqa: S311 - a seed, not a secret
    seen = {True: 0, False: 0, None: 0}
    with closing(sqlite3.connect(":memory:")) as connection:
        judge = Judge(connection)
        for _ in range(6_000):
            node, row = random_node(rng, 3), random_row(rng)
            result = evaluate(node, row)
            assert result is judge.of(node, row), (node, row)
            seen[result] += 1
    assert min(seen.values()) > 500


class Role(Enum):
    ADMIN = "admin"
    USER = "user"


@dataclass
class Account:
    email: Email | None = None
    balance: Money | None = None
    role: Role | None = None


ACCOUNT = Account(Email("ada@example.com"), Money(5, "EUR"), Role.ADMIN)
EMPTY = Account()


@pytest.mark.parametrize(
    ("node", "of_account", "of_empty"),
    [
        (Comparison("==", Field(("email",)), Value(Email("Ada@Example.com"))), True, None),
        (Comparison("==", Field(("email",)), Value("ada@example.com")), True, None),
        (Comparison("<", Field(("email", "value")), Value("b")), True, None),
        (TextMatch("starts_with", Field(("email",)), "ADA", True), True, None),
        (Comparison("==", Field(("balance",)), Value(Money(5, "EUR"))), True, None),
        (Comparison("!=", Field(("balance",)), Value(Money(5, "USD"))), True, None),
        (Comparison(">", Field(("balance", "amount")), Value(5)), False, None),
        (Comparison("==", Field(("role",)), Value(Role.ADMIN)), True, None),
        (Comparison(">", Field(("role",)), Value(Role.USER)), False, None),
        (OneOf(Field(("role",)), (Role.USER, Role.ADMIN)), True, None),
        (OneOf(Field(("email",)), (Email("x@example.com"),)), False, None),
        (OneOf(Field(("email",)), ()), False, False),
        (Not(OneOf(Field(("email",)), ())), True, True),
        (IsNull(Field(("balance", "amount"))), False, True),
    ],
)
def test_values_are_compared_by_what_they_hold(node: Node, of_account: bool | None, of_empty: bool | None) -> None:
    assert evaluate(node, ACCOUNT) is of_account
    assert evaluate(node, EMPTY) is of_empty


def test_only_ascii_letters_are_folded() -> None:
    assert evaluate(TextMatch("contains", Field(("s",)), "ä", True), Row(0, 0, "Ä", None, None)) is False


def test_the_plain_value_at_the_end_of_a_path() -> None:
    assert field_value(Field(("email",)), ACCOUNT) == "ada@example.com"
    assert field_value(Field(("balance", "currency")), ACCOUNT) == "EUR"
    assert field_value(Field(("balance", "currency")), EMPTY) is None
    assert plain_value(Role.USER) == "user"
    assert plain_value(7) == 7
