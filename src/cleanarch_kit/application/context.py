"""Message context: which message is being handled, and what it followed from.

Three ids make a trail through everything that one request set off: each message and event has an id of its own,
names the one that directly caused it, and shares one correlation id with all the others.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from cleanarch_kit.domain.identity import uuid7

__all__ = ["MessageContext", "current_context", "current_message_context", "message_context"]


@dataclass(frozen=True, slots=True)
class MessageContext:
    """The ids of the message that is being handled.

    Attributes:
        message_id: of this message; for an event, its ``event_id``.
        correlation_id: shared by everything that one request set off. Text, as it may come from outside.
        causation_id: ``message_id`` of what directly caused this one; None for the first.
        traceparent: W3C trace context under which it is handled, where it is traced. It goes along with an event to
            another process, whose spans then belong to the same trace.
    """

    message_id: UUID
    correlation_id: str
    causation_id: UUID | None = None
    traceparent: str | None = None

    @classmethod
    def new(cls, correlation_id: str | None = None) -> "MessageContext":
        """Return the context of a message that nothing of ours caused, under the given or a fresh correlation id."""
        message_id = uuid7()
        return cls(message_id, correlation_id or str(message_id))

    def caused(self, message_id: UUID | None = None) -> "MessageContext":
        """Return the context of a message that this one causes: same correlation id, this one as its cause."""
        return MessageContext(message_id or uuid7(), self.correlation_id, self.message_id, self.traceparent)


current_message_context: ContextVar[MessageContext | None] = ContextVar("current_message_context", default=None)
"""The context of the message that is being handled. Whoever sets it puts back what was there before, by value."""


def current_context() -> MessageContext | None:
    """Return the context of the message that is being handled here, or None outside of any."""
    return current_message_context.get()


@contextmanager
def message_context(context: MessageContext) -> Generator[MessageContext]:
    """Make `context` the current one for the block.

    At the edge of a program, such as a request or a consumed message, it states the ids that came from outside.
    The previous context is put back by value, so that the block may end in another task's context than it began in.
    """
    previous = current_message_context.get()
    current_message_context.set(context)
    try:
        yield context
    finally:
        current_message_context.set(previous)
