"""`DateRange`: days from one to another."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from cleanarch_kit.domain._primitives import plain_date
from cleanarch_kit.errors import InvalidValueError

__all__ = ["DateRange"]


@dataclass(frozen=True, slots=True, order=True)
class DateRange:
    """Days from `start` to `end`, both included. Ordered by start, then by end.

    ``day in period`` tells whether a day is in it, ``len(period)`` how many days it has, and going through it gives
    each of them.

    Attributes:
        start: the first day.
        end: the last day; not before the first.
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        plain_date("DateRange", self.start)
        plain_date("DateRange", self.end)
        if self.end < self.start:
            raise InvalidValueError("DateRange", "must not end before it starts")

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end

    def __len__(self) -> int:
        return (self.end - self.start).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(days=offset) for offset in range(len(self)))

    def __str__(self) -> str:
        return f"{self.start.isoformat()}/{self.end.isoformat()}"

    def overlaps(self, other: "DateRange") -> bool:
        """Whether they have a day in common."""
        return self.start <= other.end and other.start <= self.end

    def intersection(self, other: "DateRange") -> "DateRange | None":
        """The days they have in common, or None."""
        if not self.overlaps(other):
            return None
        return DateRange(max(self.start, other.start), min(self.end, other.end))
