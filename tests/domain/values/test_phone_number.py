from typing import Any

import pytest

from cleanarch_kit.domain import PhoneNumber
from cleanarch_kit.errors import InvalidValueError

RULE = "PhoneNumber must have the form +442079460958: a plus and 7 to 15 digits"


@pytest.mark.parametrize("good", ["+442079460958", "+14155552671", "+4915112345678", "+2903000", "+123456789012345"])
def test_a_number_in_its_international_form(good: str) -> None:
    assert PhoneNumber(good).value == good


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", RULE),
        ("+", RULE),
        ("+123456", RULE),
        ("442079460958", RULE),
        ("00442079460958", RULE),
        ("+0442079460958", RULE),
        ("+44 20 7946 0958", RULE),
        ("+44-2079460958", RULE),
        ("tel:+44207946095", RULE),
        ("+442079460958\n", RULE),
        ("+٤٤٢٠٧٩٤٦٠٩٥٨", RULE),
        ("＋442079460958", RULE),
        ("+1234567890123456", "PhoneNumber must have at most 16 characters"),
        ("+44\0", "PhoneNumber must not contain NUL"),
        (442079460958, "PhoneNumber must be text"),
        (None, "PhoneNumber must be text"),
    ],
)
def test_anything_else_is_refused(bad: Any, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        PhoneNumber(bad)
    assert str(caught.value) == message
