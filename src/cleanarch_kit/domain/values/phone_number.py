"""`PhoneNumber`: a number that can be dialled from anywhere."""

import re
from collections.abc import Mapping
from typing import ClassVar

from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import InvalidValueError

__all__ = ["PhoneNumber"]

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII).fullmatch


class PhoneNumber(ScalarValue[str]):
    """A telephone number in its international form (E.164): ``+442079460958``, a plus and 7 to 15 digits.

    What people type, with spaces and without a country, is read by `cleanarch_kit.adapters.phonenumbers`, which knows
    the numbering plans.
    """

    __slots__ = ()

    max_length = 16
    sensitive = True
    json_schema: ClassVar[Mapping[str, object]] = {"format": "phone", "pattern": r"^\+[1-9][0-9]{6,14}$"}

    @classmethod
    def validate(cls, value: object) -> str:
        """Return the number. See `ScalarValue.validate`."""
        number = super().validate(value)
        if not _E164(number):
            raise InvalidValueError(cls.__name__, "must have the form +442079460958: a plus and 7 to 15 digits")
        return number
