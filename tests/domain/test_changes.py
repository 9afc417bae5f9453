"""What a lambda says of many entities at once, and what it cannot say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest

from cleanarch_kit.domain import AggregateRoot, Assignment, Email, EntityId, Money, change
from cleanarch_kit.domain.changes import trace_changes
from cleanarch_kit.domain.criteria import Field
from cleanarch_kit.errors import InvalidValueError


class UserId(EntityId): ...


class Role(Enum):
    ADMIN = "admin"


@dataclass
class Card:
    id: int


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    email: Email
    name: str
    role: Role
    balance: Money
    note: str | None = None
    tags: list[str] = field(default_factory=list[str])
    cards: list[Card] = field(default_factory=list[Card])
    main_card: Card | None = None


def test_one_change_or_several_are_read() -> None:
    assert trace_changes(lambda u: change(u.name).to("Ada"), User) == (Assignment(Field(("name",)), "Ada"),)
    found = trace_changes(lambda u: (change(u.note).to(None), change(u.balance).to(Money(1, "EUR"))), User)
    assert found == (Assignment(Field(("note",)), None), Assignment(Field(("balance",)), Money(1, "EUR")))


def test_plain_values_may_be_several() -> None:
    assert trace_changes(lambda u: change(u.tags).to(["a"]), User)[0].value == ["a"]


def test_what_was_captured_is_read_anew_each_time() -> None:
    names = iter(("first", "second"))

    def changes(user: User) -> Assignment:
        return change(user.name).to(next(names))

    assert [trace_changes(changes, User)[0].value for _ in range(2)] == ["first", "second"]


def refused(why: str, changes: Callable[[Any], Any]) -> str:  # Any: what checkers refuse, too
    with pytest.raises(TypeError, match=why) as caught:
        trace_changes(changes, User)
    return str(caught.value)


def test_values_of_another_class_are_refused() -> None:
    for said in (
        refused("takes a Email, not a value of type str", lambda u: change(u.email).to("ada@example.com")),
        refused("takes a Role, not a value of type str", lambda u: change(u.role).to("ada@example.com")),
        refused("takes a Money, not a value of type str", lambda u: change(u.balance).to("ada@example.com")),
    ):
        assert "ada@" not in said


@pytest.mark.parametrize("text", ["nul\0", "surrogate\ud800"])
def test_text_that_no_store_can_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        trace_changes(lambda u: change(u.name).to(text), User)


def test_what_is_no_change_is_refused() -> None:
    refused("are written as lambda", lambda _: ())
    refused("are written as lambda", lambda u: u.name)
    refused("are written as lambda", lambda u: (change(u.name).to("a"), u.note == "b"))
    refused("not the entity as a whole", lambda u: change(u).to(u))
    refused("reads a field", lambda _: change("name").to("a"))
    refused("did you mean 'name'", lambda u: change(u.nmae).to("a"))
    refused("known before", lambda u: change(u.name).to(u.note))
    refused("known before", lambda u: change(u.note).to(u.name == "a"))
    refused("as a whole", lambda u: change(u.balance.amount).to(1))
    refused("as a whole", lambda u: change(u.email.value).to("a"))
    refused("keeps its identity", lambda u: change(u.id).to(UserId.new()))
    refused("counted", lambda u: change(u.version).to(1))
    refused("changed through their aggregate", lambda u: change(u.cards).to([]))
    refused("changed through their aggregate", lambda u: change(u.main_card).to(None))
    refused("changed once", lambda u: (change(u.name).to("a"), change(u.name).to("b")))
