import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, field_validator

from cleanarch_kit.application import Codec, codec
from cleanarch_kit.domain import Email, EntityId, Money
from cleanarch_kit.errors import DefinitionError, SerializationError


class Role(Enum):
    ADMIN = "admin"


@dataclass(frozen=True)
class Line:
    sku: str
    price: Money


@dataclass(frozen=True, kw_only=True)
class Order:
    id: EntityId
    buyer: Email
    role: Role
    at: datetime
    day: date
    weight: Decimal
    lines: tuple[Line, ...]
    note: str | None = None
    tags: frozenset[str] = frozenset()
    count: int = 0


class Profile(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def _check(cls, name: str) -> str:
        if name == "root":
            raise KeyError("hunter2")
        return name


class Plain: ...


WRONG: Any = 5


def order(**changes: Any) -> Order:
    values: dict[str, Any] = {
        "id": EntityId.new(),
        "buyer": Email("ada@example.com"),
        "role": Role.ADMIN,
        "at": datetime(2030, 1, 1, 12, 30, 0, 123456, UTC),
        "day": date(2030, 1, 1),
        "weight": Decimal("1.50"),
        "lines": (Line("a", Money(1999, "EUR")),),
    }
    return Order(**(values | changes))


def test_a_dataclass_of_values_comes_back_equal_in_value_and_type() -> None:
    original = order(note="é", tags=frozenset({"x"}))
    orders: Codec[Order] = codec(Order)
    again = orders.decode(orders.encode(original))
    assert again == original
    assert [type(getattr(again, name)) for name in Order.__dataclass_fields__] == [
        type(getattr(original, name)) for name in Order.__dataclass_fields__
    ]


def test_json_is_compact_and_in_utf_8() -> None:
    profiles = Codec[dict[str, str]](dict[str, str])
    assert profiles.encode({"name": "é"}) == '{"name":"é"}'.encode()


def test_any_annotation_has_a_codec() -> None:
    numbers: Codec[list[int] | None] = Codec(list[int] | None)
    assert [numbers.decode(numbers.encode(value)) for value in ([1, 2], [], None)] == [[1, 2], [], None]
    assert repr(numbers) == "Codec(list[int] | None)"
    assert repr(codec(Order)) == "Codec(Order)"


def test_a_codec_is_compiled_once_per_type() -> None:
    assert codec(Order) is codec(Order)
    compiled: set[object] = {codec(Line), codec(Order)}
    assert len(compiled) == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": UUID(int=1)}, "id"),
        ({"count": "1"}, "count"),
        ({"lines": [Line("a", Money(1, "EUR"))]}, "lines"),
        ({"lines": (Line(WRONG, Money(1, "EUR")),)}, "lines"),
        ({"note": "\ud800"}, "note"),
        ({"at": "2030-01-01"}, "at"),
        ({"tags": frozenset({"x", b"\xff"})}, "tags"),
    ],
)
def test_what_is_not_of_its_declared_type_is_not_written(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(SerializationError) as caught:
        codec(Order).encode(order(**changes))
    assert (caught.value.type_name, caught.value.field) == ("Order", field)
    assert str(caught.value) == f"field {field!r} of Order must be of its declared type and have a JSON form"
    assert caught.value.__context__ is None


def test_a_value_of_another_type_is_not_written() -> None:
    for write in (codec(Line).encode, codec(Line).to_fields):
        with pytest.raises(SerializationError, match=r"^Line must be of its declared type and have a JSON form$"):
            write(WRONG)


def test_a_value_that_contains_itself_is_not_written() -> None:
    endless: list[object] = []
    endless.append(endless)
    lists: Codec[list[object]] = Codec(list[object])
    with pytest.raises(SerializationError) as caught:
        lists.encode(endless)
    assert caught.value.field is None


def test_fields_can_be_left_out() -> None:
    lines: Codec[Line] = Codec(Line, exclude=("price",))
    line = Line("a", Money(1, "EUR"))
    assert lines.encode(line) == b'{"sku":"a"}'
    assert lines.to_fields(line) == {"sku": "a"}


def test_leaves_stay_what_they_are_when_a_value_is_taken_apart() -> None:
    original = order()
    fields = codec(Order).to_fields(original)
    assert fields["at"] is original.at
    assert fields["id"] == original.id
    assert fields["lines"] == ({"sku": "a", "price": {"amount": 1999, "currency": "EUR"}},)


@pytest.mark.parametrize(
    ("data", "field", "rule"),
    [
        (b"", None, "is not valid (json_invalid)"),
        (b"[]", None, "is not valid (dataclass_type)"),
        (b'{"sku": 5, "price": {"amount": 1, "currency": "EUR"}}', "sku", "is not valid (string_type)"),
        (b'{"sku": "hunter2"}', "price", "is not valid (missing)"),
        (b'{"sku": "hunter2", "price": {"amount": 1, "currency": "hunter2"}}', "price", "is not valid (value_error)"),
    ],
)
def test_data_that_is_no_such_value_is_refused_without_showing_it(data: bytes, field: str | None, rule: str) -> None:
    with pytest.raises(SerializationError) as caught:
        codec(Line).decode(data)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_keys_of_the_data_are_not_shown() -> None:
    numbers: Codec[dict[str, int]] = Codec(dict[str, int])
    with pytest.raises(SerializationError) as caught:
        numbers.decode(b'{"hunter2": "x"}')
    assert caught.value.field is None


def test_whatever_a_constructor_raises_is_a_refusal() -> None:
    with pytest.raises(SerializationError) as caught:
        codec(Profile).decode(b'{"name": "root"}')
    assert str(caught.value) == "Profile is not valid (refused by a constructor)"


def test_unknown_fields_are_ignored() -> None:
    line = codec(Line).decode(b'{"sku": "a", "price": {"amount": 1, "currency": "EUR"}, "new": 1}')
    assert line == Line("a", Money(1, "EUR"))


def test_a_type_without_a_json_form_is_refused_when_the_codec_is_built() -> None:
    with pytest.raises(DefinitionError, match="no JSON form can be derived from Plain: Unable to generate"):
        codec(Plain)
    with pytest.raises(DefinitionError, match="no JSON form can be derived from"):
        Codec[object]("Undefined")


def test_the_schema_says_what_is_read() -> None:
    schema = codec(Line).json_schema()
    assert schema["required"] == ["sku", "price"]


def test_pydantic_is_imported_by_those_who_need_it() -> None:
    program = (
        "import sys; import cleanarch_kit.application as a; assert 'pydantic' not in sys.modules;"
        "a.codec(int); assert 'pydantic' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
