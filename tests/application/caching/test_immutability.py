from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import NamedTuple
from uuid import uuid4

import pytest
from pydantic import BaseModel

from cleanarch_kit.application.caching.immutability import is_immutable
from cleanarch_kit.domain import Email, EntityId, Money


class Role(Enum):
    ADMIN = 1


class Pair(NamedTuple):
    left: object
    right: object


@dataclass(frozen=True)
class Frozen:
    value: object
    late: object = field(default=None, init=False)


@dataclass(frozen=True, slots=True)
class FrozenSlots:
    value: object


@dataclass
class Thawed:
    value: int


class Model(BaseModel):
    value: int


class Text(str): ...


MUTABLE: list[object] = [[], {}, set[int](), bytearray(), Thawed(1), Model(value=1), object(), Text("x")]
IMMUTABLE: list[object] = [
    None,
    True,
    1,
    1.5,
    "x",
    b"x",
    Decimal(1),
    uuid4(),
    datetime.now(UTC),
    datetime.now(UTC).date(),
    timedelta(1),
    Role.ADMIN,
    EntityId.new(),
    Email("a@example.com"),
    Money.of(1, "EUR"),
]


@pytest.mark.parametrize("value", IMMUTABLE, ids=lambda value: type(value).__name__)
def test_what_cannot_be_changed_may_be_shared(value: object) -> None:
    assert is_immutable(value)
    assert is_immutable((value, (value, frozenset({value}))))
    assert is_immutable(Frozen(FrozenSlots(Pair(value, value))))


@pytest.mark.parametrize("value", MUTABLE, ids=lambda value: type(value).__name__)
def test_what_can_be_changed_may_not_however_deep_it_lies(value: object) -> None:
    assert not is_immutable(value)
    assert not is_immutable((1, (value,)))
    assert not is_immutable(Frozen(FrozenSlots(Pair(1, value))))
    late = Frozen(1)
    object.__setattr__(late, "late", value)
    assert not is_immutable(late)
