from decimal import Context, Decimal, localcontext
from typing import Any

import pytest

from cleanarch_kit.domain import Percentage
from cleanarch_kit.errors import InvalidValueError

NO_NUMBER = "Percentage must be a number such as 19 or 7.5, without a % sign"
OUT_OF_RANGE = "Percentage must be from -1000000 to 1000000"


@pytest.mark.parametrize(
    ("given", "value", "shown"),
    [
        (19, Decimal(19), "19"),
        ("19", Decimal(19), "19"),
        ("19.00", Decimal(19), "19"),
        ("7.5", Decimal("7.5"), "7.5"),
        ("+7.5", Decimal("7.5"), "7.5"),
        (Decimal("7.500000"), Decimal("7.5"), "7.5"),
        (Decimal("1E+2"), Decimal(100), "100"),
        ("0.000001", Decimal("0.000001"), "0.000001"),
        ("-3.25", Decimal("-3.25"), "-3.25"),
        (0, Decimal(0), "0"),
        ("-0.0", Decimal(0), "0"),
        (1_000_000, Decimal(1_000_000), "1000000"),
        (-1_000_000, Decimal(-1_000_000), "-1000000"),
        (100, Decimal(100), "100"),
    ],
)
def test_a_percentage_is_kept_without_trailing_zeros(given: Any, value: Decimal, shown: str) -> None:
    percentage = Percentage(given)
    assert percentage.value == value
    assert str(percentage) == str(percentage.value) == shown
    assert Percentage(shown) == percentage
    assert hash(Percentage(shown)) == hash(percentage)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (19.0, "Percentage must not be a float: pass a Decimal, an integer or text"),
        (float("nan"), "Percentage must not be a float: pass a Decimal, an integer or text"),
        (True, "Percentage must be a Decimal"),
        (None, "Percentage must be a Decimal"),
        (Decimal("NaN"), "Percentage must be finite"),
        (Decimal("sNaN"), "Percentage must be finite"),
        (Decimal("-Infinity"), "Percentage must be finite"),
        ("", NO_NUMBER),
        ("19 %", NO_NUMBER),
        ("19%", NO_NUMBER),
        ("1e3", NO_NUMBER),
        ("NaN", NO_NUMBER),
        ("1_000", NO_NUMBER),
        (" 19", NO_NUMBER),
        ("19\n", NO_NUMBER),
        ("١٩", NO_NUMBER),
        (".5", NO_NUMBER),
        ("5.", NO_NUMBER),
        ("1" * 100_000, NO_NUMBER),
        (1_000_001, OUT_OF_RANGE),
        (-(10**400), OUT_OF_RANGE),
        (Decimal("1000000.000001"), OUT_OF_RANGE),
        (Decimal("1E+999999"), OUT_OF_RANGE),
        ("0.0000001", "Percentage must have at most 6 decimal places"),
        (Decimal("1E-999999"), "Percentage must have at most 6 decimal places"),
        (Decimal("3.14159265"), "Percentage must have at most 6 decimal places"),
    ],
)
def test_anything_else_is_refused(bad: Any, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Percentage(bad)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        ("19.000000", "19"),
        ("7.500000000000000000", "7.5"),
        ("100", "100"),
        ("1E+2", "100"),
        ("0.000000", "0"),
        ("-0.0", "0"),
    ],
)
def test_a_column_that_pads_with_zeros_changes_nothing(stored: str, kept: str) -> None:
    restored = Percentage.restore(Decimal(stored))
    assert restored == Percentage(kept)
    assert str(restored) == str(restored.value) == kept


def test_the_fraction_of_one() -> None:
    assert Percentage("19").fraction == Decimal("0.19")
    assert Percentage("0.000001").fraction == Decimal("0.00000001")


def test_percentages_are_ordered() -> None:
    assert Percentage(-1) < Percentage("0.5") < Percentage(19)


def test_the_context_of_the_caller_changes_nothing() -> None:
    with localcontext(Context(prec=3)):
        assert Percentage("123456.789").value == Decimal("123456.789")
        assert Percentage("123456.789").fraction == Decimal("1234.56789")
