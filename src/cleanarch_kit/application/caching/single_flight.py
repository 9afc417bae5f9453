"""One computation for all who ask for the same thing at the same time."""

from asyncio import AbstractEventLoop, Future, Task, create_task, gather, get_running_loop, shield
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextvars import ContextVar
from typing import Any, TypeVar

__all__ = ["SingleFlight"]

T = TypeVar("T")

_REMEMBERED = 1_000

_flying: ContextVar[frozenset[tuple[int, Hashable]]] = ContextVar("flying", default=frozenset())
"""What is being computed by the code that runs in this context."""


class SingleFlight:
    """Lets those who ask for a name while it is being computed wait for that computation.

    A computation is joined only by those who saw the same versions as it began with, in the same event loop. It runs
    in one of two ways. *Detached*, it has a task of its own, and a caller who gives up leaves it alone. *Attached*, it
    runs in the task of the caller who began it and is cancelled with it, because what it uses belongs to that caller;
    the next one who waits then begins anew. In both, an error reaches everybody who waits, and a cancellation nobody
    but the one who was cancelled. A computation that asks for its own name does not wait for itself.
    """

    def __init__(self) -> None:
        self.landings = 0
        """How many computations have ended well so far."""
        self._landed: OrderedDict[Hashable, int] = OrderedDict()
        self._flights: dict[Hashable, _Flight] = {}
        self._tasks: set[Task[None]] = set()

    async def run(
        self, name: Hashable, versions: tuple[str, ...], compute: Callable[[], Awaitable[T]], *, detached: bool
    ) -> T:
        """Wait for the computation of a name, or be the one who begins it.

        Args:
            name: what is computed; it stands for one type of result.
            versions: what was read before; only a computation that began with the same is joined.
            compute: the computation.
            detached: whether to begin it in a task of its own.
        """
        while True:
            flight = self._flights.get(name)
            if flight is None or not flight.suits(versions):
                if not detached:
                    return await self._fly(self._open(name, versions), compute)
                flight = self.begin(name, versions, compute)
            elif (id(self), name) in _flying.get():
                return await compute()
            try:
                result: T = await shield(flight.result)
            except _AbandonedError:
                continue
            return result

    def is_running(self, name: Hashable, versions: tuple[str, ...]) -> bool:
        """Whether there is a computation that could be joined."""
        flight = self._flights.get(name)
        return flight is not None and flight.suits(versions)

    def has_landed(self, name: Hashable, since: int) -> bool:
        """Whether a computation of a name has ended well since there were so many `landings`.

        Of the thousand names that landed last; of others the answer is False.
        """
        return self._landed.get(name, 0) > since

    def begin(self, name: Hashable, versions: tuple[str, ...], compute: Callable[[], Awaitable[object]]) -> "_Flight":
        """Begin a detached computation without waiting for it."""
        flight = self._open(name, versions)
        task = create_task(self._fly_alone(flight, compute))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flight

    async def close(self) -> None:
        """Cancel the detached computations of this event loop, and wait until they have ended."""
        loop = get_running_loop()
        tasks = [task for task in self._tasks if task.get_loop() is loop]
        for task in tasks:
            task.cancel()
        await gather(*tasks, return_exceptions=True)

    def _open(self, name: Hashable, versions: tuple[str, ...]) -> "_Flight":
        flight = self._flights[name] = _Flight(name, versions, get_running_loop())
        return flight

    async def _fly_alone(self, flight: "_Flight", compute: Callable[[], Awaitable[object]]) -> None:
        try:
            await self._fly(flight, compute)
        except Exception:
            return  # those who wait have it

    async def _fly(self, flight: "_Flight", compute: Callable[[], Awaitable[T]]) -> T:
        above = _flying.get()
        _flying.set(above | {(id(self), flight.name)})
        try:
            value = await compute()
        except Exception as error:
            flight.fail(error)
            raise
        except BaseException:
            flight.fail(_AbandonedError())
            raise
        else:
            flight.result.set_result(value)
            self._note(flight.name)
            return value
        finally:
            _flying.set(above)
            if self._flights.get(flight.name) is flight:
                del self._flights[flight.name]

    def _note(self, name: Hashable) -> None:
        self.landings += 1
        self._landed[name] = self.landings
        self._landed.move_to_end(name)
        if len(self._landed) > _REMEMBERED:
            self._landed.popitem(last=False)


class _AbandonedError(Exception):
    """Whoever computed was cancelled before there was a result."""


class _Flight:
    """One computation under way, and what it began with."""

    __slots__ = ("loop", "name", "result", "versions")

    def __init__(self, name: Hashable, versions: tuple[str, ...], loop: AbstractEventLoop) -> None:
        self.name = name
        self.versions = versions
        self.loop = loop
        self.result: Future[Any] = loop.create_future()

    def suits(self, versions: tuple[str, ...]) -> bool:
        return self.versions == versions and self.loop is get_running_loop()

    def fail(self, error: Exception) -> None:
        self.result.set_exception(error)
        self.result.exception()  # it may be that nobody waits; it was raised where it happened
