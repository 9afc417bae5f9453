"""What a middleware is: a callable around the next step, on one side of the scope."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from enum import Enum
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from cleanarch_kit.application.messages import Message, StreamQuery

__all__ = [
    "Middleware",
    "MiddlewareFactory",
    "Next",
    "NextStream",
    "Placement",
    "ScopedMiddleware",
    "StreamMiddleware",
]

ResultT = TypeVar("ResultT")

Next: TypeAlias = Callable[[Message[ResultT]], Awaitable[ResultT]]
"""The rest of the way to the handler of a message. Call it with the message and await what it gives."""

NextStream: TypeAlias = Callable[[StreamQuery[ResultT]], AsyncGenerator[ResultT]]
"""The rest of the way to the handler of a stream query. Call it with the query, iterate what it gives, and close it."""


class Placement(Enum):
    """On which side of the scope a middleware may stand; what a bus checks when it is built."""

    ANYWHERE = "on either side of the scope"
    OUTSIDE = "outside the scope, in `middleware`"
    INSIDE = "inside the scope, in `scoped_middleware`"


class Middleware(Protocol):
    """Does something around the handling of every message that passes.

    It calls the next step with the message and returns its result, lets exceptions through unchanged, and undoes in
    ``finally`` what it set up, because cancellation passes through it like any exception.

    What a bus has to know of a middleware when it is built stands in attributes that it may have:

    - ``placement``: on which side of the scope it belongs.
    - ``needs_fresh_scope = True``: it may call the next step more than once, each time with a new scope; it is left out
      for messages that join a scope which is open already.
    - ``answers_itself = True``: it may answer without calling the next step; ``guards = True``: it may refuse the
      caller. What answers itself must not stand before what guards.
    """

    def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /) -> Awaitable[ResultT]:
        """Handle `message` by way of `call_next`."""
        ...


class ScopedMiddleware(Protocol):
    """A middleware inside the scope: its keyword parameters are resolved like those of a handler.

    One that cannot say in its signature what it needs says it by an attribute ``dependencies``, a tuple of
    `Dependency`.
    """

    # Any: which dependencies there are is the middleware's own affair, and checked when the bus is built.
    def __call__(
        self, message: Message[ResultT], call_next: Next[ResultT], /, *args: Any, **dependencies: Any
    ) -> Awaitable[ResultT]:
        """Handle `message` by way of `call_next`."""
        ...


class StreamMiddleware(Protocol):
    """What a middleware has beside ``__call__``, if stream queries may pass it."""

    def stream(self, query: StreamQuery[ResultT], call_next: NextStream[ResultT], /) -> AsyncGenerator[ResultT]:
        """Handle `query` by way of `call_next`, whose generator it closes whatever happens."""
        ...


@runtime_checkable
class MiddlewareFactory(Protocol):
    """Chooses a middleware for each message type when the bus is built, so that nothing is asked per message."""

    def middleware_for(self, message_type: type[object], /) -> ScopedMiddleware | None:
        """Return the middleware for messages of this type, or None for none.

        Raises:
            DefinitionError: there should be one, and there is not.
        """
        ...
