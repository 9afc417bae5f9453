import asyncio
import gc
import json
import sys
import textwrap
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from cleanarch_kit.adapters.redis import RedisCacheBackend
from cleanarch_kit.application import Cache, CacheBackend, CacheEntry, cached
from cleanarch_kit.errors import DefinitionError
from cleanarch_kit.testing import CacheBackendContract, CancellationStyle, cancel_everywhere

PATIENT = 20.0


def client_of(url: str) -> Any:
    """A client for looking behind the scenes; as a value without types, which redis-py has only in part."""
    return Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType] - its options have no types


class TestRedisCacheBackend(CacheBackendContract):
    @pytest.fixture(autouse=True)
    def _url(self, redis_url: str) -> None:
        self.url = redis_url

    def open_backend(self) -> CacheBackend:
        return RedisCacheBackend.from_url(self.url, timeout=PATIENT)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    async with client_of(redis_url) as client:
        yield client


@pytest.fixture
async def backend(redis_url: str, unique_name: str) -> AsyncIterator[RedisCacheBackend]:
    backend = RedisCacheBackend.from_url(redis_url, timeout=PATIENT)
    yield backend
    await backend.clear(unique_name)
    await backend.close()


class Proxy:
    """Stands between a client and Redis, and does to the traffic what a bad day does."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 6379)
        self.mode = "pass"
        self.reply = b""
        self.commands = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.url = f"redis://127.0.0.1:{self.port}/0"

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            upstream, downstream = await asyncio.open_connection(*self._target)
            self._writers.add(downstream)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(reader, downstream, writer))
                group.create_task(self._return(upstream, writer))
        except* (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def _forward(
        self, reader: asyncio.StreamReader, downstream: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            self.commands += 1
            if self.mode == "error":
                writer.write(self.reply)
            elif self.mode != "hang":
                downstream.write(data)
        raise EOFError

    async def _return(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await upstream.read(65536):
            if self.mode == "lose a reply":
                self.mode = "pass"
            elif self.mode != "lose replies":
                writer.write(data)
        raise EOFError


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(redis_url)
    await proxy.start()
    yield proxy
    await proxy.stop()


@asynccontextmanager
async def cache_through(proxy: Proxy, namespace: str, seconds: float = 0.2) -> AsyncGenerator[Cache]:
    backend = RedisCacheBackend.from_url(proxy.url, timeout=seconds)
    async with Cache(backend, namespace=namespace) as cache:
        try:
            yield cache
        finally:
            proxy.mode = "pass"
            await cache.clear_namespace()
    await backend.close()


async def until_healthy(cache: Cache) -> None:
    async with asyncio.timeout(30):
        while not cache.store.guard.healthy:
            await cache.exists("anything")
            await asyncio.sleep(0.02)


class TestInRedis:
    async def test_where_things_lie(self, backend: RedisCacheBackend, redis: Any, unique_name: str) -> None:
        name = f"{unique_name}:k"
        (version,) = await backend.tag_versions([name])
        await backend.set_many({name: CacheEntry(b"5", (name,), (version,), 1.5)}, 60)
        async with backend.lock(name, 60):
            assert json.loads((await redis.get(f"cache:v:{name}"))[7:].partition(b"\n")[0])[3] == [version]
            assert await redis.get(f"cache:t:{name}") == version.encode()
            assert 50_000 < await redis.pttl(f"cache:l:{name}") <= 60_000
        assert await redis.get(f"cache:l:{name}") is None

    async def test_a_version_lasts_as_long_as_what_hangs_on_it(
        self, backend: RedisCacheBackend, redis: Any, unique_name: str
    ) -> None:
        own, tag, forgotten = (f"{unique_name}:{name}" for name in ("own", "tag", "forgotten"))
        versions = await backend.tag_versions([own, tag])
        await backend.set_many({own: CacheEntry(b"5", (own, tag, forgotten), (*versions, "?"), 0.0)}, 1_000)
        assert 990_000 < await redis.pttl(f"cache:v:{own}") <= 1_000_000
        assert 990_000 < await redis.pttl(f"cache:t:{own}") <= 1_000_000
        assert 1_990_000 < await redis.pttl(f"cache:t:{tag}") <= 2_000_000
        assert await redis.get(f"cache:t:{forgotten}") is None
        await backend.set_many({own: CacheEntry(b"5", (own, tag), versions, 0.0)}, 10)
        assert await redis.pttl(f"cache:t:{own}") <= 10_000  # nothing else hangs on it
        assert await redis.pttl(f"cache:t:{tag}") > 1_900_000

    async def test_a_version_nobody_used_does_not_stay(
        self, backend: RedisCacheBackend, redis: Any, unique_name: str
    ) -> None:
        await backend.tag_versions([f"{unique_name}:t"])
        assert 0 < await redis.pttl(f"cache:t:{unique_name}:t") <= 300_000

    @pytest.mark.parametrize("data", [b"5", b"cache1 \n", b"\xff" * 20, b"cache1 [1]\n5"])
    async def test_what_somebody_else_wrote_is_not_there(
        self, backend: RedisCacheBackend, redis: Any, unique_name: str, data: bytes
    ) -> None:
        await redis.set(f"cache:v:{unique_name}:k", data, px=60_000)
        await redis.set(f"cache:t:{unique_name}:k", b"\xff", px=60_000)
        entries, versions = await backend.get_many([f"{unique_name}:k"], [f"{unique_name}:k"])
        assert list(entries) == [None]
        assert versions == ("\ufffd",)

    async def test_a_key_of_another_kind_is_not_there(
        self, backend: RedisCacheBackend, redis: Any, unique_name: str
    ) -> None:
        await redis.rpush(f"cache:v:{unique_name}:k", "a list")
        entries, _ = await backend.get_many([f"{unique_name}:k"])
        assert list(entries) == [None]

    async def test_clearing_leaves_others_alone(self, backend: RedisCacheBackend, redis: Any, unique_name: str) -> None:
        await redis.set(f"{unique_name}:k", "not of the cache", px=60_000)
        await redis.set(f"cache:l:{unique_name}:k", "a lock", px=60_000)
        await backend.clear(unique_name)
        assert await redis.unlink(f"{unique_name}:k", f"cache:l:{unique_name}:k") == 2


class TestClients:
    async def test_one_that_was_passed_in_stays_open(self, redis: Any, unique_name: str) -> None:
        backend = RedisCacheBackend(redis, timeout=PATIENT)
        assert (await backend.get_many([unique_name]))[0] == [None]
        await backend.close()
        assert await redis.ping()

    async def test_one_that_decodes_is_refused(self, redis_url: str) -> None:
        with pytest.raises(DefinitionError) as caught:
            RedisCacheBackend.from_url(f"{redis_url}?decode_responses=True")
        assert str(caught.value) == ("RedisCacheBackend stores bytes: give it a client without decode_responses=True")

    def test_what_is_no_url_is_refused(self) -> None:
        with pytest.raises(ValueError, match="Redis URL must specify"):
            RedisCacheBackend.from_url("http://127.0.0.1")

    async def test_closed_is_closed(self, redis_url: str) -> None:
        backend = RedisCacheBackend.from_url(redis_url, timeout=PATIENT)
        await backend.get_many(["a"])
        await backend.close()
        with pytest.raises(RuntimeError, match="this RedisCacheBackend is closed"):
            await backend.get_many(["a"])

    async def test_it_opens_no_more_connections_than_it_was_told(self, proxy: Proxy, unique_name: str) -> None:
        backend = RedisCacheBackend.from_url(proxy.url, timeout=PATIENT, concurrency=3)
        await asyncio.gather(*(backend.get_many([unique_name]) for _ in range(50)))
        assert len(proxy._writers) == 6  # three, each with its other side
        await backend.close()

    @pytest.mark.filterwarnings("ignore::ResourceWarning")  # the first loop ends with its connections open, on purpose
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_one_event_loop_after_another(self, redis_url: str) -> None:
        backend = RedisCacheBackend.from_url(redis_url, timeout=PATIENT)
        for _ in range(3):
            assert asyncio.run(backend.get_many(["a"])) == ([None], ())

        asyncio.run(backend.close())
        del backend
        gc.collect()


class TestCancellation:
    @pytest.mark.parametrize("style", list(CancellationStyle))
    async def test_no_connection_is_lost(self, redis_url: str, unique_name: str, style: CancellationStyle) -> None:
        backend = RedisCacheBackend.from_url(redis_url, timeout=PATIENT, concurrency=1)
        name = f"{unique_name}:k"

        async def use() -> None:
            (version,) = await backend.tag_versions([name])
            await backend.set_many({name: CacheEntry(b"5", (name,), (version,), 0.0)}, 60)
            async with backend.lock(name, 30) as is_mine:
                assert is_mine
                await backend.get_many([name], [name])

        async def verify() -> None:
            await backend._client.settle()
            (entry,), _ = await backend.get_many([name])
            assert entry is None or entry.value == b"5"
            async with backend.lock(name, 30) as is_mine:
                assert is_mine  # nobody who was cancelled still holds it

        assert await cancel_everywhere(use, verify, style=style) >= 5
        await backend.clear(unique_name)
        await backend.close()


class TestOutages:
    async def test_nobody_listens(self, proxy: Proxy, unique_name: str) -> None:
        calls = 0
        async with cache_through(proxy, unique_name) as cache:

            @cached("k", ttl=60, cache=cache)
            async def number() -> int:
                nonlocal calls
                calls += 1
                return 1

            port = proxy.port
            await proxy.stop()
            assert [await number() for _ in range(20)] == [1] * 20
            assert calls == 20
            assert cache.statistics.faults == 3
            await proxy.start(port)
            await until_healthy(cache)
            assert [await number() for _ in range(5)] == [1] * 5
            assert calls == 21

    async def test_the_server_is_frozen(self, proxy: Proxy, unique_name: str) -> None:
        async with cache_through(proxy, unique_name) as cache:

            @cached("k:{x}", ttl=60, cache=cache)
            async def echo(x: int) -> int:
                return x

            await echo(0)
            proxy.mode = "hang"
            began = monotonic()
            assert [await echo(x) for x in range(30)] == list(range(30))
            assert monotonic() - began < 30 * 0.2  # three waited for it, the others did not
            assert cache.statistics.bypassed == 30
            proxy.mode = "pass"
            await until_healthy(cache)
            assert await echo(0) == 0

    async def test_connections_break(self, proxy: Proxy, unique_name: str) -> None:
        async with cache_through(proxy, unique_name, PATIENT) as cache:

            @cached("k:{x}", ttl=60, cache=cache)
            async def echo(x: int) -> int:
                return x

            for _ in range(10):
                assert await asyncio.gather(*(echo(x) for x in range(20))) == list(range(20))
                proxy.cut()
            await until_healthy(cache)

    @pytest.mark.parametrize(
        "reply",
        [
            b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
            b"-READONLY You can't write against a read only replica.\r\n",
            b"-LOADING Redis is loading the dataset in memory\r\n",
            b"-BUSY Redis is busy running a script.\r\n",
            b"+PONG\r\n",
            b":5\r\n",
            b"$-1\r\n",
            b"nonsense\r\n",
            b"*1\r\n$2\r\nOK\r\n",
        ],
    )
    async def test_the_server_answers_nonsense(self, proxy: Proxy, unique_name: str, reply: bytes) -> None:
        async with cache_through(proxy, unique_name, 0.5) as cache:

            @cached("k", ttl=60, cache=cache)
            async def number() -> int:
                return 1

            await number()
            proxy.mode, proxy.reply = "error", reply
            assert [await number() for _ in range(3)] == [1] * 3
            await cache.set("k", 2, ttl=60)
            assert await cache.get("other", int, default=7) == 7
            await cache.delete("k")
            proxy.mode = "pass"
            proxy.cut()
            await until_healthy(cache)
            assert await number() == 1

    async def test_an_invalidation_during_an_outage_comes_through(self, proxy: Proxy, unique_name: str) -> None:
        async with cache_through(proxy, unique_name) as cache, cache_through(proxy, unique_name, PATIENT) as other:
            await other.set("k", "old", ttl=60, tags=("t",))
            assert await cache.get("k", str) == "old"
            proxy.mode = "hang"
            await cache.invalidate("t")
            assert await cache.get("k", str) is None
            proxy.mode = "pass"
            await until_healthy(cache)
            assert await other.get("k", str) is None

    async def test_an_invalidation_whose_reply_is_lost_is_sent_again(self, proxy: Proxy, unique_name: str) -> None:
        async with cache_through(proxy, unique_name) as cache:
            await cache.set("k", 1, ttl=60, tags=("t",))
            proxy.mode = "lose replies"
            await cache.invalidate("t")
            assert not cache.store.guard.usable(cache.store.tag_names(("t",)))
            proxy.mode = "pass"
            await until_healthy(cache)
            assert await cache.get("k", int) is None

    async def test_a_lock_whose_reply_is_lost_is_given_back(self, proxy: Proxy, redis: Any, unique_name: str) -> None:
        backend = RedisCacheBackend.from_url(proxy.url, timeout=0.2)
        name = f"{unique_name}:l"
        await backend.get_many([name])
        proxy.mode = "lose a reply"
        with pytest.raises(TimeoutError):
            async with backend.lock(name, 60):
                raise AssertionError("nobody knows that it is held")
        await backend.close()
        assert await redis.get(f"cache:l:{name}") is None

    async def test_an_answer_that_comes_too_late_is_nobody_elses(self, proxy: Proxy, unique_name: str) -> None:
        patient = RedisCacheBackend.from_url(proxy.url, timeout=PATIENT)
        names = [f"{unique_name}:{number}" for number in range(20)]
        for number, name in enumerate(names):
            await patient.set_many({name: CacheEntry(b"%d" % number, (), (), 0.0)}, 60)
        backend = RedisCacheBackend.from_url(proxy.url, timeout=PATIENT, concurrency=1)
        for number, name in enumerate(names):
            task = asyncio.create_task(backend.get_many([names[0]]))
            for _ in range(number):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            (entry,), _ = await backend.get_many([name])
            assert entry is not None
            assert entry.value == b"%d" % number
        await backend.close()
        await patient.clear(unique_name)
        await patient.close()


STAMPEDE = """
import asyncio, sys
from redis.asyncio import Redis
from cleanarch_kit.adapters.redis import RedisCacheBackend
from cleanarch_kit.application import Cache, cached

async def main(url: str, name: str) -> None:
    backend = RedisCacheBackend.from_url(url, timeout=30.0)
    cache = Cache(backend, namespace=name)
    redis = Redis.from_url(url)

    @cached("k", ttl=60, cache=cache, lock=True)
    async def compute() -> int:
        await redis.incr(f"{name}:computed")
        await asyncio.sleep(0.5)
        return 7

    await redis.incr(f"{name}:ready")
    while not await redis.exists(f"{name}:go"):
        await asyncio.sleep(0.01)
    results = await asyncio.gather(*(compute() for _ in range(250)))
    assert results == [7] * 250, results
    assert cache.statistics.faults == 0
    await backend.close()
    await redis.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_four_processes_compute_once(redis_url: str, redis: Any, redis_prefix: str, tmp_path: Path) -> None:
    program = tmp_path / "stampede.py"
    program.write_text(textwrap.dedent(STAMPEDE))
    name = redis_prefix.rstrip(":")
    processes = [await asyncio.create_subprocess_exec(sys.executable, str(program), redis_url, name) for _ in range(4)]
    async with asyncio.timeout(120):
        while int(await redis.get(f"{name}:ready") or 0) < 4:
            await asyncio.sleep(0.02)
        await redis.set(f"{name}:go", 1)
        assert await asyncio.gather(*(process.wait() for process in processes)) == [0] * 4
    assert int(await redis.get(f"{name}:computed")) == 1
    async with Cache(RedisCacheBackend(redis, timeout=PATIENT), namespace=name) as cache:
        await cache.clear_namespace()
