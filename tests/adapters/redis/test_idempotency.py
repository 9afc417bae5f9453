"""Requests remembered in Redis: by every process, whatever becomes of a reply, a caller or a lease."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from cleanarch_kit.adapters.redis import RedisIdempotencyStore
from cleanarch_kit.application import Command, Idempotency, IdempotencyClaim, MessageBus, handles, idempotent
from cleanarch_kit.errors import DefinitionError, IdempotencyConflictError, TransientError
from cleanarch_kit.testing import CancellationStyle, IdempotencyStoreContract, OpenStore, cancel_everywhere

PATIENT = 20.0


class Losing(Redis):
    """A client of the real server that does to the replies what a bad day does."""

    lost = 0
    frozen = False

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        server: Any = super()
        answer: object = await server.execute_command(*args, **options)
        if self.frozen:
            await asyncio.Event().wait()
        if self.lost:
            self.lost -= 1
            raise RedisConnectionError("ada@example.com")
        return answer


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    async with Losing.from_url(redis_url) as client:  # pyright: ignore[reportUnknownMemberType] - untyped options
        yield client


@pytest.fixture
async def store(redis: Any, redis_prefix: str) -> AsyncIterator[RedisIdempotencyStore]:
    store = RedisIdempotencyStore(redis, prefix=redis_prefix, timeout=PATIENT)
    yield store
    await store.close()


class TestRedisIdempotencyStore(IdempotencyStoreContract):
    @pytest.fixture
    async def subject(self, redis_url: str, redis_prefix: str) -> AsyncIterator[OpenStore]:
        store = RedisIdempotencyStore.from_url(redis_url, prefix=redis_prefix, timeout=PATIENT)
        yield lambda: nullcontext(store)
        await store.close()

    @pytest.fixture
    async def hasty(self, redis_url: str, redis_prefix: str) -> AsyncIterator[OpenStore]:
        store = RedisIdempotencyStore.from_url(
            redis_url, prefix=redis_prefix, lease=timedelta(seconds=0.2), timeout=PATIENT
        )
        yield lambda: nullcontext(store)
        await store.close()


class TestInRedis:
    async def test_where_things_lie_and_for_how_long(self, redis: Any, redis_prefix: str) -> None:
        store = RedisIdempotencyStore(
            redis, prefix=redis_prefix, lease=timedelta(seconds=10), keep=timedelta(seconds=100), timeout=PATIENT
        )
        claim = await store.claim("a")
        held = await redis.get(f"{redis_prefix}a")
        assert held.startswith(b"?")
        assert 0 < await redis.pttl(f"{redis_prefix}a") <= 10_000

        await claim.complete(b"7")
        assert await redis.get(f"{redis_prefix}a") == b"=" + held[1:] + b"7"
        assert 10_000 < await redis.pttl(f"{redis_prefix}a") <= 100_000

        await (await store.claim("b")).release()
        assert await redis.exists(f"{redis_prefix}b") == 0

    async def test_by_default_a_claim_holds_for_minutes_and_a_result_for_a_day(
        self, store: RedisIdempotencyStore, redis: Any, redis_prefix: str
    ) -> None:
        claim = await store.claim("a")
        assert 290_000 < await redis.pttl(f"{redis_prefix}a") <= 300_000
        await claim.complete(b"7")
        assert 86_390_000 < await redis.pttl(f"{redis_prefix}a") <= 86_400_000

    async def test_what_somebody_else_wrote_there_is_neither_a_result_nor_free(
        self, store: RedisIdempotencyStore, redis: Any, redis_prefix: str
    ) -> None:
        await redis.set(f"{redis_prefix}a", "something", px=60_000)
        with pytest.raises(IdempotencyConflictError):
            await store.claim("a")
        await redis.rpush(f"{redis_prefix}b", "a list")
        with pytest.raises(TransientError, match="Redis refused a command"):
            await store.claim("b")
        await store.close()
        assert await redis.exists(f"{redis_prefix}a", f"{redis_prefix}b") == 2


class TestLostReplies:
    async def test_a_claim_whose_reply_is_lost_is_granted_when_it_is_asked_for_again(
        self, store: RedisIdempotencyStore, redis: Any
    ) -> None:
        redis.lost = 1
        claim = await store.claim("a")
        assert claim.result is None
        with pytest.raises(IdempotencyConflictError):
            await store.claim("a")

    async def test_a_result_whose_reply_is_lost_is_kept(self, store: RedisIdempotencyStore, redis: Any) -> None:
        claim = await store.claim("a")
        redis.lost = 1
        await claim.complete(b"7")
        assert (await store.claim("a")).result == b"7"

    async def test_a_release_whose_reply_is_lost_releases_nobody_else(
        self, store: RedisIdempotencyStore, redis: Any
    ) -> None:
        claim = await store.claim("a")
        await claim.release()
        await store.claim("a")
        redis.lost = 1
        await claim.release()
        with pytest.raises(IdempotencyConflictError):
            await store.claim("a")

    async def test_a_claim_that_nobody_knows_of_is_given_back(self, store: RedisIdempotencyStore, redis: Any) -> None:
        redis.lost = 2
        with pytest.raises(TransientError) as caught:
            await store.claim("a")
        assert caught.value.reason == "Redis does not answer"
        assert isinstance(caught.value.orig, RedisConnectionError)
        assert caught.value.__context__ is None
        await store._client.settle()
        assert (await store.claim("a")).result is None

    async def test_a_server_that_does_not_answer_is_given_up_in_time(self, redis: Any, redis_prefix: str) -> None:
        store = RedisIdempotencyStore(redis, prefix=redis_prefix, timeout=0.05)
        redis.frozen = True
        async with asyncio.timeout(PATIENT):
            with pytest.raises(TransientError, match="Redis does not answer"):
                await store.claim("a")
            await store.close()


@dataclass(frozen=True)
class Pay(Command[int]):
    request_id: str


async def test_a_message_is_handled_once_through_lost_replies(
    store: RedisIdempotencyStore, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    paid: list[str] = []

    @handles(Pay)
    async def pay(command: Pay) -> int:
        paid.append(command.request_id)
        redis.lost = 1
        return len(paid)

    bus = MessageBus(
        [pay], middleware=[Idempotency([idempotent(Pay, lambda command: command.request_id)], store=store)]
    )
    for number in range(1, 4):
        redis.lost = 1
        assert [await bus.execute(Pay(str(number))) for _ in range(3)] == [number] * 3
    assert paid == ["1", "2", "3"]
    assert caplog.messages == []


class TestClients:
    async def test_one_that_was_passed_in_stays_open(self, redis: Any, redis_prefix: str) -> None:
        store = RedisIdempotencyStore(redis, prefix=redis_prefix, timeout=PATIENT)
        await store.claim("a")
        await store.close()
        await store.close()
        assert await redis.ping()
        with pytest.raises(RuntimeError, match="this RedisIdempotencyStore is closed"):
            await store.claim("b")

    @pytest.mark.parametrize("style", list(CancellationStyle))
    async def test_a_cancellation_leaves_neither_a_claim_nor_a_connection_behind(
        self, redis_url: str, redis_prefix: str, style: CancellationStyle
    ) -> None:
        store = RedisIdempotencyStore.from_url(redis_url, prefix=redis_prefix, timeout=PATIENT, concurrency=1)

        granted: list[IdempotencyClaim] = []

        async def use() -> None:
            granted.append(await store.claim("a"))

        async def verify() -> None:
            await store._client.settle()
            if granted:
                await granted.pop().release()
            await (await store.claim("a")).release()
            await store._client._client.connection_pool.disconnect()  # so that connecting is cancelled too

        assert await cancel_everywhere(use, verify, style=style) >= 3
        await store.close()

    async def test_one_that_decodes_is_refused(self, redis_url: str) -> None:
        with pytest.raises(DefinitionError, match="RedisIdempotencyStore stores bytes: give it a client without"):
            RedisIdempotencyStore.from_url(f"{redis_url}?decode_responses=True")

    @pytest.mark.parametrize("name", ["keep", "lease"])
    async def test_no_time_to_live_is_refused(self, redis: Any, name: str) -> None:
        times: dict[str, Any] = {name: timedelta(0)}
        with pytest.raises(DefinitionError, match=f"{name} must be a millisecond or more"):
            RedisIdempotencyStore(redis, **times)
