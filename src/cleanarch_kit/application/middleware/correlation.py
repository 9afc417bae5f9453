"""`Correlation`: gives every message its ids, and hands them down to whatever it causes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from cleanarch_kit.application.context import MessageContext, current_message_context
from cleanarch_kit.application.messages import Message, StreamQuery
from cleanarch_kit.application.middleware.protocol import Next, NextStream, Placement

__all__ = ["Correlation"]

ResultT = TypeVar("ResultT")


class Correlation:
    """Puts a `MessageContext` around each message; the first middleware of a bus.

    A message that is sent while another is handled, or while an event is, gets the same correlation id and the other
    as its cause. One that nothing caused starts a trail of its own, under the ids that ``message_context`` set around
    it, if any.
    """

    placement = Placement.OUTSIDE

    async def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /) -> ResultT:
        """Handle the message in a context of its own. See `Middleware`."""
        previous = current_message_context.get()
        current_message_context.set(previous.caused() if previous else MessageContext.new())
        try:
            return await call_next(message)
        finally:
            current_message_context.set(previous)

    def __repr__(self) -> str:
        return "Correlation()"

    async def stream(self, query: StreamQuery[ResultT], call_next: NextStream[ResultT], /) -> AsyncGenerator[ResultT]:
        """Handle a stream query in a context of its own, which the consumer does not see. See `StreamMiddleware`."""
        previous = current_message_context.get()
        current_message_context.set(previous.caused() if previous else MessageContext.new())
        async with aclosing(call_next(query)) as items:
            async for item in items:
                yield item
