"""A bus is narrower in the hands of who needs less of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from cleanarch_kit.application import Command, CommandBus, MessageBus, Query, QueryBus, StreamQuery, handles


@dataclass(frozen=True)
class Do(Command[int]):
    pass


@dataclass(frozen=True)
class Ask(Query[str]):
    pass


@dataclass(frozen=True)
class Rows(StreamQuery[int]):
    pass


@handles(Do)
async def do(command: Do) -> int:
    return 1


@handles(Ask)
async def ask(query: Ask) -> str:
    return "answer"


@handles(Rows)
async def rows(query: Rows) -> AsyncIterator[int]:
    yield 1


async def test_the_message_bus_is_a_command_bus_and_a_query_bus() -> None:
    bus = MessageBus([do, ask, rows])

    async def through(commands: CommandBus, queries: QueryBus) -> list[object]:
        return [
            await commands.execute(Do()),
            await queries.execute(Ask()),
            [row async for row in queries.stream(Rows())],
        ]

    assert await through(bus, bus) == [1, "answer", [1]]
