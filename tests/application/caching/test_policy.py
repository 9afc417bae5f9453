from datetime import timedelta
from math import inf, nan

import pytest

from cleanarch_kit.application import CacheEntry
from cleanarch_kit.application.caching.policy import CachePolicy, seconds
from cleanarch_kit.errors import DefinitionError


@pytest.mark.parametrize("ttl", [0, -1, nan, inf, -inf, 0.0])
def test_a_time_to_live_is_more_than_nothing_and_ends(ttl: float) -> None:
    with pytest.raises(DefinitionError, match=r"^ttl must be more than 0 seconds, not "):
        CachePolicy(ttl)


@pytest.mark.parametrize("jitter", [-0.1, 1, nan])
def test_a_jitter_is_a_share(jitter: float) -> None:
    with pytest.raises(DefinitionError, match=r"^jitter is a share of ttl: at least 0 and less than 1, not "):
        CachePolicy(1, jitter=jitter)


@pytest.mark.parametrize("value", [-1, nan, inf])
def test_extra_time_is_not_negative(value: float) -> None:
    with pytest.raises(DefinitionError, match=r"^stale must not be less than 0 seconds, not "):
        CachePolicy(1, stale=value)
    with pytest.raises(DefinitionError, match=r"^stale_on_error must not be less than 0 seconds, not "):
        CachePolicy(1, stale_on_error=value)


def test_jitter_shortens_and_never_lengthens() -> None:
    drawn = [CachePolicy(100, jitter=0.2).fresh_for() for _ in range(500)]
    assert 80 < min(drawn) < 85
    assert 95 < max(drawn) <= 100
    assert {CachePolicy(100).fresh_for() for _ in range(10)} == {100}


def test_an_old_value_is_kept_as_long_as_anything_needs_it() -> None:
    assert CachePolicy(1).kept_after == 0
    assert CachePolicy(1, stale=2, stale_on_error=3).kept_after == 3
    assert CachePolicy(1, stale=4, stale_on_error=3).kept_after == 4


def test_a_plain_policy_needs_no_look_at_the_clock() -> None:
    assert CachePolicy(1, jitter=0.5, lock=True).is_plain
    assert not CachePolicy(1, stale=1).is_plain
    assert not CachePolicy(1, stale_on_error=1).is_plain
    assert not CachePolicy(1, early=True).is_plain


def entry(load_time: float) -> CacheEntry:
    return CacheEntry(b"1", (), (), 1_000.0, load_time)


def share_due(policy: CachePolicy, load_time: float, before_end: float) -> float:
    return sum(policy.is_due(entry(load_time), 1_000.0 - before_end) for _ in range(4_000)) / 4_000


def test_a_value_is_renewed_early_the_rather_the_nearer_its_end_and_the_slower_its_computation() -> None:
    """XFetch: the chance is exp(-time left / load time)."""
    policy = CachePolicy(60, early=True)
    assert share_due(policy, 1, 1) == pytest.approx(0.368, abs=0.05)
    assert share_due(policy, 1, 3) == pytest.approx(0.050, abs=0.03)
    assert share_due(policy, 3, 3) == pytest.approx(0.368, abs=0.05)
    assert share_due(policy, 1, 30) == 0
    assert share_due(policy, 1, 0) == 1


def test_only_where_it_was_asked_for() -> None:
    assert share_due(CachePolicy(60), 100, 0) == 0


@pytest.mark.parametrize(("given", "expected"), [(5, 5), (0.5, 0.5), (timedelta(minutes=1, milliseconds=5), 60.005)])
def test_durations(given: float | timedelta, expected: float) -> None:
    assert seconds(given) == expected
