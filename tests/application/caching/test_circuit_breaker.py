from itertools import pairwise

import pytest

from cleanarch_kit.application.caching.circuit_breaker import CircuitBreaker


class Seconds:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def opened(seconds: Seconds) -> CircuitBreaker:
    breaker = CircuitBreaker(clock=seconds)
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
    return breaker


def test_three_faults_in_a_row_open_it(seconds: Seconds) -> None:
    breaker = CircuitBreaker(clock=seconds)
    assert not breaker.is_open
    for _ in range(2):
        breaker.failed()
        breaker.failed()
        assert breaker.allows()
        assert not breaker.is_open
        breaker.succeeded()
    assert opened(seconds).is_open


def test_an_open_one_lets_a_single_call_through_after_its_pause(seconds: Seconds) -> None:
    breaker = opened(seconds)
    assert not breaker.allows()
    seconds.now += 0.499
    assert not breaker.allows()
    seconds.now += 0.001
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_a_success_closes_it(seconds: Seconds) -> None:
    breaker = opened(seconds)
    seconds.now += 0.5
    assert breaker.allows()
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.allows()


def test_each_probe_that_fails_doubles_the_pause_up_to_thirty_seconds(seconds: Seconds) -> None:
    breaker = opened(seconds)
    probes: list[float] = []
    for _ in range(400):
        seconds.now += 0.5
        if breaker.allows():
            probes.append(seconds.now)
            breaker.failed()
    pauses = [later - earlier for earlier, later in pairwise(probes)]
    assert pauses[:8] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_many_failures_at_once_do_not_lengthen_the_pause(seconds: Seconds) -> None:
    breaker = CircuitBreaker(clock=seconds)
    for _ in range(500):
        breaker.failed()
    seconds.now += 0.5
    assert breaker.allows()


def test_the_pause_is_short_again_after_a_success(seconds: Seconds) -> None:
    breaker = opened(seconds)
    for _ in range(5):
        seconds.now += 30
        assert breaker.allows()
        breaker.failed()
    breaker.succeeded()
    for _ in range(3):
        breaker.failed()
    seconds.now += 0.5
    assert breaker.allows()


def test_a_probe_that_never_answers_is_followed_by_another(seconds: Seconds) -> None:
    breaker = opened(seconds)
    seconds.now += 0.5
    assert breaker.allows()
    seconds.now += 1
    assert breaker.allows()
