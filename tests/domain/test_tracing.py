from dataclasses import dataclass
from typing import Any, cast

import pytest

from cleanarch_kit.domain import (
    AggregateRoot,
    Email,
    EntityId,
    Money,
    Specification,
    asc,
    contains,
    desc,
    everything,
    is_null,
    not_,
    one_of,
    present,
    starts_with,
)
from cleanarch_kit.domain.criteria import (
    And,
    Comparison,
    Criterion,
    Field,
    IsNull,
    Node,
    Not,
    OneOf,
    Or,
    Ordering,
    OrderKey,
    TextMatch,
    Truth,
    Value,
)
from cleanarch_kit.domain.tracing import trace, trace_all, trace_ordering


class UserId(EntityId): ...


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    email: Email
    name: str
    balance: Money
    is_active: bool = True
    rank: int | None = None
    bonus: Money | None = None


NAME, RANK, ACTIVE = Field(("name",)), Field(("rank",)), Truth(Field(("is_active",)))
IS_X = Comparison("==", NAME, Value("x"))
ADA = UserId.new()


CRITERIA: list[tuple[Criterion[User], Node]] = [
    (lambda u: u.name == "x", IS_X),
    (lambda u: u.name != "x", Comparison("!=", NAME, Value("x"))),
    (lambda u: present(u.rank) < 1, Comparison("<", RANK, Value(1))),
    (lambda u: present(u.rank) <= 1, Comparison("<=", RANK, Value(1))),
    (lambda u: present(u.rank) > 1, Comparison(">", RANK, Value(1))),
    (lambda u: present(u.rank) >= 1, Comparison(">=", RANK, Value(1))),
    (lambda u: u.id == ADA, Comparison("==", Field(("id",)), Value(ADA))),
    (lambda u: u.name == u.email.value, Comparison("==", NAME, Field(("email", "value")))),
    (lambda u: present(u.bonus).amount > 5, Comparison(">", Field(("bonus", "amount")), Value(5))),
    (lambda u: u.balance == Money(1, "EUR"), Comparison("==", Field(("balance",)), Value(Money(1, "EUR")))),
    (lambda u: u.is_active, ACTIVE),
    (lambda u: not_(u.is_active), Not(ACTIVE)),
    (lambda u: not_(not_(u.name == "x")), Not(Not(IS_X))),
    (lambda u: u.is_active & (u.name == "x"), And((ACTIVE, IS_X))),
    (lambda u: (u.name == "x") | u.is_active, Or((IS_X, ACTIVE))),
    (lambda u: u.is_active | u.is_active, Or((ACTIVE, ACTIVE))),
    (lambda u: u.is_active & u.is_active & (u.name == "x"), And((ACTIVE, ACTIVE, IS_X))),
    (lambda u: u.is_active & (u.is_active & (u.name == "x")), And((ACTIVE, ACTIVE, IS_X))),
    (lambda u: u.is_active & (u.is_active | (u.name == "x")), And((ACTIVE, Or((ACTIVE, IS_X))))),
    (lambda u: contains(u.name, "x"), TextMatch("contains", NAME, "x", ignore_case=False)),
    (
        lambda u: starts_with(u.email, "X", ignore_case=True),
        TextMatch("starts_with", Field(("email",)), "X", ignore_case=True),
    ),
    (lambda u: one_of(u.rank, (n for n in (1, 2))), OneOf(RANK, (1, 2))),
    (lambda u: one_of(u.rank, []), OneOf(RANK, ())),
    (lambda u: is_null(u.rank), IsNull(RANK)),
    (Specification[User](lambda u: u.is_active), ACTIVE),
]


@pytest.mark.parametrize(("criterion", "node"), CRITERIA)
def test_a_criterion_becomes_a_tree(criterion: Criterion[User], node: Node) -> None:
    assert trace(criterion, User) == node
    assert trace(criterion) == node


def test_a_criterion_is_read_anew_each_time() -> None:
    wanted = "x"
    criterion: Criterion[User] = lambda u: u.name == wanted  # noqa: E731 - it is one
    assert trace(criterion, User) == IS_X
    wanted = "y"
    assert trace(criterion, User) == Comparison("==", NAME, Value("y"))
    assert [trace(lambda u: u.name == name, User) for name in "ab"] == [  # noqa: B023 - read at once
        Comparison("==", NAME, Value("a")),
        Comparison("==", NAME, Value("b")),
    ]


class TestTraceAll:
    def test_criteria_are_joined_by_and(self) -> None:
        assert trace_all([lambda u: u.is_active, lambda u: u.name == "x"], User) == And((ACTIVE, IS_X))
        assert trace_all([lambda u: u.is_active & (u.name == "x"), lambda u: u.is_active], User) == And(
            (ACTIVE, IS_X, ACTIVE)
        )

    def test_none_is_no_criterion(self) -> None:
        assert trace_all([None, lambda u: u.is_active, None], User) == ACTIVE
        assert trace_all([None], User) is None
        assert trace_all([]) is None


ORDERINGS: list[tuple[Ordering[User], list[tuple[str, bool, bool]]]] = [
    (lambda u: u.name, [("name", False, False)]),
    (lambda u: asc(u.name), [("name", False, False)]),
    (lambda u: desc(u.rank, nulls_first=True), [("rank", True, True)]),
    (lambda u: (desc(u.rank), u.name), [("rank", True, False), ("name", False, False)]),
    (lambda u: [u.name, u.balance.amount], [("name", False, False), ("balance.amount", False, False)]),
    (lambda u: OrderKey(RANK, True, True), [("rank", True, True)]),
    (lambda u: (OrderKey(RANK, True, True), u.name), [("rank", True, True), ("name", False, False)]),
]
NO_ORDERINGS: list[tuple[Ordering[Any], str]] = [
    (lambda u: (), "an ordering names one field at least: lambda u: u.name"),
    (lambda u: None, "an ordering reads a field of the entity, such as u.name in lambda u: ..., not None"),
    (lambda u: "name", "an ordering reads a field of the entity, such as u.name in lambda u: ..., not a value"),
    (lambda u: -u.rank, "a criterion cannot compute with rank"),
    (
        lambda u: u,
        "an ordering reads a field of the entity, not the entity as a whole: write u.id, for example",
    ),
    (lambda u: desc(u.balance), "balance has several parts: order by one of them, such as balance.amount"),
    (
        lambda u: u.name == "x",
        "an ordering reads a field of the entity, such as u.name in lambda u: ..., not a",
    ),
    (cast("Any", "name"), "an ordering is a lambda over the entity, such as lambda u: desc(u.name), not 'name'"),
]


class TestTraceOrdering:
    @pytest.mark.parametrize(("ordering", "keys"), ORDERINGS)
    def test_an_ordering_becomes_keys(self, ordering: Ordering[User], keys: list[tuple[str, bool, bool]]) -> None:
        traced = trace_ordering(ordering, User)
        assert [(str(key.field), key.descending, key.nulls_first) for key in traced] == keys

    @pytest.mark.parametrize(("ordering", "message"), NO_ORDERINGS)
    def test_anything_else_is_refused(self, ordering: Ordering[User], message: str) -> None:
        with pytest.raises(TypeError) as caught:
            trace_ordering(ordering, User)
        assert message in str(caught.value)


@pytest.mark.parametrize("criterion", ["name", 5, IS_X])
def test_a_criterion_is_something_to_call(criterion: Any) -> None:
    with pytest.raises(
        TypeError, match=r"a criterion is a lambda over the entity, such as lambda u: u\.name == name, not"
    ):
        trace(criterion, User)


def test_everything_is_no_criterion_and_stands_alone() -> None:
    assert trace_all([everything, None], User) is None
    assert trace_all([everything, lambda u: u.name == "a"], User) == trace(lambda u: u.name == "a", User)
    assert everything(object())
    with pytest.raises(TypeError, match="stands alone"):
        trace(everything, User)
