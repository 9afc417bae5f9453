"""What adapters for Redis have in common: commands that end, and work that goes on without whoever began it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cleanarch_kit.adapters.redis.timed_client import TimedClient, client_maker


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[TimedClient]:
    make_client = client_maker(redis_url, 1)
    client = TimedClient("Test", make_client(), timeout=20.0, concurrency=1)
    client.own(make_client)
    yield client
    await client.close()


async def test_a_client_that_it_makes_repeats_nothing_by_itself(redis_url: str) -> None:
    retry = client_maker(redis_url, 1)().get_retry()
    assert retry is not None
    assert retry._retries == 0


async def test_what_was_begun_goes_on_without_its_caller_and_is_waited_for_at_the_end(client: TimedClient) -> None:
    may_end, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        ended.set()

    async def begin() -> None:
        await client.begin(work())

    caller = asyncio.create_task(begin())
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    assert not closing.done()
    may_end.set()
    await closing
    assert ended.is_set()


async def test_the_failure_of_what_was_begun_is_nobodys_concern(client: TimedClient) -> None:
    async def work() -> None:
        raise ValueError

    await client.begin(work())
