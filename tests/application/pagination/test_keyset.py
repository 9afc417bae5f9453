from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest

from cleanarch_kit.application import CursorRequest
from cleanarch_kit.application.pagination.keyset import Keyset, cursor_page, keyset_of
from cleanarch_kit.domain import AggregateRoot, Email, EntityId, Money, asc, desc
from cleanarch_kit.domain.criteria import Field, OrderKey


class UserId(EntityId): ...


class Role(Enum):
    ADMIN = "admin"
    GUEST = "guest"


class Mixed(Enum):
    NUMBER = 1
    TEXT = "x"


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    name: str
    email: Email
    balance: Money
    role: Role
    mixed: Mixed
    rank: int | None = None
    created_at: datetime | None = None
    rate: Decimal | None = None


@dataclass(frozen=True)
class LineId:
    order: UUID
    number: int


@dataclass
class Line:
    id: LineId
    text: str


def key(*path: str, descending: bool = False, nulls_first: bool = False) -> OrderKey:
    return OrderKey(Field(path), descending, nulls_first)


def test_the_identity_ends_every_order_in_the_direction_before_it() -> None:
    assert keyset_of(None, User, UserId).keys == (key("id"),)
    assert keyset_of(lambda u: u.name, User, UserId).keys == (key("name"), key("id"))
    assert keyset_of(lambda u: desc(u.name), User, UserId).keys == (
        key("name", descending=True),
        key("id", descending=True),
    )
    assert keyset_of(lambda u: (desc(u.name), asc(u.rank, nulls_first=True)), User, UserId).keys == (
        key("name", descending=True),
        key("rank", nulls_first=True),
        key("id"),
    )


def test_what_follows_the_identity_orders_nothing() -> None:
    keys = keyset_of(lambda u: (u.name, desc(u.id), u.rank), User, UserId).keys
    assert keys == (key("name"), key("id", descending=True))


def test_an_identity_of_several_parts_is_ordered_by_each() -> None:
    keyset = keyset_of(lambda line: desc(line.text), Line, LineId)
    assert keyset.keys == tuple(key(*path, descending=True) for path in (("text",), ("id", "order"), ("id", "number")))
    assert keyset.types == (str, UUID, int)


def test_types_are_those_of_what_is_compared() -> None:
    def order(u: User) -> object:
        return u.name, u.email, u.balance.amount, u.balance.currency, u.role, u.mixed, u.rank, u.created_at, u.rate

    keyset = keyset_of(order, User, UserId)
    assert keyset.types == (str, str, int, str, str, None, int, datetime, Decimal, UUID)
    assert keyset_of(None, User, None).types == (UUID,)
    assert keyset_of(lambda u: u.email.value, User, UserId).types == (str, UUID)


def test_a_fingerprint_tells_orders_apart() -> None:
    def fingerprint(keyset: Keyset) -> str:
        return keyset.fingerprint

    prints = [
        keyset_of(None, User, UserId),
        keyset_of(lambda u: u.name, User, UserId),
        keyset_of(lambda u: desc(u.name), User, UserId),
        keyset_of(lambda u: asc(u.name, nulls_first=True), User, UserId),
        keyset_of(lambda u: (u.name, u.rank), User, UserId),
        keyset_of(lambda u: (u.rank, u.name), User, UserId),
        keyset_of(None, Line, LineId),
    ]
    assert len(set(map(fingerprint, prints))) == len(prints)
    assert keyset_of(lambda user: asc(user.name), User, UserId) is prints[1]
    assert keyset_of(None, User, UserId).fingerprint == "32473d0eb161aa85"  # the same in every process


def test_an_unknown_field_is_refused() -> None:
    misspelt = "nmae"
    with pytest.raises(TypeError, match=misspelt):
        keyset_of(lambda u: getattr(u, misspelt), User, UserId)


@pytest.mark.parametrize(
    ("found", "request_", "items", "following", "preceding"),
    [
        ([], CursorRequest(size=2), (), None, None),
        ([], CursorRequest(size=2, after="a"), (), None, None),
        ([], CursorRequest(size=2, before="b"), (), None, None),
        ([1, 2], CursorRequest(size=2), (1, 2), None, None),
        ([1, 2, 3], CursorRequest(size=2), (1, 2), "2", None),
        ([1, 2, 3], CursorRequest(size=2, after="a"), (1, 2), "2", "1"),
        ([1], CursorRequest(size=2, after="a"), (1,), None, "1"),
        ([3, 2, 1], CursorRequest(size=2, before="b"), (2, 3), "3", "2"),
        ([2, 1], CursorRequest(size=2, before="b"), (1, 2), "2", None),
    ],
)
def test_a_page_is_cut_from_what_was_found(
    found: list[int],
    request_: CursorRequest,
    items: tuple[int, ...],
    following: str | None,
    preceding: str | None,
) -> None:
    page = cursor_page(found, request_, str)
    assert (page.items, page.next, page.previous) == (items, following, preceding)
