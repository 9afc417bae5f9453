from typing import Any

import pytest

from cleanarch_kit.adapters.phonenumbers import parse_phone_number
from cleanarch_kit.domain import PhoneNumber
from cleanarch_kit.errors import InvalidValueError

COUNTRY = " that begins with + and a country, unless a region is given"


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+44 20 7946 0958", None, "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("(020) 7946-0958", "GB", "+442079460958"),
        ("0044 20 7946 0958", "DE", "+442079460958"),
        ("+44 20 7946 0958", "DE", "+442079460958"),
        ("030 901820", "DE", "+4930901820"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("tel:+44-20-7946-0958", None, "+442079460958"),
    ],
)
def test_a_number_as_people_write_it(text: str, region: str | None, number: str) -> None:
    assert parse_phone_number(text, region=region) == PhoneNumber(number)


@pytest.mark.parametrize(
    ("text", "region", "rule"),
    [
        ("020 7946 0958", None, f"must be a telephone number{COUNTRY}"),
        ("call me", "GB", "must be a telephone number"),
        ("", "GB", "must be a telephone number"),
        ("020 7946 0958", "XX", f"must be a telephone number{COUNTRY}"),
        ("+44 1", None, "must be a telephone number"),
        ("+999 123 456 789", None, f"must be a telephone number{COUNTRY}"),
        ("+44 20 7946 09588888", None, "must be a number that its country gives out"),
        ("+1 555 555 5555", None, "must be a number that its country gives out"),
        ("\0" * 8, "GB", "must not contain NUL"),
        ("9" * 65, "GB", "must have at most 64 characters"),
        ("9" * 1_000_000, "GB", "must have at most 64 characters"),
        (442079460958, "GB", "must be text"),
        (None, "GB", "must be text"),
    ],
)
def test_anything_else_is_refused_and_not_shown(text: Any, region: str | None, rule: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_phone_number(text, region=region)
    assert str(caught.value) == f"PhoneNumber {rule}"
    assert caught.value.__context__ is None or caught.value.__suppress_context__
