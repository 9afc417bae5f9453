from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cleanarch_kit.domain import (
    AggregateRoot,
    Email,
    EntityId,
    Money,
    Specification,
    contains,
    is_null,
    not_,
    one_of,
    present,
    starts_with,
)
from cleanarch_kit.domain.criteria import And, Criterion, Not, Or, Truth
from cleanarch_kit.domain.tracing import trace


class UserId(EntityId): ...


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    email: Email
    name: str
    is_active: bool = True
    rank: int | None = None
    bonus: Money | None = None


@dataclass(kw_only=True)
class Team(AggregateRoot[UserId]):
    lead: User
    name: str


def user(name: str = "Ada", *, is_active: bool = True, rank: int | None = None, bonus: Money | None = None) -> User:
    return User(id=UserId.new(), email=Email("ada@example.com"), name=name, is_active=is_active, rank=rank, bonus=bonus)


active = Specification[User](lambda u: u.is_active)
ranked = Specification[User](lambda u: present(u.rank) > 3)


def named(name: str) -> Specification[User]:
    return Specification(lambda u: contains(u.name, name, ignore_case=True))


def test_a_specification_tells_whether_an_entity_satisfies_it() -> None:
    assert active(user()) is True
    assert active(user(is_active=False)) is False


def test_what_is_unknown_is_not_satisfied_nor_is_its_contrary() -> None:
    assert ranked(user(rank=4)) is True
    assert ranked(user()) is False
    assert (~ranked)(user()) is False
    assert (~ranked)(user(rank=1)) is True
    assert (ranked | active)(user()) is True


def test_specifications_are_combined_among_themselves() -> None:
    both, either, none = active & named("ada"), active | named("ada"), ~(active | named("ada"))
    assert both(user("ADA"))
    assert not both(user("Grace"))
    assert either(user("Grace"))
    assert either(user("Ada", is_active=False))
    assert not either(user("Grace", is_active=False))
    assert none(user("Grace", is_active=False))
    assert trace(active & ranked, User) == And((trace(active), trace(ranked)))
    assert trace(active | ~ranked, User) == Or((trace(active), Not(trace(ranked))))


def test_a_specification_is_read_anew_each_time() -> None:
    names = ["Ada"]
    listed = Specification[User](lambda u: one_of(u.name, names))
    grace = user("Grace")
    assert not listed(grace)
    names.append("Grace")
    assert listed(grace)


def test_a_specification_is_part_of_a_criterion() -> None:
    assert trace(lambda u: active(u) & not_(ranked(u)), User) == And((trace(active), Not(trace(ranked))))
    assert trace(lambda team: active(team.lead), Team) == Truth(trace(lambda t: t.lead.is_active, Team).field)  # type: ignore[union-attr]  # pyright: ignore


def test_the_words_read_values_of_every_kind() -> None:
    rich = Specification[User](lambda u: present(u.bonus).amount > 5)
    mail = Specification[User](lambda u: starts_with(u.email, "ADA@", ignore_case=True) & is_null(u.rank))
    assert rich(user(bonus=Money(6, "EUR")))
    assert not rich(user())
    assert mail(user())
    assert not mail(user(rank=1))


COMBINATIONS: list[Callable[[Any, Any], object]] = [lambda one, other: one & other, lambda one, other: one | other]


def test_it_combines_with_specifications_only() -> None:
    others: list[Criterion[User] | None] = [lambda u: u.is_active, None]
    for other in others:
        for combine in COMBINATIONS:
            for pair in ((active, other), (other, active)):
                with pytest.raises(TypeError) as caught:
                    combine(*pair)
                assert str(caught.value) == (
                    "a Specification combines with another: wrap the lambda, as in Specification[User](lambda u: ...)"
                )


def test_it_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError) as caught:
        bool(active)
    assert str(caught.value) == (
        "a Specification is neither true nor false: call it with an entity, or combine with &, | and ~"
    )
