"""What the bus and the publisher add to calling the handlers directly."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from ratios import table

from cleanarch_kit.adapters.memory import InMemoryEventPublisher
from cleanarch_kit.application import Command, Message, MessageBus, Next, handles, on
from cleanarch_kit.domain import DomainEvent

ResultT = TypeVar("ResultT")


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


async def pass_on(message: Message[ResultT], following: Next[ResultT]) -> ResultT:
    return await following(message)


def listener() -> Callable[[Added], Awaitable[None]]:
    @on(Added)
    async def listen(event: Added) -> None:
        pass

    return listen


async def main() -> None:
    command = Add(1, 2)
    bare = MessageBus([add])
    layered = MessageBus([add], middleware=[pass_on, pass_on, pass_on])

    await table(
        "one command",
        {
            "await handler(command)": lambda: add(command),
            "bus.execute": lambda: bare.execute(command),
            "bus.execute, three middlewares": lambda: layered.execute(command),
        },
    )

    event = Added(total=3)
    listeners = [listener() for _ in range(10)]
    publisher = InMemoryEventPublisher(listeners)

    async def loop() -> None:
        for listen in listeners:
            await listen(event)

    await table("one event, ten handlers", {"a loop": loop, "publisher.publish": lambda: publisher.publish(event)})


if __name__ == "__main__":
    asyncio.run(main())
