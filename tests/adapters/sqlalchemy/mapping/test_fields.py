from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Generic, Literal, NewType, Optional, TypeVar

import pytest
import sqlalchemy as sa
from typing_extensions import TypeAliasType

from cleanarch_kit.adapters.sqlalchemy.mapping.fields import (
    Composite,
    Leaf,
    Wrapped,
    columns_of,
    is_class,
    is_wrapper,
    resolved_hints,
    simplify,
)
from cleanarch_kit.domain import AggregateRoot, Email, EntityId

UserNumber = NewType("UserNumber", int)
Text = TypeAliasType("Text", str)
T = TypeVar("T")


class ThingId(EntityId): ...


@dataclass
class Thing(AggregateRoot[ThingId]):
    pass


@dataclass
class Open(Generic[T]):
    value: T


class Color(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("hint", "bare", "optional"),
    [
        (int, int, False),
        (int | None, int, True),
        (Optional[Email], Email, True),  # noqa: UP045 - users write it so
        (UserNumber, int, False),
        (Text | None, str, True),
        (Annotated[str, "a note"], str, False),
        (Literal["a", "b"], str, False),
        (Literal["a", None], str, True),
        (list[str], list[str], False),
        (int | str | None, int | str | None, True),
    ],
)
def test_a_hint_is_reduced_to_what_is_stored(hint: object, bare: object, optional: bool) -> None:
    assert simplify(hint) == (bare, optional)


def test_type_variables_of_the_bases_are_filled_in() -> None:
    assert resolved_hints(Thing)["id"] is ThingId
    assert resolved_hints(Open)["value"] is T


def test_the_columns_of_a_tree() -> None:
    amount, currency, plain = (sa.Column(name, sa.String) for name in ("amount", "currency", "plain"))
    node = Composite(object, (("a", Leaf(amount, str, optional=False)), ("c", Wrapped(Color, currency, False))), False)
    assert list(columns_of(node)) == [amount, currency]
    assert list(columns_of(Leaf(plain, None, optional=True))) == [plain]


def test_kinds_of_types() -> None:
    assert is_class(int)
    assert not is_class(list[int])
    assert is_wrapper(Email)
    assert is_wrapper(Color)
    assert not is_wrapper(str)
    assert not is_wrapper(int | None)
