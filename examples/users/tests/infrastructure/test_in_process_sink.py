from dataclasses import replace

import pytest

from cleanarch_kit.adapters.memory import InMemoryEventPublisher
from cleanarch_kit.application import Envelope, MessageContext, current_context, message_context
from cleanarch_kit.domain import DomainEvent
from users.domain.events.user_events import UserActivated, UserDeactivated
from users.domain.value_objects.user_id import UserId
from users.infrastructure.messaging.events import events
from users.infrastructure.messaging.in_process_sink import InProcessSink

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def enveloped(event: DomainEvent) -> Envelope:
    with message_context(MessageContext.new("trace-7")):
        return replace(events.encode(event, subject="User/1"), traceparent=TRACE)


async def test_events_are_handled_in_order_under_the_ids_of_their_request() -> None:
    seen: list[tuple[DomainEvent, MessageContext | None]] = []

    async def note(event: DomainEvent) -> None:
        seen.append((event, current_context()))

    publisher = InMemoryEventPublisher()
    publisher.subscribe(DomainEvent, note)
    happened = [UserActivated(user_id=UserId.new()), UserDeactivated(user_id=UserId.new())]
    await InProcessSink(events, publisher).send([enveloped(event) for event in happened])
    assert [event for event, _ in seen] == happened
    for event, context in seen:
        assert context is not None
        assert (context.message_id, context.correlation_id, context.traceparent) == (event.event_id, "trace-7", TRACE)
    assert current_context() is None


async def test_a_handler_that_fails_keeps_the_relay_from_taking_it_for_delivered() -> None:
    async def fail(_: UserActivated) -> None:
        raise RuntimeError("boom")

    publisher = InMemoryEventPublisher()
    publisher.subscribe(UserActivated, fail)
    with pytest.raises(ExceptionGroup):
        await InProcessSink(events, publisher).send([enveloped(UserActivated(user_id=UserId.new()))])
