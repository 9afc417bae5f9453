"""Reading telephone numbers as people write them, with the package phonenumbers."""

from cleanarch_kit.application.extras import require

require("phonenumbers", extra="phonenumbers")

import phonenumbers

from cleanarch_kit.domain import _primitives
from cleanarch_kit.domain.values.phone_number import PhoneNumber
from cleanarch_kit.errors import InvalidValueError

__all__ = ["parse_phone_number"]

_LONGEST = 64


def parse_phone_number(text: str, *, region: str | None = None) -> PhoneNumber:
    """Read a number with spaces, hyphens and parentheses, and check it against the country's numbering plan.

    Args:
        text: the number, for example ``"020 7946 0958"``.
        region: ISO code of the country that a number without a country is in, for example ``"GB"``. Without it only
            numbers with a plus are understood.

    Raises:
        InvalidValueError: it is no number, or the country gives out no such number; its text never contains the input.
    """
    written = _primitives.text("PhoneNumber", text)
    if len(written) > _LONGEST:
        raise InvalidValueError("PhoneNumber", f"must have at most {_LONGEST} characters")
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException as error:
        without_country = error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        where = " that begins with + and a country, unless a region is given" if without_country else ""
        raise InvalidValueError("PhoneNumber", f"must be a telephone number{where}") from None
    if not phonenumbers.is_valid_number(number):
        raise InvalidValueError("PhoneNumber", "must be a number that its country gives out")
    return PhoneNumber(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
