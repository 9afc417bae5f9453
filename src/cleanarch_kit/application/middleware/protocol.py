"""What a middleware is: a callable around the next step, on one side of the scope."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from cleanarch_kit.application.messages import Message

__all__ = ["Middleware", "MiddlewareFactory", "Next", "Placement", "ScopedMiddleware"]

ResultT = TypeVar("ResultT")

Next: TypeAlias = Callable[[Message[ResultT]], Awaitable[ResultT]]
"""The rest of the way to the handler. Call it once, with the message, and await it."""


class Placement(Enum):
    """On which side of the scope a middleware may stand; what a bus checks when it is built."""

    ANYWHERE = "anywhere"
    OUTSIDE = "outside the scope, in `middleware`"
    INSIDE = "inside the scope, in `scoped_middleware`"


class Middleware(Protocol):
    """Does something around the handling of every message that passes.

    It calls the next step with the message and returns its result, lets exceptions through unchanged, and undoes in
    ``finally`` what it set up, because cancellation passes through it like any exception. It may state on which side of
    the scope it belongs by an attribute ``placement``, and by ``needs_fresh_scope = True`` that it runs the next step
    again with a new scope; it is then left out for messages that join a scope which is open already.
    """

    def __call__(self, message: Message[ResultT], next: Next[ResultT], /) -> Awaitable[ResultT]:  # noqa: A002 - the field's word
        """Handle `message` by way of `next`."""
        ...


class ScopedMiddleware(Protocol):
    """A middleware inside the scope: its keyword parameters are resolved like those of a handler."""

    # Any: which dependencies there are is the middleware's own affair, and checked when the bus is built.
    def __call__(
        self,
        message: Message[ResultT],
        next: Next[ResultT],  # noqa: A002 - the field's word
        /,
        *args: Any,
        **dependencies: Any,
    ) -> Awaitable[ResultT]:
        """Handle `message` by way of `next`."""
        ...


@runtime_checkable
class MiddlewareFactory(Protocol):
    """Chooses a middleware for each message type when the bus is built, so that nothing is asked per message."""

    def middleware_for(self, message_type: type[object], /) -> ScopedMiddleware | None:
        """Return the middleware for messages of this type, or None for none."""
        ...
