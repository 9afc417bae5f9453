import copy
import pickle
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cleanarch_kit.domain import DateRange
from cleanarch_kit.errors import InvalidValueError

MAY = DateRange(date(2024, 5, 1), date(2024, 5, 31))
DAY = DateRange(date(2024, 5, 31), date(2024, 5, 31))
JUNE = DateRange(date(2024, 6, 1), date(2024, 6, 30))
ALL = DateRange(date.min, date.max)


def test_both_ends_belong_to_it() -> None:
    assert date(2024, 5, 1) in MAY
    assert date(2024, 5, 31) in MAY
    assert date(2024, 4, 30) not in MAY
    assert date(2024, 6, 1) not in MAY
    assert (len(MAY), len(DAY), len(ALL)) == (31, 1, 3_652_059)
    assert list(MAY)[::15] == [date(2024, 5, 1), date(2024, 5, 16), date(2024, 5, 31)]
    assert list(DAY) == [date(2024, 5, 31)]


def test_what_two_have_in_common() -> None:
    assert MAY.overlaps(DAY)
    assert DAY.overlaps(MAY)
    assert not MAY.overlaps(JUNE)
    assert MAY.intersection(DAY) == DAY
    assert MAY.intersection(JUNE) is None
    assert ALL.intersection(JUNE) == JUNE
    late = DateRange(date(2024, 5, 20), date(2024, 6, 10))
    assert MAY.intersection(late) == late.intersection(MAY) == DateRange(date(2024, 5, 20), date(2024, 5, 31))


def test_it_is_a_value() -> None:
    assert DateRange(date(2024, 5, 1), date(2024, 5, 31)) == MAY
    assert len({MAY, JUNE, copy.deepcopy(MAY), pickle.loads(pickle.dumps(MAY))}) == 2
    assert MAY < DAY < JUNE
    assert str(MAY) == "2024-05-01/2024-05-31"
    assert not hasattr(MAY, "__dict__")
    with pytest.raises(FrozenInstanceError):
        MAY.end = date(2025, 1, 1)  # type: ignore[misc]  # pyright: ignore


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (date(2024, 5, 2), date(2024, 5, 1), "DateRange must not end before it starts"),
        (datetime(2024, 5, 1, tzinfo=UTC), date(2024, 5, 2), "DateRange must be a date without a time"),
        (date(2024, 5, 1), datetime(2024, 5, 2), "DateRange must be a date without a time"),  # noqa: DTZ001
        ("2024-05-01", date(2024, 5, 2), "DateRange must be a date without a time"),
        (date(2024, 5, 1), None, "DateRange must be a date without a time"),
        (0, 1, "DateRange must be a date without a time"),
        (timedelta(1), True, "DateRange must be a date without a time"),
    ],
)
def test_anything_else_is_refused(start: Any, end: Any, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        DateRange(start, end)
    assert str(caught.value) == message
