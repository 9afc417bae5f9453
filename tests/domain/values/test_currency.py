from collections.abc import Iterable
from datetime import date
from typing import Any, cast

import moneyed
import pycountry
import pytest

from cleanarch_kit.domain import Currency
from cleanarch_kit.domain.values.currency import EXPONENTS, ISO_4217_DATE
from cleanarch_kit.errors import InvalidValueError

# In ISO 4217, but without a minor unit, so that no amount can be in them
WITHOUT_MINOR_UNIT = {"XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"}
WITHDRAWN = {"ANG", "BGN", "BYR", "CUC", "EEK", "HRK", "LTL", "LVL", "MRO", "SLL", "STD", "VEF", "ZMK", "ZWL"}
NEWER_THAN_MONEYED = {"XAD", "XCG", "ZWG"}


def test_the_codes_are_those_of_pycountry_and_some_that_were_withdrawn() -> None:
    listed = cast("Iterable[Any]", pycountry.currencies)
    active = {str(currency.alpha_3) for currency in listed}
    assert set(EXPONENTS) == active - WITHOUT_MINOR_UNIT | WITHDRAWN


def test_the_exponents_are_those_of_py_moneyed() -> None:
    known = EXPONENTS.keys() - NEWER_THAN_MONEYED
    assert {code: EXPONENTS[code] for code in known} == {code: theirs(code) for code in known}
    assert {code: EXPONENTS[code] for code in NEWER_THAN_MONEYED} == {"XAD": 2, "XCG": 2, "ZWG": 2}


def theirs(code: str) -> int:
    """Decimal places by the number of minor units in a major one."""
    return len(str(moneyed.get_currency(code).sub_unit)) - 1


@pytest.mark.parametrize(("code", "exponent"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("MGA", 2), ("UYU", 2)])
def test_a_currency_knows_its_decimal_places(code: str, exponent: int) -> None:
    assert Currency(code).exponent == exponent


def test_the_table_has_a_date() -> None:
    assert date(2024, 1, 1) < ISO_4217_DATE


@pytest.mark.parametrize(
    "bad", ["eur", "EURO", "EU", "", "XXX", "XAU", "ZZZ", "EUR\n", " EUR", "€", None, 978, True, []]
)
def test_anything_else_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"^Currency must be an ISO 4217 code in capitals, such as EUR$"):
        Currency(bad)
