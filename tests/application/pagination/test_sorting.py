from dataclasses import dataclass

import pytest

from cleanarch_kit.application import SortFields
from cleanarch_kit.application.pagination.sorting import ordering_from_text
from cleanarch_kit.domain import asc, desc
from cleanarch_kit.domain.criteria import Field, OrderKey
from cleanarch_kit.domain.tracing import trace_ordering
from cleanarch_kit.errors import InvalidSortError


@dataclass
class User:
    id: int
    name: str
    rank: int | None


FIELDS: SortFields[User] = {
    "name": lambda u: u.name,
    "rank": lambda u: (desc(u.rank, nulls_first=True), u.name),
    "-": lambda u: asc(u.rank),
}


def keys(text: str | None) -> tuple[OrderKey, ...] | None:
    ordering = ordering_from_text(FIELDS, text)
    return None if ordering is None else trace_ordering(ordering, User)


def test_no_text_is_no_order() -> None:
    assert keys(None) is None
    assert keys("") is None


def test_names_become_order_keys() -> None:
    name = OrderKey(Field(("name",)), descending=False, nulls_first=False)
    rank = OrderKey(Field(("rank",)), descending=True, nulls_first=True)
    assert keys("name") == (name,)
    assert keys("rank,name") == (rank, name, name)


def test_a_minus_sign_turns_every_key_round_and_leaves_none_where_it_was() -> None:
    assert keys("-name") == (OrderKey(Field(("name",)), descending=True, nulls_first=False),)
    assert keys("-rank") == (
        OrderKey(Field(("rank",)), descending=False, nulls_first=True),
        OrderKey(Field(("name",)), descending=True, nulls_first=False),
    )


@pytest.mark.parametrize(
    "text",
    [
        *("nmae", "name,", ",name", ",", "name,name", "name,-name", "+name", " name", "name ", "--name", "NAME"),
        *("name desc", "password_hash", "__class__", "id; drop table users", "name," * 10_000, "é", "\0", "name\n"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InvalidSortError) as caught:
        ordering_from_text(FIELDS, text)
    assert caught.value.allowed == ("name", "rank", "-")
    assert str(caught.value) == "unknown sort field; use one of: name, rank, -"


def test_nothing_is_allowed_by_default() -> None:
    with pytest.raises(InvalidSortError, match="none is allowed"):
        ordering_from_text({}, "name")
