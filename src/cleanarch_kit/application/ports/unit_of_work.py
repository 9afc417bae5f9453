"""One piece of work that takes effect as a whole or not at all."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Protocol, Self

from cleanarch_kit.domain.event import DomainEvent

__all__ = ["CommitCallback", "UnitOfWork", "current_unit_of_work"]


class CommitCallback(Protocol):
    """What runs before or after a commit; ``EventPublisher.publish`` is one."""

    async def __call__(self, *events: DomainEvent) -> None:
        """Runs with the events that the aggregates of the unit of work recorded."""
        ...


class UnitOfWork(ABC):
    """One transaction, with everything that has to happen before and after its commit.

    ``async with`` commits on a clean exit and rolls back on every exception, cancellation included, and gives back
    what it holds on every way out. It is used once, by one task at a time; ``async with`` on one that is open joins
    it, and only the outermost block commits. An exception that leaves an inner block dooms the whole unit of work:
    use `savepoint` for what may fail.

    Raises:
        UnitOfWorkStateError: from every method, when it is used out of turn: before it was entered, after its end,
            by two tasks at once, or after a failed statement.
    """

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Open it, or join it where it is open."""

    @abstractmethod
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Commit, or roll back if there is an exception; then release what is held. Never swallows an exception."""

    @abstractmethod
    async def commit(self) -> None:
        """Commit now; the unit of work has ended after that. Inside a joined block it only writes what is pending.

        In this order: pending changes are written and the before-commit callbacks run until nothing is new, the
        outbox rows are written, COMMIT (which a cancellation does not interrupt), the connection is released; then
        cache tags are invalidated, the relay is woken, the events are published in this process and the
        after-commit callbacks run. What fails after COMMIT is reported and never raised. Nothing is published unless
        COMMIT was confirmed. A cancellation that arrives meanwhile is raised last.

        Raises:
            StorageError: the store refused; nothing was committed.
            CommitOutcomeUnknownError: the reply to COMMIT was lost. Cache tags are invalidated, nothing is
                published.
        """

    @abstractmethod
    async def rollback(self) -> None:
        """Take back everything; the unit of work has ended after that, and leaving the block commits nothing.

        Entities get back the version and the pending events that they had, so that they can be stored by another
        unit of work.
        """

    @abstractmethod
    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A block that is taken back alone when an exception leaves it, with its events, tags and callbacks.

        Pending changes are written when it begins and when it ends. After it was taken back, entities tracked before
        it have the state in which they were when it began, and those added inside are no longer tracked.
        """

    @abstractmethod
    def invalidate(self, *tags: str) -> None:
        """Invalidate these cache tags after the commit, also when its outcome is unknown; not after a rollback."""

    @abstractmethod
    def before_commit(self, callback: CommitCallback) -> None:
        """Run this inside the transaction: once before the commit, and again as long as new events come.

        It may change aggregates. What it raises rolls the unit of work back.
        """

    @abstractmethod
    def after_commit(self, callback: CommitCallback) -> None:
        """Run this once after the commit, with all events. What it raises is reported, not raised."""

    @property
    @abstractmethod
    def changed(self) -> bool:
        """Whether anything was added, changed or deleted so far; reads through a cache are bypassed from then on."""

    @property
    def has_read(self) -> bool:
        """Whether a statement has run so far, so that what it sees may be older than now.

        What is computed from it is not put into a cache. True is the safe answer of a unit of work that does not know.
        """
        return True


current_unit_of_work: ContextVar[UnitOfWork | None] = ContextVar("current_unit_of_work", default=None)
"""The unit of work that is open in this context, or None."""
