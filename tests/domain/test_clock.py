from datetime import UTC, datetime, timedelta

from cleanarch_kit.domain import Clock, SystemClock
from cleanarch_kit.domain.clock import unix_nanoseconds


def test_the_system_clock_tells_the_time_in_utc() -> None:
    clock: Clock = SystemClock()
    before = datetime.now(UTC)
    now = clock.now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC


def test_nanoseconds_and_the_clock_agree() -> None:
    difference = datetime.fromtimestamp(unix_nanoseconds() / 1e9, UTC) - SystemClock().now()
    assert abs(difference) < timedelta(seconds=5)
