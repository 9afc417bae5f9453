"""What the bus and the publisher add to calling the handlers directly, beside other buses where they are installed.

Each table begins with the plain call that the others are compared with.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from bus_peers import calling, containers, dispatchers, emitters
from ratios import Operation, table

from cleanarch_kit.adapters.memory import InMemoryEventPublisher
from cleanarch_kit.application import Command, Message, MessageBus, Next, Resolve, handles, on, provide, scope_of
from cleanarch_kit.domain import DomainEvent

ResultT = TypeVar("ResultT")


class Ledger:
    """What a handler depends on."""


@dataclass(frozen=True, slots=True)
class Add(Command[int]):
    left: int
    right: int


@dataclass(frozen=True, kw_only=True)
class Added(DomainEvent, name="bench.added"):
    total: int


@handles(Add)
async def add(command: Add) -> int:
    return command.left + command.right


@handles(Add)
async def add_to_ledger(command: Add, *, ledger: Ledger) -> int:
    return command.left + command.right


class Adding:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @handles(Add)
    async def handle(self, command: Add) -> int:
        return command.left + command.right


async def pass_on(message: Message[ResultT], call_next: Next[ResultT]) -> ResultT:
    return await call_next(message)


def listener() -> Callable[[Added], Awaitable[None]]:
    @on(Added)
    async def listen(event: Added) -> None:
        pass

    return listen


RESOLVE = provide({Ledger: Ledger})


class BareScope:
    """The least that a scope can be."""

    async def __aenter__(self) -> Resolve:
        return RESOLVE

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


@asynccontextmanager
async def scope() -> AsyncGenerator[Resolve]:
    yield RESOLVE


async def by_hand_bare() -> int:
    async with BareScope() as resolve:
        return await add_to_ledger(COMMAND, ledger=await resolve(Ledger))


async def by_hand() -> int:
    async with scope() as resolve:
        return await add_to_ledger(COMMAND, ledger=await resolve(Ledger))


COMMAND = Add(1, 2)


async def measure_dispatch(stack: AsyncExitStack, middlewares: int) -> None:
    bus = MessageBus([add], middleware=[pass_on] * middlewares)
    contenders = {
        "await handler(command)": calling(lambda: add(COMMAND)),
        "bus.execute": calling(lambda: bus.execute(COMMAND)),
    }
    contenders |= await dispatchers(stack, middlewares)
    await table(f"one command, {middlewares} middlewares", contenders)


async def measure_dependencies(stack: AsyncExitStack) -> None:
    bound = MessageBus([add_to_ledger]).bound(RESOLVE)
    constructing = MessageBus([Adding]).bound(RESOLVE)
    mapped = MessageBus([add_to_ledger], scope=scope_of({Ledger: Ledger}))
    mapped_class = MessageBus([Adding], scope=scope_of({Ledger: Ledger}))
    bare = MessageBus([add_to_ledger], scope=BareScope)
    scoped = MessageBus([add_to_ledger], scope=scope)
    ledger = Ledger()
    contenders = {
        "await handler(command, ledger=...)": calling(lambda: add_to_ledger(COMMAND, ledger=ledger)),
        "bus.execute, scope open already": calling(lambda: bound.execute(COMMAND)),
        "bus.execute, class constructed": calling(lambda: constructing.execute(COMMAND)),
        "bus.execute, scope_of a mapping": calling(lambda: mapped.execute(COMMAND)),
        "bus.execute, scope_of a mapping, class": calling(lambda: mapped_class.execute(COMMAND)),
        "by hand, bare scope opened": calling(by_hand_bare),
        "bus.execute, bare scope opened": calling(lambda: bare.execute(COMMAND)),
        "by hand, @asynccontextmanager opened": calling(by_hand),
        "bus.execute, @asynccontextmanager opened": calling(lambda: scoped.execute(COMMAND)),
    }
    contenders |= await containers(stack)
    await table("one dependency", contenders)


async def measure_events(stack: AsyncExitStack, handlers: int) -> None:
    event = Added(total=3)
    listeners = [listener() for _ in range(handlers)]
    publisher = InMemoryEventPublisher(listeners)

    async def loop() -> None:
        for listen in listeners:
            await listen(event)

    async def publish() -> None:
        await publisher.publish(event)

    contenders: dict[str, Operation] = {"a loop": loop, "publisher.publish": publish}
    contenders |= await emitters(stack, handlers)
    await table(f"one event, {handlers} handlers", contenders)


async def main() -> None:
    async with AsyncExitStack() as stack:
        await measure_dispatch(stack, 0)
        await measure_dispatch(stack, 3)
        await measure_dependencies(stack)
        await measure_events(stack, 1)
        await measure_events(stack, 10)


if __name__ == "__main__":
    asyncio.run(main())
