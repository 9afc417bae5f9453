"""Value objects through msgspec, json and kombu, which is what Celery writes its messages with."""

import importlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest

from cleanarch_kit.application import dec_hook, enc_hook, json_default
from cleanarch_kit.domain import (
    AggregateRoot,
    DateRange,
    Email,
    EntityId,
    Money,
    NonEmptyStr,
    Percentage,
    PhoneNumber,
    ScalarValue,
    Secret,
    Slug,
)


class UserId(EntityId): ...


class Quantity(ScalarValue[int]): ...


class DueOn(ScalarValue[date]): ...


class Role(Enum):
    ADMIN = "admin"


kombu_json: Any = importlib.import_module("kombu.utils.json")
USER_ID = UserId("01890a5d-ac96-774b-bcce-b302099a8057")
SCALARS: list[tuple[Any, object]] = [
    (Email("ada@example.com"), "ada@example.com"),
    (USER_ID, "01890a5d-ac96-774b-bcce-b302099a8057"),
    (Slug("clean-code"), "clean-code"),
    (NonEmptyStr("Ada"), "Ada"),
    (PhoneNumber("+442079460958"), "+442079460958"),
    (Percentage("7.5"), "7.5"),
    (Quantity(3), 3),
    (DueOn(date(2024, 5, 1)), "2024-05-01"),
]
COMPOSITES: list[tuple[Any, object]] = [
    (Money(1999, "EUR"), {"amount": 1999, "currency": "EUR"}),
    (DateRange(date(2024, 5, 1), date(2024, 5, 2)), {"start": "2024-05-01", "end": "2024-05-02"}),
]


@dataclass(frozen=True)
class Order:
    id: UserId
    email: Email
    total: Money
    discount: Percentage | None
    lines: dict[Slug, Money]


ORDER = Order(USER_ID, Email("ada@example.com"), Money(1999, "EUR"), None, {Slug("book"): Money(1, "EUR")})


class TestMsgspec:
    @pytest.mark.parametrize(("value", "wire"), [*SCALARS, *COMPOSITES])
    def test_a_value_makes_the_round_trip(self, value: object, wire: object) -> None:
        data = msgspec.json.encode(value, enc_hook=enc_hook)
        assert json.loads(data) == wire
        assert msgspec.json.decode(data, type=type(value), dec_hook=dec_hook) == value
        packed = msgspec.msgpack.encode(value, enc_hook=enc_hook)
        assert msgspec.msgpack.decode(packed, type=type(value), dec_hook=dec_hook) == value

    def test_values_in_a_dataclass_make_the_round_trip(self) -> None:
        data = msgspec.json.encode(ORDER, enc_hook=enc_hook)
        assert msgspec.json.decode(data, type=Order, dec_hook=dec_hook) == ORDER

    def test_a_bad_value_is_an_error_at_its_place(self) -> None:
        with pytest.raises(msgspec.ValidationError, match=r"Slug must consist of .* - at `\$\[1\]`"):
            msgspec.json.decode(b'["ok", "not ok"]', type=list[Slug], dec_hook=dec_hook)

    def test_an_amount_is_no_float(self) -> None:
        for amount in ("1.0", "true", '"1"'):
            with pytest.raises(msgspec.ValidationError):
                msgspec.json.decode(f'{{"amount": {amount}, "currency": "EUR"}}', type=Money, dec_hook=dec_hook)
        with pytest.raises(msgspec.ValidationError, match="currency must be an ISO 4217 code"):
            msgspec.json.decode(b'{"amount": 1, "currency": "eur"}', type=Money, dec_hook=dec_hook)

    def test_a_secret_comes_in_and_never_goes_out(self) -> None:
        assert msgspec.json.decode(b'"hunter2"', type=Secret, dec_hook=dec_hook).reveal() == "hunter2"
        assert msgspec.json.encode(Secret("hunter2"), enc_hook=enc_hook) == b'"**********"'

    def test_other_types_are_left_to_msgspec(self) -> None:
        with pytest.raises(NotImplementedError, match="object has no plain form"):
            enc_hook(object())
        with pytest.raises(NotImplementedError, match="complex is built from no plain form"):
            dec_hook(complex, 1)


@dataclass(kw_only=True)
class Account(AggregateRoot[UserId]):
    email: Email


class TestJson:
    @pytest.mark.parametrize(
        ("value", "wire"),
        [
            *SCALARS,
            *COMPOSITES,
            (Secret("hunter2"), "**********"),
            (Decimal("1.50"), "1.50"),
            (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
            (datetime(2024, 5, 1, tzinfo=UTC), "2024-05-01T00:00:00+00:00"),
            (Role.ADMIN, "admin"),
            ([Email("a@b.co")], ["a@b.co"]),
            (
                Account(id=USER_ID, email=Email("a@b.co")),
                {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "version": 0, "email": "a@b.co"},
            ),
        ],
    )
    def test_a_value_has_a_json_form(self, value: object, wire: object) -> None:
        assert json.loads(json.dumps(value, default=json_default)) == wire

    @pytest.mark.parametrize("value", [object(), 1j, {1}, Money])
    def test_other_types_have_none(self, value: object) -> None:
        with pytest.raises(TypeError, match=r"Object of type .* is not JSON serializable"):
            json.dumps(value, default=json_default)

    @pytest.mark.parametrize(("value", "wire"), SCALARS)
    def test_the_constructor_reads_it_back(self, value: ScalarValue[Any], wire: object) -> None:
        assert type(value).parse(json.loads(json.dumps(value, default=json_default))) == value


def money_from(fields: dict[str, Any]) -> Money:
    return Money(**fields)


class TestCelery:
    """Celery's JSON is kombu's: a type that is registered comes back as what it was."""

    @pytest.fixture(autouse=True)
    def registered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("_encoders", "_decoders"):
            monkeypatch.setattr(kombu_json, name, dict(getattr(kombu_json, name)))
        for value, _ in SCALARS:
            kind: Any = value.__class__
            kombu_json.register_type(kind, kind.__name__, enc_hook, kind.parse)
        kombu_json.register_type(Money, "Money", json_default, money_from)

    @pytest.mark.parametrize("value", [*(value for value, _ in SCALARS), Money(1999, "EUR")])
    def test_an_argument_of_a_task_makes_the_round_trip(self, value: object) -> None:
        assert kombu_json.loads(kombu_json.dumps({"args": [value]})) == {"args": [value]}
