"""The recorders remember what passed, with its type, and answer what they were told to."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import assert_type

import pytest

from cleanarch_kit.adapters.memory import InMemoryEventPublisher
from cleanarch_kit.application import (
    Command,
    CommandBus,
    EventPublisher,
    MessageBus,
    Query,
    QueryBus,
    StreamQuery,
    handles,
    on,
)
from cleanarch_kit.domain import DomainEvent
from cleanarch_kit.errors import HandlerNotFoundError
from cleanarch_kit.testing import RecordingBus, RecordingEventPublisher


@dataclass(frozen=True)
class Create(Command[int]):
    name: str


@dataclass(frozen=True)
class Rename(Command):
    name: str


@dataclass(frozen=True)
class Find(Query[str | None]):
    number: int


@dataclass(frozen=True)
class Rows(StreamQuery[int]):
    upto: int


@dataclass(frozen=True, kw_only=True)
class Created(DomainEvent, name="recording.created"):
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class AdminCreated(Created, name="recording.admin-created"):
    pass


@pytest.fixture
def bus() -> RecordingBus:
    return RecordingBus()


async def sign_up(commands: CommandBus, queries: QueryBus) -> list[object]:
    """Code under test."""
    return [
        await commands.execute(Create("Ada")),
        await queries.execute(Find(1)),
        [row async for row in queries.stream(Rows(2))],
    ]


async def test_messages_are_answered_as_told_and_remembered(bus: RecordingBus) -> None:
    bus.when(Create).returns(7)
    bus.when(Find).returns(None)
    bus.when(Rows).yields(1, 2)

    assert await sign_up(bus, bus) == [7, None, [1, 2]]

    assert bus.messages == [Create("Ada"), Find(1), Rows(2)]
    assert_type(bus.sent(Create), list[Create])
    assert bus.sent(Create) == [Create("Ada")]
    assert bus.sent_once(Create).name == "Ada"
    assert bus.sent(Rename) == []
    assert bus.sent(Query) == [Find(1)]
    assert bus.sent_once(Rows) == Rows(2)


async def test_results_keep_their_types(bus: RecordingBus) -> None:
    bus.when(Create).returns(7)
    bus.when(Find).returns("Ada")

    assert_type(await bus.execute(Create("Ada")), int)
    assert_type(await bus.execute(Find(1)), str | None)


async def test_what_is_said_last_counts(bus: RecordingBus) -> None:
    bus.when(Create).returns(7)
    bus.when(Create).returns(8)
    assert await bus.execute(Create("Ada")) == 8


async def test_an_answer_may_be_an_exception(bus: RecordingBus) -> None:
    error = ValueError("broken")
    bus.when(Create).raises(error)
    bus.when(Rows).raises(error)

    with pytest.raises(ValueError, match="broken") as caught:
        await bus.execute(Create("Ada"))
    assert caught.value is error
    with pytest.raises(ValueError, match="broken") as caught:
        await anext(bus.stream(Rows(1)))
    assert caught.value is error
    assert len(bus.messages) == 2


async def test_an_answer_may_be_computed(bus: RecordingBus) -> None:
    async def length(command: Create) -> int:
        return len(command.name)

    bus.when(Create).runs(length)
    assert await bus.execute(Create("Grace")) == 5


async def test_what_nothing_was_said_about_is_an_error(bus: RecordingBus) -> None:
    with pytest.raises(HandlerNotFoundError, match="no handler for Create") as caught:
        await bus.execute(Create("Ada"))
    assert caught.value.__notes__ == [
        "nothing was said about it with RecordingBus.when(), and there is no bus behind the recorder"
    ]
    with pytest.raises(HandlerNotFoundError, match="no handler for Rows"):
        await anext(bus.stream(Rows(1)))
    assert bus.messages == [Create("Ada"), Rows(1)]


async def test_a_bus_behind_it_handles_the_rest() -> None:
    closed: list[str] = []

    @handles(Create)
    async def create(command: Create) -> int:
        return len(command.name)

    @handles(Rows)
    async def rows(query: Rows) -> AsyncIterator[int]:
        try:
            for number in range(query.upto):
                yield number
        finally:
            closed.append("closed")

    bus = RecordingBus(MessageBus([create, rows]))
    bus.when(Find).returns("Ada")

    assert await sign_up(bus, bus) == [3, "Ada", [0, 1]]
    async with aclosing(bus.stream(Rows(2))) as items:
        await anext(items)
    assert closed == ["closed", "closed"]
    assert bus.messages == [Create("Ada"), Find(1), Rows(2), Rows(2)]


async def test_clear_forgets_what_was_sent_and_keeps_what_was_said(bus: RecordingBus) -> None:
    bus.when(Create).returns(7)
    await bus.execute(Create("Ada"))
    bus.clear()
    assert bus.messages == []
    assert await bus.execute(Create("Grace")) == 7


async def test_once_means_once_and_tells_the_types_of_what_there_was(bus: RecordingBus) -> None:
    with pytest.raises(AssertionError, match=r"^Create was sent 0 times, not once; sent was: nothing$"):
        bus.sent_once(Create)
    bus.when(Create).returns(7)
    await bus.execute(Create("secret"))
    await bus.execute(Create("secret"))
    with pytest.raises(AssertionError, match=r"^Create was sent 2 times, not once; sent was: Create, Create$"):
        bus.sent_once(Create)
    with pytest.raises(AssertionError, match=r"^Rename was sent 0 times, not once; sent was: Create, Create$"):
        bus.sent_once(Rename)


async def test_events_are_remembered_with_their_types() -> None:
    publisher = RecordingEventPublisher()
    port: EventPublisher = publisher
    created, admin = Created(name="Ada"), AdminCreated(name="Grace")
    await port.publish(created, admin)
    await port.publish()

    assert publisher.events == [created, admin]
    assert_type(publisher.published(AdminCreated), list[AdminCreated])
    assert publisher.published(Created) == [created, admin]
    assert publisher.published_once(AdminCreated) is admin
    with pytest.raises(AssertionError, match=r"^Created was published 2 times, not once; published was: Created, Adm"):
        publisher.published_once(Created)
    publisher.clear()
    assert publisher.events == []


async def test_a_publisher_behind_it_gets_the_events_too() -> None:
    seen: list[DomainEvent] = []

    @on(Created)
    async def see(event: Created) -> None:
        seen.append(event)

    publisher = RecordingEventPublisher(InMemoryEventPublisher([see]))
    event = Created()
    await publisher.publish(event)

    assert seen == publisher.events == [event]
