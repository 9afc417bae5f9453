"""`Logging`: one line for each message, with its type, its ids and how it ended, and never what is in it."""

import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from time import perf_counter
from typing import TypeVar

from cleanarch_kit.application.context import current_context
from cleanarch_kit.application.messages import Message, StreamQuery
from cleanarch_kit.application.middleware.protocol import Next, NextStream
from cleanarch_kit.application.middleware.refusals import is_refusal

__all__ = ["Logging"]

ResultT = TypeVar("ResultT")


class Logging:
    """Logs each message once, when it has ended.

    ``INFO`` for one that was handled, and for one that was refused by a rule of the domain, its input or its policy;
    ``WARNING`` for one that was cancelled; ``ERROR`` for every other exception. An exception is named by its type and
    the place where it was raised; neither its text nor the message is logged, because both may hold what users typed.
    The record carries ``message_type``, ``message_id``, ``correlation_id``, ``causation_id`` and ``milliseconds``.

    Args:
        logger: where to log; ``cleanarch_kit.messages`` by default.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("cleanarch_kit.messages")

    async def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /) -> ResultT:
        """Log how the message ended. See `Middleware`."""
        with self._logged(type(message).__qualname__):
            return await call_next(message)

    async def stream(self, query: StreamQuery[ResultT], call_next: NextStream[ResultT], /) -> AsyncGenerator[ResultT]:
        """Log how the stream ended; one that its consumer left early counts as handled. See `StreamMiddleware`."""
        with self._logged(type(query).__qualname__):
            async with aclosing(call_next(query)) as items:
                async for item in items:
                    yield item

    def __repr__(self) -> str:
        return f"Logging({self._logger.name})"

    @contextmanager
    def _logged(self, name: str) -> Generator[None]:
        started = perf_counter()
        try:
            yield
        except GeneratorExit:
            self._log(logging.INFO, name, "was left by its consumer", started)
            raise
        except Exception as error:
            level, how = (logging.INFO, "was refused by") if is_refusal(error) else (logging.ERROR, "failed with")
            self._log(level, name, f"{how} {_described(error)}", started)
            raise
        except BaseException as error:
            self._log(logging.WARNING, name, f"was ended by {type(error).__qualname__}", started)
            raise
        else:
            self._log(logging.INFO, name, "was handled", started)

    def _log(self, level: int, name: str, outcome: str, started: float) -> None:
        if not self._logger.isEnabledFor(level):
            return
        context = current_context()
        extra: dict[str, object] = {
            "message_type": name,
            "milliseconds": round((perf_counter() - started) * 1000, 3),
            "message_id": context and str(context.message_id),
            "correlation_id": context and _in_one_line(context.correlation_id),
            "causation_id": context and context.causation_id and str(context.causation_id),
        }
        self._logger.log(
            level,
            "%s %s in %s ms (correlation id %s)",
            name,
            outcome,
            extra["milliseconds"],
            extra["correlation_id"],
            extra=extra,
        )


def _described(error: BaseException) -> str:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    return f"{type(error).__qualname__}{where}"


def _in_one_line(text: str) -> str:
    return text if text.isprintable() else ascii(text)
