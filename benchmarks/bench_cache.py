"""What a hit costs, and how often a value is computed, beside what one would write by hand.

python benchmarks/bench_cache.py [URL of a Redis]
"""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from time import monotonic
from uuid import UUID, uuid4

from pydantic import BaseModel, TypeAdapter
from ratios import Operation, table
from redis.asyncio import Redis

from cleanarch_kit.adapters.memory import InMemoryCacheBackend
from cleanarch_kit.adapters.redis import RedisCacheBackend
from cleanarch_kit.application import Cache, cached

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Model(BaseModel):
    id: UUID
    email: str
    name: str
    created_at: datetime
    balance: Decimal
    tags: list[str]


@dataclass(frozen=True, slots=True)
class Frozen:
    id: UUID
    email: str
    name: str
    created_at: datetime
    balance: Decimal
    tags: tuple[str, ...]


MODEL = Model(
    id=UUID(int=1), email="a@example.com", name="Ada", created_at=NOW, balance=Decimal("10.5"), tags=["a", "b", "c"]
)
FROZEN = Frozen(UUID(int=1), "a@example.com", "Ada", NOW, Decimal("10.5"), ("a", "b", "c"))
ADAPTER = TypeAdapter(Model)
JSON = ADAPTER.dump_json(MODEL)

by_key: dict[str, object] = {"user:1": MODEL}
by_use: OrderedDict[str, tuple[float, object]] = OrderedDict({"user:1": (monotonic() + 3600, MODEL)})


async def dict_lookup(user_id: int) -> object:
    return by_key[f"user:{user_id}"]


async def dict_with_expiry(user_id: int) -> object:
    key = f"user:{user_id}"
    expires, value = by_use[key]
    if expires < monotonic():
        del by_use[key]
    by_use.move_to_end(key)
    return value


async def decode_only(user_id: int) -> object:
    return ADAPTER.validate_json(JSON)


cache = Cache(InMemoryCacheBackend(), namespace="bench")


@cached("text:{user_id}", ttl=3600, cache=cache)
async def text(user_id: int) -> str:
    return "Ada"


@cached("frozen:{user_id}", ttl=3600, cache=cache)
async def frozen(user_id: int) -> Frozen:
    return FROZEN


@cached("tagged:{user_id}", ttl=3600, tags=("user:{user_id}",), cache=cache)
async def tagged(user_id: int) -> Frozen:
    return FROZEN


@cached("model:{user_id}", ttl=3600, cache=cache)
async def model(user_id: int) -> Model:
    return MODEL


async def measure_hits() -> None:
    functions: dict[str, Callable[[int], Awaitable[object]]] = {
        "a dict, in an async function": dict_lookup,
        "a dict with expiry and LRU": dict_with_expiry,
        "@cached, text": text,
        "@cached, frozen dataclass": frozen,
        "@cached, frozen dataclass, one tag": tagged,
        "@cached, model (a copy each time)": model,
        "  of which validate_json": decode_only,
    }
    for function in functions.values():
        for _ in range(3):
            await function(1)
    await table("a hit in memory", {name: _calling(function) for name, function in functions.items()})


async def measure_redis_hits(url: str) -> None:
    """Beside GET and validate_json, written by hand over a client of the same kind."""
    client = Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType] - redis-py leaves its keywords untyped
    name = f"bench-{uuid4().hex}"
    await client.set(name, JSON, px=600_000)

    async def by_hand(user_id: int) -> object:
        found = await client.get(name)
        return ADAPTER.validate_json(found or b"")

    backend = RedisCacheBackend.from_url(url, timeout=10.0)
    shared = Cache(backend, namespace=name)

    @cached("model:{user_id}", ttl=600, cache=shared)
    async def from_redis(user_id: int) -> Model:
        return MODEL

    @cached("tagged:{user_id}", ttl=600, tags=("user:{user_id}",), cache=shared)
    async def tagged_from_redis(user_id: int) -> Model:
        return MODEL

    functions: dict[str, Callable[[int], Awaitable[object]]] = {
        "GET and validate_json": by_hand,
        "@cached, model": from_redis,
        "@cached, model, one tag": tagged_from_redis,
    }
    for function in functions.values():
        await function(1)
    await table("a hit in Redis", {name: _calling(function) for name, function in functions.items()}, rounds=30)
    await shared.clear_namespace()
    await backend.close()
    await client.unlink(name)
    await client.aclose()


def _calling(function: Callable[[int], Awaitable[object]]) -> Operation:
    return lambda: function(1)


async def count_computations() -> None:
    calls = 0

    @cached("crowd:{number}", ttl=3600, cache=cache)
    async def crowd(number: int) -> str:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.05)
        return "value"

    await asyncio.gather(*(crowd(1) for _ in range(1_000)))
    print(f"1,000 misses at once in one process: {calls} computation\n")


async def main() -> None:
    await measure_hits()
    await count_computations()
    if len(sys.argv) > 1:
        await measure_redis_hits(sys.argv[1])


if __name__ == "__main__":
    asyncio.run(main())
