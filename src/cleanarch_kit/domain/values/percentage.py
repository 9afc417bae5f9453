"""`Percentage`: parts of a hundred."""

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import TYPE_CHECKING, ClassVar, Final, Self

from cleanarch_kit.domain._primitives import decimal_number
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import InvalidValueError

__all__ = ["Percentage"]

_TEXT = re.compile(r"[+-]?[0-9]{1,7}(?:\.[0-9]{1,12})?", re.ASCII).fullmatch
_EXACT: Final = Context(prec=40)
_PLACES: Final = Decimal("0.000001")
_LIMIT: Final = 1_000_000


class Percentage(ScalarValue[Decimal]):
    """A number of hundredths: ``Percentage(19)`` is 19 %.

    At most a million per cent either way, with six decimal places, so that a NUMERIC(13, 6) column holds it exactly.
    JSON carries it as text, and takes text or an integer: a JSON number with a fraction has been through a float.

    Attributes:
        value: the percentage as a `Decimal` without trailing zeros: ``Decimal("19")``.
    """

    __slots__ = ()

    json_schema: ClassVar[Mapping[str, object]] = {"examples": ["19", "7.5"]}

    if TYPE_CHECKING:

        def __init__(self, value: Decimal | int | str) -> None:
            """Take a number or its text.

            Raises:
                InvalidValueError: no number, a float, not finite, out of range, or with more than six decimal places.
            """
            ...

    @classmethod
    def validate(cls, value: object) -> Decimal:
        """Return the number without trailing zeros. See `ScalarValue.validate`."""
        if isinstance(value, str):
            if not _TEXT(value):
                raise InvalidValueError(cls.__name__, "must be a number such as 19 or 7.5, without a % sign")
            value = Decimal(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            value = Decimal(value) if -_LIMIT <= value <= _LIMIT else Decimal(_LIMIT + 1)
        number = decimal_number(cls.__name__, value)
        if not -_LIMIT <= number <= _LIMIT:
            raise InvalidValueError(cls.__name__, "must be from -1000000 to 1000000")
        rounded = number.quantize(_PLACES, context=_EXACT)
        if rounded != number:
            raise InvalidValueError(cls.__name__, "must have at most 6 decimal places")
        return _without_zeros(rounded)

    @classmethod
    def restore(cls, value: object) -> Self:
        """Rebuild one, also from what a NUMERIC column gives, which pads with zeros. See `ScalarValue.restore`."""
        return super().restore(_without_zeros(value))

    @property
    def fraction(self) -> Decimal:
        """The share of one: 0.19 for 19 %."""
        return self.value.scaleb(-2, context=_EXACT)

    def __str__(self) -> str:
        return f"{self.value:f}"


def _without_zeros(number: object) -> Decimal:
    """The same number without an exponent, and with no more decimal places than it needs."""
    written = f"{number:f}"
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return Decimal("0" if written == "-0" else written)
