"""Values of every kind by ``st.from_type``, found through the entry point alone."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import entry_points
from typing import Any, TypeVar

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanarch_kit.adapters import hypothesis as kit
from cleanarch_kit.domain import (
    AggregateRoot,
    Currency,
    DateRange,
    DomainEvent,
    Email,
    Entity,
    EntityId,
    Money,
    NonEmptyStr,
    Percentage,
    PhoneNumber,
    ScalarValue,
    Secret,
    Slug,
)
from cleanarch_kit.errors import InvalidValueError

T = TypeVar("T")


class UserId(EntityId): ...


class WorkEmail(Email): ...


class Title(NonEmptyStr):
    max_length = 5


class Quantity(ScalarValue[int]):
    @classmethod
    def validate(cls, value: object) -> int:
        number = super().validate(value)
        if number < 0:
            raise InvalidValueError(cls.__name__, "must not be negative")
        return number


class Weight(ScalarValue[float]): ...


class Price(ScalarValue[Decimal]): ...


class PlacedAt(ScalarValue[datetime]): ...


class DueOn(ScalarValue[date]): ...


class Note(ScalarValue[str]): ...


class Registered(ScalarValue[str]):
    """Has a strategy of its own, which comes first."""


@dataclass(frozen=True, kw_only=True)
class UserNamed(DomainEvent, name="users.named"):
    user_id: UserId
    name: Title


@dataclass(frozen=True, kw_only=True)
class Meeting(DomainEvent, name="users.meeting"):
    at: datetime


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    email: Email
    balance: Money
    bonus: Money | None


@dataclass(kw_only=True)
class Untyped(Entity[Any]):
    name: Title


KINDS: list[type[Any]] = [
    Currency, DateRange, Email, EntityId, Money, NonEmptyStr, Percentage, PhoneNumber, Secret, Slug,
    UserId, WorkEmail, Title, Quantity, Weight, Price, PlacedAt, DueOn, Note, UserNamed, Meeting, User,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_type_gives_valid_values_of_itself(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(st.from_type(kind))
    assert type(value) is kind
    if issubclass(kind, ScalarValue):
        assert kind(value.value) == value


@given(st.from_type(User))
@settings(max_examples=30, deadline=None)
def test_an_entity_has_an_id_of_its_own_type(user: User) -> None:
    assert type(user.id) is UserId
    assert type(user.balance) is Money
    assert user.bonus is None or type(user.bonus) is Money


@given(st.builds(UserNamed), st.from_type(Untyped))
@settings(max_examples=20, deadline=None)
def test_fields_are_filled_by_their_types(event: UserNamed, untyped: Untyped) -> None:
    assert type(event.user_id) is UserId
    assert type(event.name) is type(untyped.name) is Title


def test_a_strategy_of_your_own_comes_first() -> None:
    st.register_type_strategy(Registered, st.just(Registered("mine")))

    @given(st.from_type(Registered))
    @settings(max_examples=5)
    def check(value: Registered) -> None:
        assert value == Registered("mine")

    check()


def find(strategy: st.SearchStrategy[T], wanted: Callable[[T], bool] = lambda value: True) -> T:
    quick = settings(max_examples=3_000, database=None, deadline=None, phases=[hypothesis.Phase.generate])
    return hypothesis.find(strategy, wanted, settings=quick)


def comes_up(strategy: st.SearchStrategy[T], wanted: Callable[[T], bool]) -> bool:
    return wanted(find(strategy, wanted))


def test_addresses_of_every_kind_come_up() -> None:
    assert comes_up(kit.emails(), lambda e: '"' in e.local)
    assert comes_up(kit.emails(), lambda e: "'" in e.local)
    assert comes_up(kit.emails(), lambda e: "." in e.local)
    assert comes_up(kit.emails(), lambda e: "xn--" in e.domain)
    assert comes_up(kit.emails(), lambda e: e.domain.count(".") > 1)


def test_amounts_of_every_kind_come_up() -> None:
    assert comes_up(kit.money(), lambda m: m.currency == "JPY")
    assert comes_up(kit.money(), lambda m: m.amount < 0)
    assert comes_up(kit.money(), lambda m: abs(m.amount) > 10**15)
    assert find(kit.money("KWD", min_amount=5, max_amount=5)) == Money(5, "KWD")


def test_the_other_strategies_give_more_than_the_simplest() -> None:
    assert find(kit.percentages(5, 5)) == Percentage(5)
    assert comes_up(kit.percentages(), lambda p: p.value % 1 != 0)
    assert find(kit.scalars(Slug, st.just("a"))) == Slug("a")
    assert len(find(kit.storable_text(min_size=3, max_size=3))) == 3
    assert comes_up(kit.date_ranges(), lambda r: len(r) > 1)
    assert comes_up(kit.currencies(), lambda c: c.exponent == 3)
    assert comes_up(kit.secrets(), lambda s: len(s.reveal()) > 1)
    assert comes_up(kit.phone_numbers(), lambda n: len(n.value) == 16)
    assert comes_up(kit.slugs(), lambda s: "-" in s.value)


def test_instants_are_in_utc() -> None:
    assert find(st.from_type(PlacedAt)).value.tzinfo is UTC
    assert find(st.from_type(Meeting)).at.tzinfo is UTC


def test_types_that_are_none_of_ours_are_left_alone() -> None:
    assert comes_up(st.from_type(int), lambda i: i > 5)
    assert type(find(st.from_type(list[UserId]), lambda ids: bool(ids))[0]) is UserId
    for other in (list[int], int, ScalarValue, "Email"):
        assert kit._resolve(other) is None


PROOF = """
import sys
from hypothesis import given, settings, strategies as st
assert "cleanarch_kit.adapters.hypothesis" in sys.modules, "the entry point was not run"
assert "pytest" not in sys.modules
from cleanarch_kit.domain import Email
assert "from_type" in repr(st.from_type(Email)) or st.from_type(Email)
@given(st.from_type(Email))
@settings(max_examples=5, database=None)
def check(email): assert isinstance(email, Email)
check()
print("found")
"""


def test_hypothesis_finds_them_by_itself() -> None:
    if "cleanarch_kit" not in {entry.name for entry in entry_points(group="hypothesis")}:
        pytest.fail("the installed metadata lacks the entry point: install the package again")
    done = subprocess.run([sys.executable, "-c", PROOF], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.strip(), done.returncode) == ("found", 0), done.stderr


def test_a_hypothesis_without_the_inner_door_still_knows_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit, "import_module", refuse)
    kit.register()
    assert re.match(r"\S+@\S+", str(find(st.from_type(Email), lambda e: '"' not in e.local)))


def refuse(name: str) -> object:
    raise ImportError(name)
