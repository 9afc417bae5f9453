import pytest

from cleanarch_kit.application import full_jitter
from cleanarch_kit.application.backoff import jittered


@pytest.mark.parametrize(("attempts", "bound"), [(1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (5000, 10.0)])
def test_the_bound_doubles_with_each_attempt_up_to_the_longest(attempts: int, bound: float) -> None:
    waits = [full_jitter(first=2.0, longest=10.0)(attempts) for _ in range(2000)]
    assert 0 <= min(waits) < bound * 0.1
    assert bound * 0.9 < max(waits) <= bound


def test_a_poll_is_varied_by_half() -> None:
    waits = [jittered(10.0) for _ in range(2000)]
    assert 5.0 <= min(waits) < 6.0
    assert 14.0 < max(waits) <= 15.0
