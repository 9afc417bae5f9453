"""The domain ring: plain Python for the rules of a business, on the standard library alone.

Adapter authors find the tree behind criteria in `cleanarch_kit.domain.criteria`.
"""

from cleanarch_kit.domain.changes import Assignment, Changes, change
from cleanarch_kit.domain.clock import Clock, SystemClock
from cleanarch_kit.domain.criteria import Criterion, Ordering
from cleanarch_kit.domain.entity import AggregateRoot, Entity
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.domain.identity import EntityId, uuid7
from cleanarch_kit.domain.quantifier import any_
from cleanarch_kit.domain.specification import (
    Specification,
    asc,
    contains,
    desc,
    is_null,
    not_,
    one_of,
    present,
    starts_with,
)
from cleanarch_kit.domain.tracing import everything
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.domain.values.currency import Currency
from cleanarch_kit.domain.values.date_range import DateRange
from cleanarch_kit.domain.values.email import Email
from cleanarch_kit.domain.values.money import Money
from cleanarch_kit.domain.values.non_empty_str import NonEmptyStr
from cleanarch_kit.domain.values.percentage import Percentage
from cleanarch_kit.domain.values.phone_number import PhoneNumber
from cleanarch_kit.domain.values.secret import Secret
from cleanarch_kit.domain.values.slug import Slug

__all__ = [
    "AggregateRoot",
    "Assignment",
    "Changes",
    "Clock",
    "Criterion",
    "Currency",
    "DateRange",
    "DomainEvent",
    "Email",
    "Entity",
    "EntityId",
    "Money",
    "NonEmptyStr",
    "Ordering",
    "Percentage",
    "PhoneNumber",
    "ScalarValue",
    "Secret",
    "Slug",
    "Specification",
    "SystemClock",
    "any_",
    "asc",
    "change",
    "contains",
    "desc",
    "everything",
    "is_null",
    "not_",
    "one_of",
    "present",
    "starts_with",
    "uuid7",
]
