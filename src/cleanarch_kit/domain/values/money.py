"""`Money`: amounts that add up."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Annotated, Final

from cleanarch_kit.domain._primitives import decimal_number
from cleanarch_kit.domain._pydantic import composite_schema
from cleanarch_kit.domain.values.currency import EXPONENTS, Currency
from cleanarch_kit.domain.values.percentage import Percentage
from cleanarch_kit.errors import CurrencyMismatchError, InvalidValueError

__all__ = ["CurrencyCode", "MinorUnits", "Money"]


_LIMIT: Final = 10**18
MinorUnits = Annotated[int, range(-_LIMIT, _LIMIT + 1)]
CurrencyCode = Annotated[str, Currency]
_SAFE_DIGITS: Final = 18
_TEXT = re.compile(r"([+-]?[0-9]{1,20})(?:\.([0-9]{1,20}))?", re.ASCII).fullmatch
_EXACT: Final = Context(prec=5_000)


@dataclass(frozen=True, slots=True, init=False)
class Money:
    """An amount in a currency, in whole minor units: ``Money(1999, "EUR")`` is 19.99 EUR.

    There is no float on any path. Amounts reach from -10^18 to 10^18 minor units, which a BIGINT column holds.
    Amounts of different currencies are never equal, and adding, subtracting or ordering them is an error.

    Attributes:
        amount: minor units of the currency: cents for EUR, yen for JPY, fils for KWD.
        currency: ISO 4217 code.
    """

    amount: MinorUnits
    currency: CurrencyCode

    def __init__(self, amount: MinorUnits, currency: CurrencyCode) -> None:
        """Take minor units and a code.

        Raises:
            InvalidValueError: the amount is no integer or too large, or there is no such currency.
        """
        if (
            type(amount) is not int
            or type(currency) is not str
            or currency not in EXPONENTS
            or not -_LIMIT <= amount <= _LIMIT
        ):
            raise _refusal(amount)
        _set_amount(self, amount)
        _set_currency(self, currency)

    def __post_init__(self) -> None:
        """For pydantic and msgspec, which set the fields of a dataclass themselves and call this then."""
        Money(self.amount, self.currency)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> object:
        amount = {"type": "int", "strict": True, "ge": -_LIMIT, "le": _LIMIT}
        return composite_schema(cls, {"amount": amount, "currency": {"type": "str", "strict": True}})

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str | Currency, *, rounding: str | None = None) -> "Money":
        """An amount in major units: ``Money.of("19.99", "EUR")``.

        Args:
            amount: text such as ``"-1234.5"``, an integer or a `Decimal`.
            currency: ISO 4217 code.
            rounding: a rounding mode of the `decimal` module. Without it, an amount with more decimal places than
                the currency has is refused.

        Raises:
            InvalidValueError: no number, a float, not finite, too large, too many decimal places, or no currency.
        """
        if type(amount) is str and type(currency) is str and currency in EXPONENTS:
            whole, _, fraction = amount.partition(".")  # text as most of it is: with every decimal place, unsigned
            digits = whole + fraction
            if (
                whole
                and fraction
                and len(fraction) == EXPONENTS[currency]
                and len(digits) <= _SAFE_DIGITS
                and digits.isdigit()
                and digits.isascii()
            ):
                money = _new(cls)
                _set_amount(money, int(digits))
                _set_currency(money, currency)
                return money
        code = _code(currency)
        if isinstance(amount, str) and (minor := _minor_units(amount, EXPONENTS[code])) is not None:
            return cls(minor, code)
        scaled = _number(amount).scaleb(EXPONENTS[code], context=_EXACT)
        rounded = _whole(scaled, rounding or ROUND_HALF_EVEN)
        if rounding is None and rounded != scaled:
            raise InvalidValueError(
                "Money", f"amount in {code} has at most {EXPONENTS[code]} decimal places: pass rounding= to round it"
            )
        return cls(rounded, code)

    @classmethod
    def zero(cls, currency: str | Currency) -> "Money":
        """Nothing, in a currency. Start a sum with it: ``sum(amounts, Money.zero("EUR"))``."""
        return cls(0, _code(currency))

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exactly, with as many decimal places as the currency has."""
        return Decimal(self.amount).scaleb(-EXPONENTS[self.currency], context=_EXACT)

    def __str__(self) -> str:
        return f"{self.decimal:f} {self.currency}"

    def __add__(self, other: "Money") -> "Money":
        if type(other) is not Money:
            return NotImplemented
        return Money(self.amount + self._amount_of(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        if type(other) is not Money:
            return NotImplemented
        return Money(self.amount - self._amount_of(other), self.currency)

    def __mul__(self, factor: int | Decimal | Percentage) -> "Money":
        """Multiply; a fraction of a minor unit is rounded half to even. For another rounding see `times`."""
        return self.times(factor)

    __rmul__ = __mul__

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __abs__(self) -> "Money":
        return Money(abs(self.amount), self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._amount_of(other) if type(other) is Money else NotImplemented

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._amount_of(other) if type(other) is Money else NotImplemented

    def __gt__(self, other: "Money") -> bool:
        return self.amount > self._amount_of(other) if type(other) is Money else NotImplemented

    def __ge__(self, other: "Money") -> bool:
        return self.amount >= self._amount_of(other) if type(other) is Money else NotImplemented

    def times(self, factor: int | Decimal | Percentage, *, rounding: str = ROUND_HALF_EVEN) -> "Money":
        """Multiply and round to whole minor units.

        Args:
            factor: a number or a percentage.
            rounding: a rounding mode of the `decimal` module.

        Raises:
            InvalidValueError: the factor is no finite number, or the product is out of range.
        """
        if isinstance(factor, Percentage):
            factor = factor.fraction
        product = _EXACT.multiply(Decimal(self.amount), _exact(factor))
        return Money(_whole(product, rounding), self.currency)

    def split(self, parts: int) -> tuple["Money", ...]:
        """Split into equal parts that differ by one minor unit at most; the first ones get what is left over.

        Raises:
            InvalidValueError: `parts` is no integer from 1 upwards.
        """
        if type(parts) is not int or parts < 1:
            raise InvalidValueError("Money", "is split into a whole number of parts, from 1 upwards")
        return self.allocate((1,) * parts)

    def allocate(self, ratios: Sequence[int | Decimal | Percentage]) -> tuple["Money", ...]:
        """Divide in proportion, so that the parts add up to the whole.

        Each part is within one minor unit of its exact share. Units left over go to the largest remainders, the
        first of equal ones first. A negative amount is divided as the positive one is.

        Raises:
            InvalidValueError: no ratios, a negative one, or nothing but zeros.
        """
        weights = _weights(ratios)
        total, whole = sum(weights), abs(self.amount)
        shares = [divmod(whole * weight, total) for weight in weights]
        parts = [share for share, _ in shares]
        left_over = whole - sum(parts)
        for index in sorted(range(len(parts)), key=lambda i: -shares[i][1])[:left_over]:
            parts[index] += 1
        sign = -1 if self.amount < 0 else 1
        return tuple(Money(sign * part, self.currency) for part in parts)

    def _amount_of(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise CurrencyMismatchError(self.currency, other.currency)
        return other.amount


_new = object.__new__
_set_amount: Callable[[Money, int], None] = vars(Money)["amount"].__set__
_set_currency: Callable[[Money, str], None] = vars(Money)["currency"].__set__


def _refusal(amount: object) -> InvalidValueError:
    if type(amount) is not int:
        return InvalidValueError(
            "Money", "amount must be an integer number of minor units: use Money.of() for a decimal amount"
        )
    if not -_LIMIT <= amount <= _LIMIT:
        return InvalidValueError("Money", "amount must be from -10^18 to 10^18 minor units")
    return InvalidValueError("Money", "currency must be an ISO 4217 code in capitals, such as EUR")


def _code(currency: str | Currency) -> str:
    if type(currency) is str and currency in EXPONENTS:
        return currency
    return currency.value if isinstance(currency, Currency) else Currency(currency).value


def _minor_units(written: str, exponent: int) -> int | None:
    """The amount that a text says, or None if it has more decimal places than the currency, or is no number."""
    match = _TEXT(written)
    if match is None or len(fraction := match[2] or "") > exponent:
        return None
    return int(match[1] + fraction.ljust(exponent, "0"))


def _number(value: object) -> Decimal:
    if isinstance(value, str):
        if not _TEXT(value):
            raise InvalidValueError("Money", "amount must be a number such as 19.99")
        return Decimal(value)
    return _exact(value)


def _exact(value: object) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(max(-_LIMIT - 1, min(value, _LIMIT + 1)))
    number = decimal_number("Money", value)
    if number and number.adjusted() > 30:
        raise InvalidValueError("Money", "amount must be from -10^18 to 10^18 minor units")
    return number


def _whole(number: Decimal, rounding: str) -> int:
    return int(number.to_integral_value(rounding))


def _weights(ratios: Sequence[int | Decimal | Percentage]) -> list[int]:
    """The ratios as whole numbers in the same proportion."""
    numbers = [ratio.value if isinstance(ratio, Percentage) else _exact(ratio) for ratio in ratios]
    if any(number < 0 for number in numbers) or not any(numbers):
        raise InvalidValueError("Money", "is allocated by ratios from 0 upwards, at least one of them above 0")
    smallest = min(int(number.as_tuple().exponent) for number in numbers)
    return [int(number.scaleb(-smallest, context=_EXACT)) for number in numbers]
