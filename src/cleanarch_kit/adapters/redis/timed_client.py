"""A client of Redis whose commands end in time, in whichever event loop it is used."""

from asyncio import AbstractEventLoop, Future, Semaphore, Task, create_task, get_running_loop, shield, timeout, wait
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cleanarch_kit.errors import DefinitionError

__all__ = ["TimedClient", "client_maker"]

T = TypeVar("T")


def client_maker(url: str, concurrency: int) -> Callable[[], Redis]:
    """Return what makes clients for a URL, each with connections of its own, and without retries.

    What a client of redis-py retries by itself, it may do twice: it does not know whether only the reply was lost.
    """

    def make_client() -> Redis:
        client: Redis = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - its options have no types
            url,
            max_connections=2 * concurrency,
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 0),
        )
        return client

    return make_client


class TimedClient:
    """Gives up what does not end in time, connecting included, and never has more under way than it may.

    It may be used in one event loop after another, and in a child process after a fork: there it opens connections of
    its own, unless the client was passed in.

    Args:
        owner: the class that uses it, for errors.
        client: must not decode responses. It stays open when this one is closed.
        timeout: seconds after which a command is given up, waiting for its turn not included.
        concurrency: commands under way at one time; others wait their turn.

    Raises:
        DefinitionError: the client decodes responses.
    """

    def __init__(self, owner: str, client: Redis, *, timeout: float, concurrency: int) -> None:
        if client.connection_pool.connection_kwargs.get("decode_responses"):
            raise DefinitionError(f"{owner} stores bytes: give it a client without decode_responses=True")
        self._owner = owner
        self._timeout = timeout
        self._grace = timeout / 5  # where the event loop itself was held up, the reply may be there already
        self._concurrency = concurrency
        self._make_client: Callable[[], Redis] | None = None
        self._client = client
        self._slots = Semaphore(concurrency)
        self._loop: AbstractEventLoop | None = None
        self._background: set[Task[None]] = set()
        self._is_closed = False

    def own(self, make_client: Callable[[], Redis]) -> None:
        """Close the client in the end, and make others for other event loops."""
        self._make_client = make_client

    async def run(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """Run one command. What Redis, the network and the clock raise passes as it is."""
        client = self._here()
        async with self._slots, timeout(None) as deadline:
            loop = get_running_loop()
            expiry = loop.call_later(self._timeout, lambda: deadline.reschedule(loop.time() + self._grace))
            try:
                return await command(client)
            finally:
                expiry.cancel()

    def begin(self, work: Coroutine[object, object, object]) -> Future[None]:
        """Begin what goes on when whoever waits for it is cancelled, and whose failure is nobody's concern."""

        async def finish() -> None:
            with suppress(Exception):
                await work

        task = create_task(finish())
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return shield(task)

    async def settle(self) -> None:
        """Wait for what was begun."""
        if self._background:
            await wait(self._background)

    async def close(self) -> None:
        """Wait for what was begun, and close connections of its own. Nothing runs after that."""
        if self._is_closed:
            return
        await self.settle()
        self._is_closed = True
        if self._make_client is not None and self._loop is get_running_loop():
            await self._client.aclose()

    def _here(self) -> Redis:
        """The client of this event loop."""
        if self._is_closed:
            raise RuntimeError(f"this {self._owner} is closed")
        loop = get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and self._make_client is not None:
                self._client = self._make_client()
            self._slots = Semaphore(self._concurrency)
            self._loop = loop
        return self._client
