"""Amounts against `decimal` with 50 digits, and 200,000 random divisions."""

import copy
import operator
import pickle
import random
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    Inexact,
    localcontext,
)
from fractions import Fraction
from typing import Any

import pytest

from cleanarch_kit.domain import Currency, Money, Percentage
from cleanarch_kit.domain.values.currency import EXPONENTS
from cleanarch_kit.errors import CurrencyMismatchError, DomainError, InvalidValueError

LIMIT = 10**18
NO_INTEGER = "Money amount must be an integer number of minor units: use Money.of() for a decimal amount"
NO_CURRENCY = "Money currency must be an ISO 4217 code in capitals, such as EUR"
NO_NUMBER = "Money amount must be a number such as 19.99"
OUT_OF_RANGE = "Money amount must be from -10^18 to 10^18 minor units"
CURRENCIES = ["EUR", "JPY", "KWD", "CLF"]
ROUNDINGS = [ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_UP, ROUND_DOWN, ROUND_CEILING, ROUND_FLOOR]


@dataclass(frozen=True)
class Line:
    price: Money
    paid: Money | None = None


@dataclass(frozen=True, slots=True)
class SlottedLine:
    price: Money
    paid: Money | None = None


class TestConstruction:
    def test_an_amount_in_minor_units(self) -> None:
        money = Money(1999, "EUR")
        assert (money.amount, money.currency) == (1999, "EUR")
        assert money == Money(amount=1999, currency="EUR")
        assert Money(LIMIT, "EUR").amount == -Money(-LIMIT, "EUR").amount == LIMIT

    @pytest.mark.parametrize(
        ("amount", "currency", "message"),
        [
            (19.99, "EUR", NO_INTEGER),
            (float("nan"), "EUR", NO_INTEGER),
            (True, "EUR", NO_INTEGER),
            (Decimal(1), "EUR", NO_INTEGER),
            ("1", "EUR", NO_INTEGER),
            (None, "EUR", NO_INTEGER),
            (LIMIT + 1, "EUR", OUT_OF_RANGE),
            (-LIMIT - 1, "EUR", OUT_OF_RANGE),
            (10**400, "EUR", OUT_OF_RANGE),
            (1, "eur", NO_CURRENCY),
            (1, "", NO_CURRENCY),
            (1, "EURO", NO_CURRENCY),
            (1, "XXX", NO_CURRENCY),
            (1, "EU\0", NO_CURRENCY),
            (1, "\ud800UR", NO_CURRENCY),
            (1, None, NO_CURRENCY),
            (1, 978, NO_CURRENCY),
            (1, ["EUR"], NO_CURRENCY),
            (1, Currency("EUR"), NO_CURRENCY),
        ],
    )
    def test_anything_else_is_refused(self, amount: Any, currency: Any, message: str) -> None:
        with pytest.raises(InvalidValueError) as caught:
            Money(amount, currency)
        assert str(caught.value) == message

    @pytest.mark.parametrize(
        ("given", "currency", "amount"),
        [
            ("19.99", "EUR", 1999),
            ("-19.99", "EUR", -1999),
            ("+0.5", "EUR", 50),
            ("19", "EUR", 1900),
            ("+19.99", "EUR", 1999),
            ("0.07", "EUR", 7),
            ("00019.99", "EUR", 1999),
            ("9999999999999999.99", "EUR", LIMIT - 1),
            ("10000000000000000.00", "EUR", LIMIT),
            ("-10000000000000000.00", "EUR", -LIMIT),
            ("999999999999999.999", "KWD", LIMIT - 1),
            ("19.990", "EUR", 1999),
            (19, "EUR", 1900),
            (Decimal("19.99"), "EUR", 1999),
            (Decimal("1E+3"), "EUR", 100_000),
            ("100", "JPY", 100),
            ("1.234", "KWD", 1234),
            ("1.2345", "CLF", 12345),
            ("0", "EUR", 0),
            ("-0.00", "EUR", 0),
            ("10000000000000000", "EUR", LIMIT),
            ("90071992547409.93", "EUR", 9007199254740993),
        ],
    )
    def test_an_amount_in_major_units(self, given: Any, currency: str, amount: int) -> None:
        assert Money.of(given, currency) == Money.of(given, Currency(currency)) == Money(amount, currency)

    @pytest.mark.parametrize(
        ("given", "currency", "message"),
        [
            (19.99, "EUR", "Money must not be a float: pass a Decimal, an integer or text"),
            (True, "EUR", "Money must be a Decimal"),
            (None, "EUR", "Money must be a Decimal"),
            (b"1", "EUR", "Money must be a Decimal"),
            (Decimal("NaN"), "EUR", "Money must be finite"),
            (Decimal("sNaN"), "EUR", "Money must be finite"),
            (Decimal("-Infinity"), "EUR", "Money must be finite"),
            ("", "EUR", NO_NUMBER),
            ("1,99", "EUR", NO_NUMBER),
            (".99", "EUR", NO_NUMBER),
            ("-.99", "EUR", NO_NUMBER),
            ("1.", "EUR", NO_NUMBER),
            ("100.", "JPY", NO_NUMBER),
            ("1.5.00", "EUR", NO_NUMBER),
            ("1..99", "EUR", NO_NUMBER),
            ("1.-9", "EUR", NO_NUMBER),
            ("1.٩٩", "EUR", NO_NUMBER),
            ("١.99", "EUR", NO_NUMBER),
            ("1.²²", "EUR", NO_NUMBER),
            ("1_0.00", "EUR", NO_NUMBER),
            (" 1.00", "EUR", NO_NUMBER),
            ("1.00\n", "EUR", NO_NUMBER),
            ("1_000", "EUR", NO_NUMBER),
            ("1e3", "EUR", NO_NUMBER),
            ("NaN", "EUR", NO_NUMBER),
            (" 1", "EUR", NO_NUMBER),
            ("1\n", "EUR", NO_NUMBER),
            ("1\0", "EUR", NO_NUMBER),
            ("١", "EUR", NO_NUMBER),
            ("€1", "EUR", NO_NUMBER),
            ("1" * 100_000, "EUR", NO_NUMBER),
            (Decimal("1E+999999"), "EUR", OUT_OF_RANGE),
            ("10000000000000000.01", "EUR", OUT_OF_RANGE),
            (10**400, "EUR", OUT_OF_RANGE),
            (-(10**400), "EUR", OUT_OF_RANGE),
            ("10.005", "EUR", "Money amount in EUR has at most 2 decimal places: pass rounding= to round it"),
            ("10.5", "JPY", "Money amount in JPY has at most 0 decimal places: pass rounding= to round it"),
            (
                Decimal("1E-999999"),
                "EUR",
                "Money amount in EUR has at most 2 decimal places: pass rounding= to round it",
            ),
            ("1", "eur", "Currency must be an ISO 4217 code in capitals, such as EUR"),
            ("1", None, "Currency must be an ISO 4217 code in capitals, such as EUR"),
        ],
    )
    def test_no_amount_in_major_units(self, given: Any, currency: Any, message: str) -> None:
        with pytest.raises(InvalidValueError) as caught:
            Money.of(given, currency)
        assert str(caught.value) == message
        assert isinstance(caught.value, DomainError)
        assert isinstance(caught.value, ValueError)

    @pytest.mark.parametrize(
        ("rounding", "amount"), [(ROUND_HALF_EVEN, 1000), (ROUND_HALF_UP, 1001), (ROUND_DOWN, 1000), (ROUND_UP, 1001)]
    )
    def test_more_decimal_places_are_rounded_when_asked_for(self, rounding: str, amount: int) -> None:
        assert Money.of("10.005", "EUR", rounding=rounding) == Money(amount, "EUR")
        assert Money.of("-10.005", "EUR", rounding=rounding) == Money(-amount, "EUR")

    def test_nothing_in_a_currency(self) -> None:
        assert Money.zero("EUR") == Money.zero(Currency("EUR")) == Money(0, "EUR")
        with pytest.raises(InvalidValueError, match=r"^Currency must be an ISO 4217 code in capitals, such as EUR$"):
            Money.zero("eur")


class TestValue:
    def test_equality_and_hash(self) -> None:
        assert Money(1, "EUR") == Money(1, "EUR")
        assert Money(1, "EUR") != Money(1, "USD")
        assert Money(1, "EUR") not in [1, "1", None]
        assert len({Money(1, "EUR"), Money(1, "EUR"), Money(1, "USD"), Money(2, "EUR")}) == 3

    def test_it_never_changes_and_has_no_dict(self) -> None:
        money = Money(1, "EUR")
        with pytest.raises(FrozenInstanceError):
            money.amount = 2  # type: ignore[misc]  # pyright: ignore
        assert not hasattr(money, "__dict__")

    @pytest.mark.parametrize("line", [Line, SlottedLine])
    def test_copies_pickles_and_fields(self, line: type[Line]) -> None:
        owner = line(Money(1, "EUR"), None)
        for other in (copy.copy(owner), copy.deepcopy(owner), pickle.loads(pickle.dumps(owner))):
            assert other == owner
        assert pickle.loads(pickle.dumps(Money(5, "JPY"))) == copy.deepcopy(Money(5, "JPY")) == Money(5, "JPY")

    @pytest.mark.parametrize(
        ("money", "shown"),
        [
            (Money(1999, "EUR"), "19.99 EUR"),
            (Money(-5, "EUR"), "-0.05 EUR"),
            (Money(0, "EUR"), "0.00 EUR"),
            (Money(100, "JPY"), "100 JPY"),
            (Money(1234, "KWD"), "1.234 KWD"),
            (Money(LIMIT, "EUR"), "10000000000000000.00 EUR"),
            (Money(10**17 + 1, "EUR"), "1000000000000000.01 EUR"),
        ],
    )
    def test_it_shows_every_digit(self, money: Money, shown: str) -> None:
        assert str(money) == f"{money}" == shown
        assert repr(money) == f"Money(amount={money.amount}, currency='{money.currency}')"
        assert Money.of(money.decimal, money.currency) == money

    def test_the_context_of_the_caller_changes_nothing(self) -> None:
        with localcontext(Context(prec=3, traps=[Inexact])):
            assert Money.of("123456.78", "EUR").decimal == Decimal("123456.78")
            assert Money(12345678, "EUR") * Decimal("0.5") == Money(6172839, "EUR")


MIXES: list[tuple[Callable[[Any], object], str]] = [
    (lambda m: m + 1, "unsupported operand"),
    (lambda m: 1 + m, "unsupported operand"),
    (lambda m: m - 1, "unsupported operand"),
    (lambda m: m + None, "unsupported operand"),
    (lambda m: m < 1, "not supported"),
    (lambda m: m <= "x", "not supported"),
    (lambda m: m > None, "not supported"),
    (lambda m: m >= 1.0, "not supported"),
    (lambda m: sum([m]), "unsupported operand"),
    (lambda m: m / 2, "unsupported operand"),
    (lambda m: float(m), "float"),
    (lambda m: int(m), "int"),
]


OF_TWO: list[Callable[[Money, Money], object]] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
]


TOO_LARGE: list[Callable[[Money], Money]] = [
    lambda m: m + m,
    lambda m: m * 2,
    lambda m: m * (10**400),
    lambda m: m * Decimal("1E+999"),
    lambda m: -m - m,
]


class TestArithmetic:
    def test_sums(self) -> None:
        assert Money(1999, "EUR") + Money(1, "EUR") == Money(2000, "EUR")
        assert Money(1999, "EUR") - Money(2000, "EUR") == Money(-1, "EUR")
        assert -Money(5, "EUR") == Money(-5, "EUR")
        assert abs(Money(-5, "EUR")) == Money(5, "EUR")
        assert sum([Money(1, "EUR"), Money(2, "EUR")], Money.zero("EUR")) == Money(3, "EUR")

    def test_products(self) -> None:
        assert Money(1999, "EUR") * 3 == 3 * Money(1999, "EUR") == Money(5997, "EUR")
        assert Money(1999, "EUR") * Decimal("0.5") == Money(1000, "EUR")
        assert Money(2001, "EUR") * Decimal("0.5") == Money(1000, "EUR")
        assert Money(1999, "EUR") * Percentage("19") == Money(380, "EUR")
        assert Money(1999, "EUR").times(Percentage("19"), rounding=ROUND_DOWN) == Money(379, "EUR")

    @pytest.mark.parametrize(("operation", "message"), MIXES)
    def test_money_mixes_with_money_only(self, operation: Callable[[Any], object], message: str) -> None:
        with pytest.raises(TypeError, match=message):
            operation(Money(1, "EUR"))

    @pytest.mark.parametrize("factor", [1.5, float("nan"), True, None, "2", Money(1, "EUR")], ids=repr)
    def test_a_factor_is_an_exact_number(self, factor: Any) -> None:
        with pytest.raises((TypeError, InvalidValueError)) as caught:
            operator.mul(Money(1, "EUR"), factor)
        if isinstance(factor, float):
            assert str(caught.value) == "Money must not be a float: pass a Decimal, an integer or text"

    @pytest.mark.parametrize("operation", OF_TWO)
    def test_currencies_do_not_mix(self, operation: Callable[[Money, Money], object]) -> None:
        with pytest.raises(CurrencyMismatchError) as caught:
            operation(Money(1, "EUR"), Money(1, "USD"))
        assert isinstance(caught.value, ValueError)
        assert (caught.value.left, caught.value.right) == ("EUR", "USD")
        assert str(caught.value) == "amounts in EUR and USD do not mix: convert one of them first"

    def test_order(self) -> None:
        assert Money(-1, "EUR") < Money(0, "EUR") <= Money(0, "EUR") < Money(1, "EUR")
        assert Money(1, "EUR") > Money(0, "EUR") >= Money(0, "EUR")
        assert sorted([Money(3, "EUR"), Money(1, "EUR")]) == [Money(1, "EUR"), Money(3, "EUR")]

    @pytest.mark.parametrize("operation", TOO_LARGE)
    def test_what_becomes_too_large_is_refused(self, operation: Callable[[Money], Money]) -> None:
        with pytest.raises(InvalidValueError, match=r"10\^18"):
            operation(Money(LIMIT, "EUR"))

    def test_random_arithmetic_is_that_of_decimal_with_50_digits(self) -> None:
        rng = random.Random(1)  # noqa: S311 - a seed, not a secret
        oracle = Context(prec=50)
        for _ in range(20_000):
            currency = rng.choice(CURRENCIES)
            exponent = EXPONENTS[currency]
            a, b = (
                Money(rng.randint(-(10 ** rng.randint(0, 17)), 10 ** rng.randint(0, 17)), currency) for _ in range(2)
            )
            factor = Decimal(rng.randint(-(10**6), 10**6)).scaleb(-rng.randint(0, 6))
            rounding = rng.choice(ROUNDINGS)
            unit = Decimal(1).scaleb(-exponent)
            assert (a + b).decimal == oracle.add(a.decimal, b.decimal)
            assert (a - b).decimal == oracle.subtract(a.decimal, b.decimal)
            assert (a < b) is (a.decimal < b.decimal)
            exact = oracle.multiply(a.decimal, factor)
            if abs(exact) < Decimal(LIMIT).scaleb(-exponent):
                rounded = exact.quantize(unit, rounding=rounding, context=oracle)
                assert a.times(factor, rounding=rounding).decimal == rounded
                assert Money.of(rounded, currency).decimal == rounded
                assert Money.of(str(rounded) if abs(rounded) > unit * 1000 else rounded, currency).decimal == rounded


class TestDivision:
    def test_parts_differ_by_one_unit_at_most_and_the_first_ones_are_larger(self) -> None:
        assert Money(100, "EUR").split(3) == (Money(34, "EUR"), Money(33, "EUR"), Money(33, "EUR"))
        assert Money(-100, "EUR").split(3) == (Money(-34, "EUR"), Money(-33, "EUR"), Money(-33, "EUR"))
        assert Money(2, "JPY").split(3) == (Money(1, "JPY"), Money(1, "JPY"), Money(0, "JPY"))
        assert Money(0, "EUR").split(2) == (Money(0, "EUR"), Money(0, "EUR"))
        assert Money(7, "EUR").split(1) == (Money(7, "EUR"),)

    @pytest.mark.parametrize(
        ("ratios", "parts"),
        [
            ([1, 1], [50, 50]),
            ([70, 30], [70, 30]),
            ([1, 2], [33, 67]),
            ([1, 0], [100, 0]),
            ([0, 1, 0], [0, 100, 0]),
            ([Decimal("0.5"), Decimal("0.25"), Decimal("0.25")], [50, 25, 25]),
            ([Decimal("1E+2"), 300], [25, 75]),
            ([Percentage(19), Percentage(81)], [19, 81]),
            ([1, Decimal("1.5"), Percentage("2.5")], [20, 30, 50]),
            ([1, 1, 1], [34, 33, 33]),
            ([10**18, 1], [100, 0]),
        ],
    )
    def test_an_amount_is_divided_in_proportion(self, ratios: list[Any], parts: list[int]) -> None:
        assert [part.amount for part in Money(100, "EUR").allocate(ratios)] == parts
        assert [part.amount for part in Money(-100, "EUR").allocate(ratios)] == [-part for part in parts]

    @pytest.mark.parametrize("ratios", [[], [0], [0, 0], [-1, 2], [Decimal("-0.1"), 1], [Percentage(0)]])
    def test_ratios_that_divide_nothing_are_refused(self, ratios: list[Any]) -> None:
        with pytest.raises(InvalidValueError) as caught:
            Money(100, "EUR").allocate(ratios)
        assert str(caught.value) == "Money is allocated by ratios from 0 upwards, at least one of them above 0"

    @pytest.mark.parametrize(
        "ratio", [0.5, float("nan"), True, None, "x", Decimal("NaN"), Decimal("Infinity"), Decimal("1E+99")]
    )
    def test_a_ratio_is_an_exact_number(self, ratio: Any) -> None:
        with pytest.raises(InvalidValueError):
            Money(100, "EUR").allocate([1, ratio])

    @pytest.mark.parametrize("parts", [0, -1, 2.0, True, None, "2"])
    def test_a_number_of_parts_is_a_whole_number(self, parts: Any) -> None:
        with pytest.raises(InvalidValueError) as caught:
            Money(100, "EUR").split(parts)
        assert str(caught.value) == "Money is split into a whole number of parts, from 1 upwards"

    def test_200_000_random_divisions_keep_the_sum_and_every_part_within_one_unit_of_its_share(self) -> None:
        rng = random.Random(2)  # noqa: S311 - a seed, not a secret
        # a tracer, such as coverage's, makes each case ten times as slow and counts lines, not cases
        for case in range(200_000 if sys.gettrace() is None else 5_000):
            limit = 10 ** rng.randint(0, 18)
            money = Money(rng.randint(-limit, limit), rng.choice(CURRENCIES))
            if case % 4 == 0:
                count = rng.randint(1, 12)
                parts, weights = money.split(count), [1] * count
            else:
                weights = [rng.randint(0, 10 ** rng.randint(0, 6)) for _ in range(rng.randint(1, 6))]
                if not any(weights):
                    weights[0] = 1
                parts = money.allocate(weights)
            whole, total = money.amount, sum(weights)
            amounts = [part.amount for part in parts]
            assert len(amounts) == len(weights)
            assert sum(amounts) == whole
            assert all(
                abs(part * total - whole * weight) < total for part, weight in zip(amounts, weights, strict=True)
            )

    def test_random_divisions_by_decimals(self) -> None:
        rng = random.Random(3)  # noqa: S311 - a seed, not a secret
        for _ in range(10_000):
            money = Money(rng.randint(-(10**12), 10**12), "EUR")
            weights = [Decimal(rng.randint(1, 10**6)).scaleb(rng.randint(-6, 3)) for _ in range(rng.randint(1, 5))]
            parts = money.allocate(weights)
            total = sum(map(Fraction, weights), Fraction(0))
            assert sum(part.amount for part in parts) == money.amount
            for part, weight in zip(parts, weights, strict=True):
                assert abs(part.amount - money.amount * Fraction(weight) / total) < 1
