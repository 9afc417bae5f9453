from dataclasses import FrozenInstanceError, dataclass, fields
from decimal import Decimal
from typing import get_args

import pytest

from cleanarch_kit.domain import (
    AggregateRoot,
    Email,
    EntityId,
    Money,
    contains,
    is_null,
    not_,
    one_of,
    present,
    starts_with,
)
from cleanarch_kit.domain.criteria import (
    And,
    AnyOf,
    Comparison,
    Criterion,
    Field,
    IsNull,
    Node,
    Not,
    OneOf,
    Or,
    OrderKey,
    TextMatch,
    Truth,
    Value,
    fields_in,
    parametrise,
)
from cleanarch_kit.domain.tracing import trace

NAME = Field(("name",))


class UserId(EntityId): ...


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    email: Email
    name: str
    balance: Money
    rank: int | None = None
    score: Decimal = Decimal(0)
    is_active: bool = True


def shape_of(criterion: Criterion[User]) -> object:
    return parametrise(trace(criterion, User))[0]


class TestTree:
    def test_nodes_are_immutable_hashable_and_slotted(self) -> None:
        nodes: list[object] = [
            Field(("a",)),
            Value(1),
            Comparison("==", Field(("a",)), Value(1)),
            TextMatch("contains", Field(("a",)), "x", False),
            OneOf(Field(("a",)), (1, 2)),
            IsNull(Field(("a",))),
            Truth(Field(("a",))),
            AnyOf(Field(("a",)), None),
            AnyOf(Field(("a",)), Truth(Field(("a",)))),
            Not(Truth(Field(("a",)))),
            And((Truth(Field(("a",))), Truth(Field(("b",))))),
            Or((Truth(Field(("a",))), Truth(Field(("b",))))),
            OrderKey(Field(("a",)), False, False),
        ]
        assert len(set(nodes)) == len(nodes)
        for node in nodes:
            assert not hasattr(node, "__dict__")
            with pytest.raises(FrozenInstanceError):
                setattr(node, fields(node)[0].name, None)  # type: ignore[arg-type]  # pyright: ignore

    def test_a_node_is_one_of_nine(self) -> None:
        assert set(get_args(Node)) == {Comparison, TextMatch, OneOf, IsNull, Truth, AnyOf, Not, And, Or}

    def test_a_field_shows_its_path(self) -> None:
        assert str(Field(("balance", "amount"))) == "balance.amount"

    def test_where_a_field_was_traced_is_no_part_of_it(self) -> None:
        assert Field(("a",), object()) == Field(("a",))
        assert hash(Field(("a",), object())) == hash(Field(("a",)))
        assert repr(Field(("a",), object())) == repr(Field(("a",)))


TWINS: list[tuple[Criterion[User], Criterion[User]]] = [
    (lambda u: u.name == "a", lambda u: u.name == "b"),
    (lambda u: one_of(u.name, ["a"]), lambda u: one_of(u.name, ["b", "c", "d"])),
    (lambda u: contains(u.name, "a"), lambda u: contains(u.name, "")),
    (lambda u: (u.name == "a") & u.is_active, lambda u: (u.name == "z") & u.is_active),
]


class TestParametrise:
    def test_values_come_depth_first_and_left_to_right(self) -> None:
        node = trace(
            lambda u: (
                (u.name == "a")
                & (not_(present(u.rank) > 1) | contains(u.email, "b"))
                & one_of(u.rank, [2, 3])
                & (u.balance == Money(4, "EUR"))
                & (u.is_active | is_null(u.rank))
                & starts_with(u.name, "c")
            ),
            User,
        )
        assert parametrise(node)[1] == ("a", 1, "b", (2, 3), Money(4, "EUR"), "c")

    @pytest.mark.parametrize(("one", "other"), TWINS)
    def test_trees_that_differ_in_values_only_have_one_shape(
        self, one: Criterion[User], other: Criterion[User]
    ) -> None:
        assert shape_of(one) == shape_of(other)
        assert hash(shape_of(one)) == hash(shape_of(other))

    def test_trees_that_differ_otherwise_have_different_shapes(self) -> None:
        criteria: list[Criterion[User]] = [
            lambda u: u.name == "a",
            lambda u: u.name != "a",
            lambda u: u.name < "a",
            lambda u: u.name == u.email.value,
            lambda u: u.email == Email("a@b.co"),
            lambda u: u.email.value == "a",
            lambda u: u.score == Decimal(1),
            lambda u: u.score == 1,
            lambda u: contains(u.name, "a"),
            lambda u: contains(u.name, "a", ignore_case=True),
            lambda u: starts_with(u.name, "a"),
            lambda u: one_of(u.name, ["a"]),
            lambda u: one_of(u.name, []),
            lambda u: is_null(u.name),
            lambda u: is_null(u.rank),
            lambda u: u.is_active,
            lambda u: not_(u.is_active),
            lambda u: (u.name == "a") & u.is_active,
            lambda u: (u.name == "a") | u.is_active,
            lambda u: u.is_active & (u.name == "a"),
            lambda u: not_((u.name == "a") & u.is_active),
        ]
        assert len(set(map(shape_of, criteria))) == len(criteria)


def test_a_condition_on_what_is_owned_is_part_of_the_shape_and_its_values_are_not() -> None:
    lines = Field(("lines",))
    first, second = Comparison("==", NAME, Value("a")), Comparison("==", NAME, Value("b"))
    assert parametrise(AnyOf(lines, first)) == (parametrise(AnyOf(lines, second))[0], ("a",))
    shapes = [parametrise(node)[0] for node in (AnyOf(lines, first), AnyOf(lines, None), AnyOf(NAME, first), first)]
    assert len(set(shapes)) == len(shapes)
    assert parametrise(And((first, AnyOf(lines, And((second, AnyOf(lines, first)))), second)))[1] == (
        "a",
        "b",
        "a",
        "b",
    )


def test_the_fields_of_a_tree_are_told() -> None:
    def criterion(user: User) -> bool:
        either = (user.name == user.email.value) | one_of(user.name, ["a"])
        return not_(either) & contains(user.name, "b") & is_null(user.email)

    told = [str(field) for field in fields_in(trace(criterion, User))]
    assert told == ["name", "email.value", "name", "name", "email"]
