"""What happens once a transaction is committed."""

import logging
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol, TypeAlias

from cleanarch_kit.application.ports.event_publisher import EventPublisher
from cleanarch_kit.application.ports.unit_of_work import CommitCallback
from cleanarch_kit.application.shielding import is_being_cancelled
from cleanarch_kit.domain.event import DomainEvent

__all__ = ["AfterCommit", "ErrorReport", "TagInvalidator"]

ErrorReport: TypeAlias = Callable[[BaseException], object]
"""What is told of an error that came after the commit."""

_logger = logging.getLogger("cleanarch_kit.unit_of_work")


class TagInvalidator(Protocol):
    """What a unit of work needs of a cache."""

    async def invalidate(self, *tags: str) -> None:
        """Invalidate everything that has one of these tags."""
        ...


class AfterCommit:
    """Everything that follows a commit.

    Each step runs, whatever became of the one before it. An error is reported and never raised, because the
    transaction is committed and must not look failed.

    Attributes:
        tags: cache tags to invalidate.
        callbacks: what to call with the events.
    """

    def __init__(
        self, publisher: EventPublisher | None, cache: TagInvalidator | None, on_error: ErrorReport | None
    ) -> None:
        self.tags: list[str] = []
        self.callbacks: list[CommitCallback] = []
        self._publisher = publisher
        self._cache = cache
        self._on_error = on_error

    @property
    def needed(self) -> bool:
        """Whether there is anything to do, even without events."""
        return bool(self.tags or self.callbacks)

    async def announce(self, events: Sequence[DomainEvent]) -> None:
        """Publish the events in this process, then run the callbacks."""
        if self._publisher is not None and events:
            await self._guarded(self._publisher.publish, events)
        for callback in self.callbacks:
            await self._guarded(callback, events)

    async def invalidate(self) -> None:
        """Invalidate the cache tags; also where the outcome of the commit is unknown."""
        if self.tags and self._cache is not None:
            try:
                await self._cache.invalidate(*dict.fromkeys(self.tags))
            except Exception as error:
                self.report(error, ())

    def report(self, error: BaseException, events: Sequence[DomainEvent]) -> None:
        """Report an error that came after the commit."""
        if self._on_error is not None:
            try:
                self._on_error(error)
            except Exception as failure:
                _log(failure, ())
            else:
                return
        _log(error, events)

    async def _guarded(self, callback: Callable[..., Awaitable[None]], events: Sequence[DomainEvent]) -> None:
        try:
            await callback(*events)
        except (Exception, CancelledError) as error:
            if isinstance(error, CancelledError) and is_being_cancelled():
                raise
            self.report(error, events)


def _log(error: BaseException, events: Sequence[DomainEvent]) -> None:
    _logger.error(
        "after the commit, which stands: %s (events: %s)",
        ", ".join(sorted({type(leaf).__qualname__ for leaf in _leaves(error)})),
        ", ".join(f"{event.event_type} {event.event_id}" for event in events) or "none",
    )


def _leaves(error: BaseException) -> Iterator[BaseException]:
    parts: tuple[BaseException, ...] = getattr(error, "exceptions", ())  # of an exception group
    for part in parts:
        yield from _leaves(part)
    if not parts:
        yield error
