"""Event delivery: who gets an event, in which order, and what becomes of a handler's exception."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import ClassVar, Protocol, TypeAlias

from cleanarch_kit.application.dispatch.calls import Run
from cleanarch_kit.application.dispatch.tracebacks import noted
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.errors import DefinitionError

__all__ = ["Concurrent", "DeliveryPolicy", "FailFast", "LogAndContinue", "Subscriber"]

_depth: ContextVar[int] = ContextVar("cleanarch_kit.event_depth", default=0)
_logger = logging.getLogger("cleanarch_kit.events")


Subscriber: TypeAlias = tuple[Run, str]
"""A handler, ready to be called with an event, and the note that names it and the place where it is written."""


class DeliveryPolicy(Protocol):
    """Decides how one event reaches its subscribers, where a publisher's own way is not wanted.

    Every policy lets cancellation, other exceptions that are no `Exception`, and `RecursionError` pass at once.
    """

    async def deliver(self, event: DomainEvent, subscribers: Sequence[Subscriber], /) -> list[Exception]:
        """Call the subscribers.

        Returns:
            The exceptions that the publisher shall raise together once all events are delivered.
        """
        ...


class FailFast:
    """One after the other, in the order of registration, up to the first that fails."""

    async def deliver(self, event: DomainEvent, subscribers: Sequence[Subscriber], /) -> list[Exception]:
        """Call subscribers until one fails. See `DeliveryPolicy`."""
        for run, note in subscribers:
            try:
                await run(event)
            except RecursionError:
                raise
            except Exception as error:
                noted(error, note)
                raise ExceptionGroup(f"{event.event_type} was not delivered to every handler", [error]) from None
        return []


def _log(error: Exception) -> None:
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    place = f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last else "?"
    notes = "; ".join(getattr(error, "__notes__", ()))
    _logger.error("%s raised at %s %s", type(error).__qualname__, place, notes)


class LogAndContinue:
    """One after the other, in the order of registration; a failure is reported and nothing is raised.

    Args:
        report: is given each exception. By default its type and place are logged, never its text, which may hold what
            users typed.
    """

    def __init__(self, report: Callable[[Exception], object] = _log) -> None:
        self._report = report

    async def deliver(self, event: DomainEvent, subscribers: Sequence[Subscriber], /) -> list[Exception]:
        """Call every subscriber. See `DeliveryPolicy`."""
        for run, note in subscribers:
            try:
                await run(event)
            except RecursionError:
                raise
            except Exception as error:
                noted(error, note)
                self._report(error)
        return []


class Concurrent:
    """All at once, each in a task and a scope of its own; every one runs to its end, failures are raised together.

    Events still come one after the other. Cancelling the publication cancels every handler and waits for them.

    Args:
        limit: how many run at a time; by default all.
    """

    max_depth: ClassVar[int] = 100
    """How deep events may cause each other: tasks have no stack that would overflow."""

    def __init__(self, limit: int | None = None) -> None:
        if limit is not None and limit < 1:
            raise DefinitionError("the limit of concurrent event handlers must be 1 or more")
        self._limit = limit

    async def deliver(self, event: DomainEvent, subscribers: Sequence[Subscriber], /) -> list[Exception]:
        """Call every subscriber in a task. See `DeliveryPolicy`."""
        depth = _depth.get() + 1
        if depth > self.max_depth:
            raise RecursionError(f"events cause each other {self.max_depth} deep, at last {event.event_type}")
        slots = asyncio.Semaphore(self._limit or max(len(subscribers), 1))
        errors: dict[int, Exception] = {}

        async def call(position: int, run: Run, note: str) -> None:
            _depth.set(depth)  # in the task's own context
            async with slots:
                try:
                    await run(event)
                except Exception as error:
                    noted(error, note)
                    errors[position] = error

        async with asyncio.TaskGroup() as group:
            for position, (run, note) in enumerate(subscribers):
                group.create_task(call(position, run, note))
        return [errors[position] for position in sorted(errors)]
