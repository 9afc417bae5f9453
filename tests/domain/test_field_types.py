from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, NewType, Optional, TypeVar

import pytest

from cleanarch_kit.domain import AggregateRoot, DateRange, Email, EntityId, Money
from cleanarch_kit.domain.field_types import Items, fields_of, is_composite, unknown_field

if TYPE_CHECKING:
    from decimal import Decimal

MiddleId = TypeVar("MiddleId")
Nickname = NewType("Nickname", str)


class Role(Enum):
    ADMIN = "admin"


class UserId(EntityId): ...


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    email: Email
    nickname: Nickname
    role: Role
    rank: int | None
    born: Optional[date]  # noqa: UP045 - both spellings are met
    bonus: Money | None
    either: int | str
    tags: list[str]
    anything: Any
    noted: Annotated[str, "a note"]
    _secret: str = ""


@dataclass(kw_only=True)
class Middle(AggregateRoot[MiddleId]): ...


@dataclass(kw_only=True, slots=True)
class Leaf(Middle[UserId]): ...


@dataclass(kw_only=True)
class Bare(AggregateRoot): ...  # type: ignore[type-arg]  # pyright: ignore


class Annotated_:  # noqa: N801 - no dataclass, but it says what it has
    id: int
    name: str
    _hidden: int


class Silent: ...


@dataclass
class Unresolvable:
    price: "Decimal"


def test_the_public_fields_of_a_dataclass_with_their_types() -> None:
    assert fields_of(User) == {
        "id": UserId,
        "version": int,
        "email": Email,
        "nickname": str,
        "role": Role,
        "rank": int,
        "born": date,
        "bonus": Money,
        "either": None,
        "tags": Items(str),
        "anything": None,
        "noted": str,
    }


@pytest.mark.parametrize(
    ("owner", "known"),
    [
        (Annotated_, {"id": int, "name": str}),
        (Silent, None),
        (Unresolvable, {"price": None}),
        (Leaf, {"id": UserId, "version": int}),
        (Middle, {"id": None, "version": int}),
        (Bare, {"id": None, "version": int}),
        (Email, {"value": str}),
        (Money, {"amount": int, "currency": str}),
        (DateRange, {"start": date, "end": date}),
        (str, {}),
        (Role, {}),
    ],
)
def test_what_is_known_of_other_classes(owner: type, known: object) -> None:
    assert fields_of(owner) == known


def test_a_composite_has_fields_of_its_own() -> None:
    assert [is_composite(owner) for owner in (Money, User, Email, str, None)] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("owner", "name", "message"),
    [
        (User, "emial", "User has no stored field 'emial': did you mean 'email'?"),
        (Money, "zzz", "Money has no stored field 'zzz': it has amount, currency"),
        (
            str,
            "lower",
            "str.lower cannot be used in a criterion, which compares whole fields: compare the field itself,"
            " or write contains(field, text) or starts_with(field, text)",
        ),
    ],
)
def test_what_is_said_of_an_unknown_field(owner: type, name: str, message: str) -> None:
    assert unknown_field(owner, name, fields_of(owner) or {}) == message


def test_a_subclass_that_is_no_dataclass_itself_has_its_own_fields_too() -> None:
    class Mapped(AggregateRoot[UserId]):
        title: str

    assert fields_of(Mapped) == {"id": UserId, "version": int, "title": str}
