"""The ids of the message that is being handled."""

import asyncio
from uuid import uuid4

import pytest

from cleanarch_kit.application import MessageContext, current_context, message_context
from cleanarch_kit.application.context import current_message_context


def test_outside_of_any_message_there_is_no_context() -> None:
    assert current_context() is None


def test_a_new_context_starts_a_trail() -> None:
    context = MessageContext.new()

    assert context.causation_id is None
    assert context.correlation_id == str(context.message_id)
    assert MessageContext.new("request-1").correlation_id == "request-1"


def test_what_a_message_causes_inherits_its_trail() -> None:
    parent = MessageContext.new("request-1")
    event_id = uuid4()

    child, event = parent.caused(), parent.caused(event_id)

    assert (child.correlation_id, child.causation_id) == ("request-1", parent.message_id)
    assert child.message_id != parent.message_id
    assert event.message_id == event_id


def test_the_block_sets_the_context_and_puts_the_former_one_back() -> None:
    outer, inner = MessageContext.new(), MessageContext.new()

    with message_context(outer) as given:
        assert given is outer
        with pytest.raises(ValueError, match="inside"), message_context(inner):
            assert current_context() is inner
            raise ValueError("inside")
        assert current_context() is outer
    assert current_context() is None


async def test_the_block_may_end_in_another_context_than_it_began() -> None:
    block = message_context(MessageContext.new())
    block.__enter__()

    async def leave() -> None:
        block.__exit__(None, None, None)

    await asyncio.create_task(leave())

    assert current_context() is not None
    current_message_context.set(None)
