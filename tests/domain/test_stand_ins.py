"""Every misuse of a criterion is a TypeError that says what to write."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from cleanarch_kit.domain import (
    AggregateRoot,
    Email,
    EntityId,
    Money,
    asc,
    contains,
    desc,
    is_null,
    not_,
    one_of,
    present,
    starts_with,
)
from cleanarch_kit.domain.criteria import Comparison, Field, OrderKey, Truth, Value
from cleanarch_kit.domain.stand_ins import TracedField, order_key
from cleanarch_kit.domain.tracing import trace
from cleanarch_kit.errors import InputError


class UserId(EntityId): ...


class Role(StrEnum):
    ADMIN = "admin"


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    email: Email
    name: str
    balance: Money
    born: datetime
    role: Role = Role.ADMIN
    is_active: bool = True
    rank: int | None = None
    bonus: Money | None = None
    tags: list[str]

    @property
    def display_name(self) -> str:
        return self.name.title()

    def is_grown_up(self) -> bool:
        return True


class Loose:
    """A class that says nothing of its fields."""


ADA = UserId.new()
NOTHING: Any = None
FIVE: Any = 5
NAN = float("nan")
NAIVE = datetime(2024, 5, 1)  # noqa: DTZ001 - that is the point
INSTEAD = (
    "write (a) & (b) for and, (a) | (b) for or, not_(a) for not, one_of(x, values) for in,"
    " (a < x) & (x < b) for a < x < b, and decide with if before the lambda"
)
TRUTH = f"a criterion is neither true nor false while it is read: {INSTEAD}"
COMPARED = f"a condition cannot be compared: put comparisons in parentheses, and {INSTEAD}"
CALLED = (
    "a criterion cannot call name(): it compares stored fields; write contains(field, text), starts_with(field, text),"
    " with ignore_case=True where case does not matter"
)
WHOLE = (
    "cannot be used in a criterion, which compares whole fields: compare the field itself,"
    " or write contains(field, text) or starts_with(field, text)"
)

MISUSES: list[tuple[Callable[[Any], Any], str]] = [
    # truth
    (lambda u: u.is_active and u.name == "x", TRUTH),
    (lambda u: u.name == "x" and u.is_active, TRUTH),
    (lambda u: u.is_active or u.name == "x", TRUTH),
    (lambda u: u.name == "x" or u.is_active, TRUTH),
    (lambda u: not u.is_active, TRUTH),
    (lambda u: not (u.rank > 1), TRUTH),
    (lambda u: u.is_active if u.rank else u.name, TRUTH),
    (lambda u: bool(u.is_active), TRUTH),
    (lambda u: 1 < u.rank < 5, TRUTH),
    (lambda u: u.name in ("x", "y"), TRUTH),
    (lambda u: u.name in ["x", "y"], TRUTH),
    (lambda u: all([u.is_active, u.name == "x"]), TRUTH),
    (lambda u: (u.rank > 1) + 1, "unsupported operand"),
    # in, sets, loops
    (
        lambda u: u.name in {"x", "y"},
        "a criterion cannot look a field up in a set or dict: write one_of(field, values)",
    ),
    (lambda u: {"x": True}[u.name], "a criterion cannot look a field up in a set or dict: write one_of(field, values)"),
    (
        lambda u: "x" in u.name,
        "a criterion cannot use in: write contains(field, text) for text, one_of(field, values) for values",
    ),
    (
        lambda u: any(tag == "x" for tag in u.tags),
        "a criterion cannot go through a field: write any_(o.lines, lambda line: ...) for what the entity owns",
    ),
    (lambda u: u.name[0] == "x", "a criterion cannot look into name: it compares whole fields"),
    # None
    (lambda u: u.rank == None, "nothing is == None, in SQL: write is_null(u.rank)"),  # noqa: E711
    (lambda u: u.rank != None, "nothing is != None, in SQL: write not_(is_null(u.rank))"),  # noqa: E711
    (
        lambda u: u.rank is None,
        "False is no condition: a criterion compares fields of the entity; write is_null(field)",
    ),
    (lambda u: u.rank is not None, "True is no condition: a criterion compares fields of the entity; write is_null("),
    (lambda u: u.rank > None, "nothing is > None, in SQL: write is_null(u.rank)"),
    (
        lambda u: one_of(u.rank, [1, None]),
        "nothing equals None, in SQL: write one_of(u.rank, values) | is_null(u.rank)",
    ),
    (
        lambda u: contains(u.name, NOTHING),
        "contains(u.name, None) finds nothing: pass None in place of the whole criterion",
    ),
    # calls, text, arithmetic
    (lambda u: u.name.lower() == "x", f"str.lower {WHOLE}"),
    (lambda u: u.name.startswith("x"), f"str.startswith {WHOLE}"),
    (lambda u: u.email.value.upper, f"str.upper {WHOLE}"),
    (lambda u: u.role.value == "admin", f"Role.value {WHOLE}"),
    (lambda u: u.name() == "x", CALLED),
    (lambda u: u.is_grown_up(), "User has no stored field 'is_grown_up': it has id, version, email, name,"),
    (lambda u: u.display_name == "Ada", "User has no stored field 'display_name': it has id, version,"),
    (lambda u: str(u.name) == "x", "a field has no text while a criterion is read: compare it as it is"),
    (lambda u: f"{u.name}" == "x", "a field has no text while a criterion is read: compare it as it is"),
    (lambda u: u.rank + 1 == 2, "a criterion cannot compute with rank: compute the other side before the lambda"),
    (lambda u: 1 - u.rank > 2, "a criterion cannot compute with rank: compute the other side before the lambda"),
    (lambda u: -u.rank > 2, "a criterion cannot compute with rank: compute the other side before the lambda"),
    (lambda u: len(u.name) > 2, "a criterion cannot compute with name: compute the other side before the lambda"),
    (lambda u: int(u.rank) > 2, "a criterion cannot compute with rank: compute the other side before the lambda"),
    (lambda u: ~u.is_active, "a criterion is negated by not_(condition), not by ~, which is arithmetic on a bool"),
    (lambda u: ~(u.name == "x"), "a criterion is negated by not_(condition), not by ~, which is arithmetic on a bool"),
    # fields
    (lambda u: u.nmae == "x", "User has no stored field 'nmae': did you mean 'name'?"),
    (lambda u: u.balance.amuont > 1, "Money has no stored field 'amuont': did you mean 'amount'?"),
    (lambda u: u._pending_events == "x", "User has no stored field '_pending_events': it has id, version,"),
    # the other side
    (
        lambda u: u.name == ["x"],
        "name cannot be compared with a value of type list: use a plain value, a value object or an enum member;"
        " for several values write one_of(field, values)",
    ),
    (lambda u: u.name == object(), "name cannot be compared with a value of type object: use a plain value,"),
    (lambda u: u.name == Money, "name cannot be compared with a value of type type: use a plain value,"),
    (lambda u: u.rank > NAN, "rank is compared with nan, which equals and orders nothing: use a finite number"),
    (
        lambda u: u.rank == Decimal("Infinity"),
        "rank is compared with Infinity, which equals and orders nothing: use a finite number",
    ),
    (
        lambda u: u.born < NAIVE,
        "born is compared with a naive datetime, which names no instant: give it a time zone",
    ),
    (lambda u: u.balance < Money(1, "EUR"), "balance has several parts: compare one of them, such as balance.amount"),
    (
        lambda u: u == ADA,
        "a comparison reads a field of the entity, not the entity as a whole: write u.id, for example",
    ),
    (lambda u: u.name == u, "a comparison reads a field of the entity, not the entity as a whole: write u.id,"),
    (lambda u: (u.name == "x") == True, COMPARED),  # noqa: E712
    (lambda u: (u.name == "x") < (u.rank == 1), COMPARED),
    (
        lambda u: u.name == "x" & u.is_active,
        "& and | join conditions, not a value of type str: they bind more tightly than comparisons,"
        " so write (u.name == name) & (u.rank > 1)",
    ),
    (lambda u: u.rank > 1 & u.is_active, "& and | join conditions, not a value of type int:"),
    # conditions
    (lambda u: u.name, "name is no condition: compare it, for example u.name == value"),
    (lambda u: u.name & u.is_active, "name is no condition: compare it, for example u.name == value"),
    (lambda u: not_(u.rank), "rank is no condition: compare it, for example u.rank == value"),
    (lambda u: u, "a criterion reads a field of the entity, not the entity as a whole: write u.id, for example"),
    (lambda u: None, "a criterion gives a condition, such as u.name == name, not None"),
    (lambda u: "x", "a criterion gives a condition, such as u.name == name, not a value of type str"),
    (
        lambda u: (u.name == "x", u.is_active),
        "a criterion gives a condition, such as u.name == name, not a value of type tuple",
    ),
    (
        lambda u: True,
        "True is no condition: a criterion compares fields of the entity; write is_null(field) for is None,"
        " pass None for no criterion, and decide with if before the lambda",
    ),
    (lambda u: (u.name == "x") & True, "True is no condition: a criterion compares fields of the entity;"),
    (lambda u: True & (u.name == "x"), "True is no condition: a criterion compares fields of the entity;"),
    (lambda u: False | (u.name == "x"), "False is no condition: a criterion compares fields of the entity;"),
    (lambda u: False | u.is_active, "False is no condition: a criterion compares fields of the entity;"),
    # the words
    (
        lambda u: contains(u.balance, "x"),  # the type checker says so, too
        "balance is no text: contains() takes a field with text",
    ),
    (lambda u: starts_with(u.id, "x"), "id is no text: starts_with() takes a field with text"),
    (lambda u: starts_with(u.rank, "x"), "rank is no text: starts_with() takes a field with text"),
    (
        lambda u: contains("x", u.name),
        "contains() reads a field of the entity, such as u.name in lambda u: ..., not a value of type str",
    ),
    (
        lambda u: contains(u.name, u.email),
        "contains(u.name, text) takes a text that is known before, not another field",
    ),
    (lambda u: contains(u, "x"), "contains() reads a field of the entity, not the entity as a whole: write u.id,"),
    (lambda u: one_of(u.name, "xy"), "one_of(u.name, ...) takes several values: put the text into a list"),
    (lambda u: one_of(u.name, FIVE), "not iterable"),
    (
        lambda u: one_of("x", [u.name]),
        "one_of() reads a field of the entity, such as u.name in lambda u: ..., not a value",
    ),
    (lambda u: one_of(u.name, [u.email]), "name cannot be compared with a value of type TracedField"),
    (lambda u: is_null(None), "is_null() reads a field of the entity, such as u.name in lambda u: ..., not None"),
    (
        lambda u: is_null(u.name == "x"),
        "is_null() reads a field of the entity, such as u.name in lambda u: ..., not a value",
    ),
    (
        lambda u: present(NOTHING) > 1,
        "present() reads a field of the entity, such as u.name in lambda u: ..., not None",
    ),
]


@pytest.mark.parametrize(("misuse", "message"), MISUSES, ids=range(len(MISUSES)))
def test_a_misuse_says_what_to_write(misuse: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        trace(misuse, User)
    assert message in str(caught.value)


BLIND_MISUSES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda u: u.name.lower() == "x", "a criterion cannot call name.lower(): it compares stored fields;"),
    (lambda u: u._name == "x", "'_name' is private: a criterion compares public fields"),
    (lambda u: u.name and u.rank, TRUTH),
]


@pytest.mark.parametrize(("misuse", "message"), BLIND_MISUSES)
def test_the_same_without_knowing_the_class(misuse: Callable[[Any], Any], message: str) -> None:
    for entity in (None, Loose):
        with pytest.raises(TypeError) as caught:
            trace(misuse, entity)
        assert message in str(caught.value)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_no_store_can_hold_is_bad_input(text: str) -> None:
    criteria: list[Callable[[Any], Any]] = [
        lambda u: u.name == text,
        lambda u: contains(u.name, text),
        lambda u: one_of(u.name, [text]),
    ]
    for criterion in criteria:
        with pytest.raises(InputError, match="text in a criterion must not contain"):
            trace(criterion, User)


@pytest.mark.parametrize(
    "value",
    [
        "x",
        1,
        1.5,
        True,
        Decimal("1.5"),
        b"x",
        ADA,
        ADA.value,
        Role.ADMIN,
        Email("a@b.co"),
        Money(1, "EUR"),
        datetime.now(UTC),
    ],
    ids=type,
)
def test_values_that_can_be_stored_can_be_compared(value: object) -> None:
    criterion: Callable[[Any], Any] = lambda u: u.name == value  # noqa: E731 - it is one
    assert trace(criterion, User) == Comparison("==", Field(("name",)), Value(value))


def test_a_value_may_stand_on_the_left() -> None:
    criterion: Callable[[User], bool] = lambda u: 5 < present(u.rank)  # noqa: E731, SIM300 - that is the point
    assert trace(criterion, User) == Comparison(">", Field(("rank",)), Value(5))


def test_any_field_goes_where_nothing_is_known() -> None:
    criterion: Callable[[Any], Any] = lambda u: u.a.b.c == 1  # noqa: E731 - it is one
    assert trace(criterion) == Comparison("==", Field(("a", "b", "c")), Value(1))
    assert trace(lambda u: u.flag, Loose) == Truth(Field(("flag",)))  # type: ignore[attr-defined]  # pyright: ignore


def test_stand_ins_show_themselves_to_a_debugger_only() -> None:
    shown: list[str] = []

    def criterion(u: User) -> bool:
        shown.extend([repr(u.name), repr(u.is_active & (u.name == "x"))])
        return u.is_active

    trace(criterion, User)
    assert shown[0] == "<field name>"
    assert shown[1].startswith("<condition And(")


def test_protocols_that_look_for_dunders_find_none() -> None:
    field = TracedField(Field(("name",)), str)
    assert not hasattr(field, "__array__")
    assert not hasattr(field, "__html__")


def test_order_keys() -> None:
    name = TracedField(Field(("name",)), str)
    key = OrderKey(Field(("name",)), descending=True, nulls_first=False)
    assert order_key(name) == OrderKey(Field(("name",)), descending=False, nulls_first=False)
    assert order_key(desc(name)) == order_key(key) == key
    assert order_key(asc(name, nulls_first=True)) == OrderKey(Field(("name",)), descending=False, nulls_first=True)
    with pytest.raises(TypeError, match=r"balance has several parts: order by one of them, such as balance\.amount"):
        order_key(TracedField(Field(("balance",)), Money))
