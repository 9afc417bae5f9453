"""`Retry`: handles a message again when the store failed in a way that passes."""

import asyncio
from typing import TypeVar

from cleanarch_kit.application.backoff import Backoff, full_jitter
from cleanarch_kit.application.messages import Message
from cleanarch_kit.application.middleware.protocol import Next, Placement
from cleanarch_kit.errors import CommitOutcomeUnknownError, DefinitionError, TransientError

__all__ = ["Retry"]

ResultT = TypeVar("ResultT")


class Retry:
    """Repeats the whole way to the handler, with a fresh scope each time, after an error that may pass.

    It stands outside the scope, because what failed inside a unit of work cannot be repeated in it; for the same reason
    it is left out for messages that join a scope which is open already, and for streams. What the handler did outside
    of its unit of work, such as sending a mail, is done again with each attempt.

    Args:
        attempts: how often the message is handled at most.
        on: the errors to repeat after. `ConcurrencyError` may be added for handlers that load what they change.
            `CommitOutcomeUnknownError` counts only if it is named itself, which is right for idempotent messages only.
        backoff: seconds to wait after so many attempts. By default up to 0.05 seconds after the first, doubling up to
            2, drawn at random from the whole interval.

    Raises:
        DefinitionError: `attempts` is less than 1.
    """

    placement = Placement.OUTSIDE
    needs_fresh_scope = True

    def __init__(
        self,
        attempts: int = 3,
        *,
        on: type[Exception] | tuple[type[Exception], ...] = TransientError,
        backoff: Backoff | None = None,
    ) -> None:
        if attempts < 1:
            raise DefinitionError("a message must be handled at least once: give Retry 1 attempt or more")
        self._attempts = attempts
        self._on = on if isinstance(on, tuple) else (on,)
        self._backoff = backoff or full_jitter(0.05, 2.0)

    def middleware_for(self, message_type: type[object], /) -> "Retry | None":
        """Apply to everything but streams. See `MiddlewareFactory`."""
        return self if issubclass(message_type, Message) else None

    async def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /) -> ResultT:
        """Handle the message, if need be several times; the last error passes unchanged. See `Middleware`."""
        for attempt in range(1, self._attempts):
            try:
                return await call_next(message)
            except self._on as error:
                if isinstance(error, CommitOutcomeUnknownError) and CommitOutcomeUnknownError not in self._on:
                    raise
            await asyncio.sleep(self._backoff(attempt))
        return await call_next(message)

    def __repr__(self) -> str:
        return f"Retry({self._attempts} attempts on {', '.join(error.__qualname__ for error in self._on)})"
