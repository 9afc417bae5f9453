"""`Timeout`: an upper bound on how long a message may take."""

import asyncio
from typing import TypeVar

from cleanarch_kit.application.messages import Message
from cleanarch_kit.application.middleware.protocol import Next, Placement
from cleanarch_kit.errors import DefinitionError, HandlerTimeoutError

__all__ = ["Timeout"]

ResultT = TypeVar("ResultT")


class Timeout:
    """Cancels what is not handled in time.

    The time covers the scope, its commit included, so the middleware stands outside of it. A commit that was sent is
    not interrupted, so a message that timed out may have taken effect. Streams have no timeout. Apply different ones
    with `only`; inside a `Retry` it bounds each attempt, around it all of them.

    Args:
        seconds: how long a message may take.

    Raises:
        DefinitionError: `seconds` is not more than 0.
    """

    placement = Placement.OUTSIDE

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise DefinitionError("a timeout must be more than 0 seconds")
        self._seconds = seconds

    def middleware_for(self, message_type: type[object], /) -> "Timeout | None":
        """Apply to everything but streams. See `MiddlewareFactory`."""
        return self if issubclass(message_type, Message) else None

    async def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /) -> ResultT:
        """Handle the message in time. See `Middleware`.

        Raises:
            HandlerTimeoutError: it took longer. A `TimeoutError` of the handler's own passes unchanged.
        """
        timer = asyncio.timeout(self._seconds)
        try:
            async with timer:
                return await call_next(message)
        except TimeoutError as error:
            if timer.expired() and isinstance(error.__cause__, asyncio.CancelledError):
                raise HandlerTimeoutError(type(message).__qualname__, self._seconds) from None
            raise

    def __repr__(self) -> str:
        return f"Timeout({self._seconds:g} s)"
