"""The in-memory store grants each key once, until its time is over."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta

import pytest

from cleanarch_kit.adapters.memory import InMemoryIdempotencyStore
from cleanarch_kit.application import IdempotencyStore
from cleanarch_kit.errors import IdempotencyConflictError
from cleanarch_kit.testing import IdempotencyStoreContract, OpenStore


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> IdempotencyStore:
    return InMemoryIdempotencyStore(keep=timedelta(seconds=100), lease=timedelta(seconds=10), clock=clock)


class TestInMemoryIdempotencyStore(IdempotencyStoreContract):
    @pytest.fixture
    def subject(self) -> OpenStore:
        self.store = InMemoryIdempotencyStore()
        return lambda: nullcontext(self.store)

    @pytest.fixture
    def hasty(self, subject: OpenStore) -> OpenStore:
        @asynccontextmanager
        async def open_store() -> AsyncGenerator[IdempotencyStore]:
            patient, self.store._lease = self.store._lease, timedelta(seconds=0.2)
            try:
                yield self.store
            finally:
                self.store._lease = patient

        return open_store


async def test_the_first_claim_is_granted_and_others_are_refused_until_it_is_completed(store: IdempotencyStore) -> None:
    claim = await store.claim("a")
    assert claim.result is None
    with pytest.raises(IdempotencyConflictError):
        await store.claim("a")
    assert (await store.claim("b")).result is None

    await claim.complete(b"1")
    assert (await store.claim("a")).result == b"1"
    assert (await store.claim("a")).result == b"1"


async def test_a_released_claim_may_be_taken_again(store: IdempotencyStore) -> None:
    await (await store.claim("a")).release()
    assert (await store.claim("a")).result is None


async def test_a_result_is_kept_for_its_time(store: IdempotencyStore, clock: Clock) -> None:
    await (await store.claim("a")).complete(b"1")
    clock.advance(99)
    assert (await store.claim("a")).result == b"1"
    clock.advance(1)
    assert (await store.claim("a")).result is None


async def test_a_claim_that_was_left_alone_ends_by_itself(store: IdempotencyStore, clock: Clock) -> None:
    abandoned = await store.claim("a")
    clock.advance(9)
    with pytest.raises(IdempotencyConflictError):
        await store.claim("a")
    clock.advance(1)
    taken = await store.claim("a")

    with pytest.raises(IdempotencyConflictError):
        await abandoned.complete(b"late")
    await abandoned.release()
    with pytest.raises(IdempotencyConflictError):
        await store.claim("a")
    await taken.complete(b"1")
    assert (await store.claim("a")).result == b"1"


async def test_what_is_over_is_forgotten(clock: Clock) -> None:
    store = InMemoryIdempotencyStore(keep=timedelta(seconds=1), clock=clock)
    for number in range(100):
        await (await store.claim(str(number))).complete(b"")
        clock.advance(1)
    assert len(store._claims) == 1


async def test_by_default_a_result_is_kept_for_a_day() -> None:
    store = InMemoryIdempotencyStore()
    await (await store.claim("a")).complete(b"1")
    assert (await store.claim("a")).result == b"1"
