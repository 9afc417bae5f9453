"""Ids go down to whatever a message causes, and never sideways."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from cleanarch_kit.adapters.memory import InMemoryEventPublisher
from cleanarch_kit.application import (
    Command,
    CommandBus,
    Correlation,
    MessageBus,
    MessageContext,
    StreamQuery,
    current_context,
    handles,
    message_context,
    on,
    provide,
)
from cleanarch_kit.domain import DomainEvent


@dataclass(frozen=True)
class Inner(Command[MessageContext]):
    pass


@dataclass(frozen=True)
class Outer(Command[list[MessageContext]]):
    pass


@dataclass(frozen=True)
class Rows(StreamQuery[MessageContext]):
    pass


@dataclass(frozen=True, kw_only=True)
class Happened(DomainEvent, name="correlation.happened"):
    pass


def here() -> MessageContext:
    context = current_context()
    assert context is not None
    return context


@handles(Inner)
async def inner(command: Inner) -> MessageContext:
    await asyncio.sleep(0)
    return here()


@handles(Outer)
async def outer(command: Outer, *, bus: CommandBus) -> list[MessageContext]:
    return [here(), await bus.execute(Inner()), here()]


@handles(Rows)
async def rows(query: Rows) -> AsyncIterator[MessageContext]:
    yield here()
    yield here()


BUS = MessageBus([inner, outer, rows], middleware=[Correlation()]).bound(provide({}))


async def test_a_message_that_nothing_caused_starts_a_trail() -> None:
    first, second = await BUS.execute(Inner()), await BUS.execute(Inner())

    assert first.correlation_id == str(first.message_id)
    assert first.causation_id is None
    assert second.correlation_id != first.correlation_id
    assert current_context() is None


async def test_a_nested_message_inherits_the_trail_and_names_its_cause() -> None:
    before, nested, after = await BUS.execute(Outer())

    assert before is after
    assert nested.correlation_id == before.correlation_id
    assert nested.causation_id == before.message_id
    assert nested.message_id != before.message_id


async def test_the_ids_that_came_from_outside_are_kept() -> None:
    with message_context(MessageContext.new("request-1")) as request:
        before, nested, _ = await BUS.execute(Outer())
        assert current_context() is request

    assert (before.correlation_id, nested.correlation_id) == ("request-1", "request-1")
    assert before.causation_id == request.message_id


async def test_events_and_what_their_handlers_send_stay_on_the_trail() -> None:
    seen: list[MessageContext] = []

    @on(Happened)
    async def react(event: Happened) -> None:
        seen.extend((here(), await BUS.execute(Inner())))

    publisher = InMemoryEventPublisher([react])

    @handles(Outer)
    async def raise_event(command: Outer) -> list[MessageContext]:
        await publisher.publish(Happened())
        return [here()]

    (command,) = await MessageBus([raise_event], middleware=[Correlation()]).execute(Outer())
    event, reaction = seen

    assert {event.correlation_id, reaction.correlation_id} == {command.correlation_id}
    assert event.causation_id == command.message_id
    assert reaction.causation_id == event.message_id


async def test_a_stream_has_a_context_that_its_consumer_does_not_see() -> None:
    with message_context(MessageContext.new("request-1")) as request:
        contexts: list[MessageContext] = []
        async for context in BUS.stream(Rows()):
            assert current_context() is request
            contexts.append(context)

    assert contexts[0] is contexts[1]
    assert (contexts[0].correlation_id, contexts[0].causation_id) == ("request-1", request.message_id)


async def test_10_000_concurrent_messages_never_mix_their_contexts() -> None:
    async def send(number: int) -> None:
        with message_context(MessageContext.new(str(number))) as request:
            before, nested, after = await BUS.execute(Outer())
            assert before is after
            assert before.correlation_id == nested.correlation_id == str(number)
            assert (before.causation_id, nested.causation_id) == (request.message_id, before.message_id)

    await asyncio.gather(*map(send, range(10_000)))
