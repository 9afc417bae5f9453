import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest

from cleanarch_kit.adapters.memory import InMemoryCacheBackend
from cleanarch_kit.application.caching.guard import CacheGuard

SECRET = "hunter2"


class Seconds:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class Backend(InMemoryCacheBackend):
    """Fails on demand, and tells what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.asked: list[tuple[str, ...]] = []
        self.pause: asyncio.Event | None = None

    async def delete_many(self, keys: Sequence[str], tags: Sequence[str] = ()) -> None:
        self.asked.append((*keys, *tags))
        if self.pause is not None:
            await self.pause.wait()
        if self.is_down:
            raise ConnectionError(SECRET)
        await super().delete_many(keys, tags)

    async def clear(self, prefix: str) -> None:
        self.asked.append((f"clear {prefix}",))
        if self.pause is not None:
            await self.pause.wait()
        if self.is_down:
            raise ConnectionError(SECRET)
        await super().clear(prefix)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def guard(backend: Backend, seconds: Seconds) -> CacheGuard:
    return CacheGuard(backend, "ns:", clock=seconds)


async def test_a_healthy_backend_is_told_at_once(backend: Backend, guard: CacheGuard) -> None:
    await guard.delete(["ns:k"], ["ns:t"])
    await guard.clear()
    assert backend.asked == [("ns:k", "ns:t"), ("clear ns:",)]
    assert guard.healthy
    assert guard.usable(["ns:t"])
    assert guard.faults == 0


async def test_three_faults_open_the_circuit_and_are_told_once(
    guard: CacheGuard, seconds: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        guard.failed(ConnectionError(SECRET))
    assert not guard.healthy
    assert not guard.usable(["ns:t"])
    assert guard.faults == 5
    seconds.now += 0.5
    assert guard.usable(["ns:t"])
    guard.succeeded()
    assert guard.healthy
    assert [record.getMessage() for record in caplog.records] == [
        "the cache backend fails (ConnectionError): calls go on without it",
        "the cache backend works again",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


async def test_one_fault_is_no_news(guard: CacheGuard, caplog: pytest.LogCaptureFixture) -> None:
    guard.failed(ConnectionError(SECRET))
    assert guard.usable(["ns:t"])
    guard.succeeded()
    assert guard.healthy
    assert caplog.records == []


async def test_an_invalidation_that_fails_is_sent_again(backend: Backend, guard: CacheGuard) -> None:
    backend.is_down = True
    await guard.delete(["ns:k"], ["ns:k", "ns:t"])
    assert not guard.healthy
    assert not guard.usable(["ns:other", "ns:t"])
    assert guard.usable(["ns:other"])
    await until(lambda: guard.faults >= 2)
    backend.is_down = False
    await until(lambda: guard.healthy)
    assert backend.asked[-1] == ("ns:k", "ns:t")
    assert guard.usable(["ns:t"])


async def test_a_clearing_that_fails_is_sent_again_and_nothing_is_read_until_then(
    backend: Backend, guard: CacheGuard
) -> None:
    backend.is_down = True
    await guard.clear()
    assert not guard.usable([])
    backend.is_down = False
    await until(lambda: guard.healthy)
    assert backend.asked == [("clear ns:",), ("clear ns:",)]
    assert guard.usable([])


async def test_with_an_open_circuit_nothing_is_tried_but_all_is_remembered(
    backend: Backend, guard: CacheGuard, seconds: Seconds
) -> None:
    for _ in range(3):
        guard.failed(ConnectionError())
    await guard.delete(["ns:k"], ["ns:t"])
    await guard.clear()
    await guard.delete(["ns:k"], ["ns:later"])
    assert backend.asked == []
    await until(lambda: guard.healthy)
    assert backend.asked == [("clear ns:",), ("ns:later",)]


async def test_a_cancelled_invalidation_is_sent_again(backend: Backend, guard: CacheGuard) -> None:
    backend.pause = asyncio.Event()
    for call in (guard.delete([], ["ns:t"]), guard.clear()):
        task = asyncio.ensure_future(call)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not guard.usable(["ns:t"])
    backend.pause = None
    await until(lambda: guard.healthy)
    assert backend.asked == [("ns:t",), ("clear ns:",), ("clear ns:",)]


async def test_what_fails_anew_while_the_old_is_being_sent_stays_unsent(backend: Backend, guard: CacheGuard) -> None:
    backend.is_down = True
    await guard.delete([], ["ns:t"])
    await guard.clear()
    backend.is_down = False
    backend.pause = pause = asyncio.Event()
    await until(lambda: len(backend.asked) == 3)  # the sender is in the middle of clearing
    guard._remember_clear()
    backend.pause = None
    pause.set()
    await until(lambda: guard.healthy)
    assert backend.asked.count(("clear ns:",)) == 3

    backend.is_down = True
    await guard.delete([], ["ns:t"])
    backend.is_down = False
    backend.pause = pause = asyncio.Event()
    count = len(backend.asked)
    await until(lambda: len(backend.asked) == count + 1)
    guard._remember(["ns:t"])
    backend.pause = None
    pause.set()
    await until(lambda: guard.healthy)
    assert backend.asked[count:] == [("ns:t",), ("ns:t",)]


async def test_many_tags_are_sent_in_parts(backend: Backend, guard: CacheGuard) -> None:
    backend.is_down = True
    tags = [f"ns:{number}" for number in range(1_200)]
    await guard.delete([], tags)
    backend.is_down = False
    await until(lambda: guard.healthy)
    sent = backend.asked[1:]
    assert [len(part) for part in sent] == [500, 500, 200]
    assert [tag for part in sent for tag in part] == tags


async def test_too_many_tags_are_given_up_for_clearing_everything(backend: Backend, guard: CacheGuard) -> None:
    backend.is_down = True
    await guard.delete([], [f"ns:{number}" for number in range(10_001)])
    assert not guard.usable(["ns:other"])
    backend.is_down = False
    await until(lambda: guard.healthy)
    assert backend.asked[1:] == [("clear ns:",)]


async def test_closing_tries_once_more(backend: Backend, guard: CacheGuard, caplog: pytest.LogCaptureFixture) -> None:
    backend.is_down = True
    await guard.delete([], ["ns:t"])
    backend.is_down = False
    await guard.close()
    assert backend.asked == [("ns:t",), ("ns:t",)]
    await guard.close()
    assert len(backend.asked) == 2
    assert caplog.records == []


async def test_what_is_lost_in_the_end_is_told(
    backend: Backend, guard: CacheGuard, caplog: pytest.LogCaptureFixture
) -> None:
    backend.is_down = True
    await guard.delete([], [f"ns:{SECRET}"])
    await guard.close()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == (
        "invalidations were lost, entries stay as they are until they expire: the cache backend failed"
        " (ConnectionError)"
    )
    assert SECRET not in caplog.text


def test_a_sender_whose_loop_has_ended_is_replaced(backend: Backend) -> None:
    guard = CacheGuard(backend, "ns:")
    backend.is_down = True

    async def fail() -> None:
        await guard.delete([], ["ns:t"])

    async def heal() -> None:
        assert not guard.usable(["ns:t"])
        await until(lambda: guard.healthy)

    asyncio.run(fail())
    backend.is_down = False
    asyncio.run(heal())
    assert guard.healthy
