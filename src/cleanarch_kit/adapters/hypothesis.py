"""Hypothesis strategies for value objects, ids and entities.

hypothesis finds them by itself, through an entry point: ``st.from_type(Email)``, ``st.builds(Order)`` and ``@given``
give valid values, of your own subclasses of `ScalarValue`, `EntityId` and `Entity` as well. The functions below are for
those who want to say more. What `st.register_type_strategy` says of a class comes first.
"""

from cleanarch_kit.application.extras import require

require("hypothesis", extra="hypothesis")

import string
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any, TypeVar

from hypothesis import strategies as st

from cleanarch_kit.domain.entity import Entity
from cleanarch_kit.domain.evaluation import plain_value
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.domain.field_types import fields_of
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.domain.values.currency import EXPONENTS, Currency
from cleanarch_kit.domain.values.date_range import DateRange
from cleanarch_kit.domain.values.email import Email
from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.domain.values.non_empty_str import NonEmptyStr
from cleanarch_kit.domain.values.percentage import Percentage
from cleanarch_kit.domain.values.phone_number import PhoneNumber
from cleanarch_kit.domain.values.secret import Secret
from cleanarch_kit.domain.values.slug import Slug
from cleanarch_kit.errors import InvalidValueError

__all__ = [
    "currencies",
    "date_ranges",
    "emails",
    "money",
    "percentages",
    "phone_numbers",
    "register",
    "scalars",
    "secrets",
    "slugs",
    "storable_text",
]

ScalarT = TypeVar("ScalarT", bound=ScalarValue[Any])

_LOWER_AND_DIGITS = string.ascii_lowercase + string.digits
_LARGEST_AMOUNT = 10**18
_LARGEST_MILLIONTHS = 10**12


def storable_text(*, min_size: int = 0, max_size: int | None = None) -> st.SearchStrategy[str]:
    """Text that every store can hold: any character but NUL and lone surrogates."""
    characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    return st.text(characters, min_size=min_size, max_size=max_size)


def scalars(kind: type[ScalarT], plain: st.SearchStrategy[object] | None = None) -> st.SearchStrategy[ScalarT]:
    """Values of a class with one field.

    Args:
        kind: the class.
        plain: what to build them from; by default any value of the plain type. What the class refuses is left out, so
            give a strategy of your own where it refuses most.
    """

    def is_taken(value: object) -> bool:
        try:
            kind.validate(value)
        except InvalidValueError:
            return False
        return True

    return (_plain(kind) if plain is None else plain).filter(is_taken).map(kind)


def emails() -> st.SearchStrategy[Email]:
    """E-mail addresses: plain ones, quoted ones and internationalised domains."""
    word = st.text(_LOWER_AND_DIGITS + "!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12)
    quoted = st.text(string.ascii_letters + " .@,:;<>()[]", min_size=1, max_size=12).map('"{}"'.format)
    local = st.one_of(st.lists(word, min_size=1, max_size=3).map(".".join), quoted)
    plain_label = st.text(_LOWER_AND_DIGITS, min_size=1, max_size=12)
    label = st.one_of(plain_label, st.text("äöüéñçøåабвгдеαβγ中文字", min_size=1, max_size=8))
    top_level = st.text(string.ascii_lowercase, min_size=2, max_size=6)
    domain = st.builds("{}.{}".format, st.lists(label, min_size=1, max_size=3).map(".".join), top_level)
    return scalars(Email, st.builds("{}@{}".format, local, domain))


def currencies() -> st.SearchStrategy[Currency]:
    """Currencies of ISO 4217."""
    return st.sampled_from(sorted(EXPONENTS)).map(Currency)


def money(
    currency: str | None = None, *, min_amount: int = -_LARGEST_AMOUNT, max_amount: int = _LARGEST_AMOUNT
) -> st.SearchStrategy[Money]:
    """Amounts of money.

    Args:
        currency: ISO 4217 code; any currency by default.
        min_amount: smallest amount in minor units.
        max_amount: largest amount in minor units.
    """
    codes = st.sampled_from(sorted(EXPONENTS)) if currency is None else st.just(currency)
    return st.builds(Money, st.integers(min_amount, max_amount), codes)


def percentages(min_value: int = -1_000_000, max_value: int = 1_000_000) -> st.SearchStrategy[Percentage]:
    """Percentages with six decimal places."""
    millionths = st.integers(max(min_value * 10**6, -_LARGEST_MILLIONTHS), min(max_value * 10**6, _LARGEST_MILLIONTHS))
    return millionths.map(lambda value: Percentage(Decimal(value).scaleb(-6)))


def date_ranges() -> st.SearchStrategy[DateRange]:
    """Days from one to another."""
    return st.tuples(st.dates(), st.dates()).map(sorted).map(lambda days: DateRange(*days))


def slugs() -> st.SearchStrategy[Slug]:
    """Words joined by hyphens."""
    word = st.text(_LOWER_AND_DIGITS, min_size=1, max_size=12)
    return st.lists(word, min_size=1, max_size=6).map("-".join).map(Slug)


def phone_numbers() -> st.SearchStrategy[PhoneNumber]:
    """Telephone numbers in international form; not all of them are given out."""
    rest = st.text(string.digits, min_size=6, max_size=14)
    return st.builds("+{}{}".format, st.sampled_from("123456789"), rest).map(PhoneNumber)


def secrets() -> st.SearchStrategy[Secret]:
    """Secrets of 1 to 64 characters."""
    return storable_text(min_size=1, max_size=64).map(Secret)


def register() -> None:
    """Make the strategies known to ``st.from_type``. Done when this module is imported; again changes nothing."""
    for kind, strategy in _STRATEGIES.items():
        st.register_type_strategy(kind, strategy())
    # the door through which hypothesis asks numpy for strategies, and the only one by which to answer for classes that
    # are defined later; a hypothesis without it knows the classes above and not their subclasses
    lookup = getattr(_types(), "_global_extra_lookup", {})
    lookup["cleanarch_kit.domain.value_object"] = _resolve


def _types() -> object:
    try:
        return import_module("hypothesis.strategies._internal.types")
    except ImportError:
        return None


def _resolve(kind: object) -> st.SearchStrategy[object] | None:
    found: Any = kind
    if not isinstance(kind, type):
        return None
    if issubclass(kind, ScalarValue):
        return _of_subclass(found)
    if issubclass(kind, Entity | DomainEvent):
        return _of_dataclass(found)
    return None


def _of_subclass(kind: type[ScalarValue[Any]]) -> st.SearchStrategy[object] | None:
    known = next((base for base in kind.__mro__ if base in _STRATEGIES), None)
    if known is not None:
        return scalars(kind, _STRATEGIES[known]().map(plain_value))
    return scalars(kind) if hasattr(kind, "value_type") else None


def _of_dataclass(kind: type[Entity[object]] | type[DomainEvent]) -> st.SearchStrategy[object]:
    """With ids of the entity's own type and with instants, where hypothesis would take any id and any datetime."""
    declared = fields_of(kind) or {}
    initialised = {field.name for field in fields(kind) if field.init}
    told: dict[str, st.SearchStrategy[object]] = {}
    for name in initialised & declared.keys():
        if declared[name] is datetime:
            told[name] = _PLAIN[datetime]
        elif name == "id" and isinstance(id_type := declared[name], type):
            told[name] = st.from_type(id_type)
    return st.builds(kind, **told)


def _plain(kind: type[ScalarValue[Any]]) -> st.SearchStrategy[object]:
    if kind.value_type is str:
        return storable_text(max_size=kind.max_length)
    return _PLAIN[kind.value_type] if kind.value_type in _PLAIN else st.from_type(kind.value_type)


_PLAIN: Mapping[type, st.SearchStrategy[object]] = {
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=st.just(UTC)),
    float: st.floats(allow_nan=False, allow_infinity=False),
}
_STRATEGIES: Mapping[type, Callable[[], st.SearchStrategy[object]]] = {
    Currency: currencies,
    DateRange: date_ranges,
    Email: emails,
    Money: money,
    NonEmptyStr: lambda: scalars(NonEmptyStr, storable_text(min_size=1, max_size=100)),
    Percentage: percentages,
    PhoneNumber: phone_numbers,
    Secret: secrets,
    Slug: slugs,
}

# Here and not as the entry point's function: where this module is imported first, importing hypothesis comes back to it
# while it is half built, and finds no function yet.
register()
