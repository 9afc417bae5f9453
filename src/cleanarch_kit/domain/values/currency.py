"""`Currency`: the codes of ISO 4217 and how many decimal places each has."""

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Final

from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import InvalidValueError

__all__ = ["EXPONENTS", "ISO_4217_DATE", "Currency"]

ISO_4217_DATE: Final = date(2026, 1, 1)
"""The day on which the table was as it is here."""

_CODES: Final[Mapping[int, str]] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
        CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
        IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
        MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
        SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER
        ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_WITHDRAWN: Final[Mapping[int, str]] = {
    0: "BYR",
    2: "ANG BGN CUC EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL",
}

EXPONENTS: Final[Mapping[str, int]] = {
    code: exponent for table in (_CODES, _WITHDRAWN) for exponent, codes in table.items() for code in codes.split()
}
"""Decimal places of each currency: 2 for EUR, 0 for JPY, 3 for KWD."""


class Currency(ScalarValue[str]):
    """A currency by its ISO 4217 code, in capitals.

    Codes without a minor unit (gold, special drawing rights, test codes) are refused. Codes withdrawn since 2011 are
    taken, because old books hold amounts in them.
    """

    __slots__ = ()

    max_length = 3
    json_schema: ClassVar[Mapping[str, object]] = {"pattern": "^[A-Z]{3}$", "examples": ["EUR"]}

    @classmethod
    def validate(cls, value: object) -> str:
        """Return the code. See `ScalarValue.validate`."""
        if not isinstance(value, str) or value not in EXPONENTS:
            raise InvalidValueError(cls.__name__, "must be an ISO 4217 code in capitals, such as EUR")
        return value

    @property
    def exponent(self) -> int:
        """Decimal places: 2 for EUR, 0 for JPY, 3 for KWD."""
        return EXPONENTS[self.value]
