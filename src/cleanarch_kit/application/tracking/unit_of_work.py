"""The unit of work, without the store: what every adapter does alike, in one place."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import ClassVar, Generic, Self, TypeVar

from cleanarch_kit.application.events.envelope import Envelope
from cleanarch_kit.application.ports.event_publisher import EventPublisher
from cleanarch_kit.application.ports.outbox import OutboxWriter
from cleanarch_kit.application.ports.unit_of_work import CommitCallback, UnitOfWork, current_unit_of_work
from cleanarch_kit.application.tracking.after_commit import AfterCommit, ErrorReport, TagInvalidator
from cleanarch_kit.application.tracking.change_tracker import ChangeTracker
from cleanarch_kit.application.tracking.ending import Ending
from cleanarch_kit.application.tracking.row_scopes import RowScopes, TracedScopes
from cleanarch_kit.application.tracking.savepoint import savepoint_block
from cleanarch_kit.application.tracking.transaction import Transaction
from cleanarch_kit.application.tracking.usage_guard import Phase, UsageGuard
from cleanarch_kit.errors import UnitOfWorkStateError

__all__ = ["TrackingUnitOfWork"]

ConnectionT = TypeVar("ConnectionT")

_ENDLESS = (
    "before-commit callbacks still record events after {rounds} rounds, so they seem to answer each other:"
    " let one of them stop"
)
_READ_ONLY = "this unit of work is read-only: open one without read_only=True to change something"
_IN_SAVEPOINT = "a savepoint of this unit of work is open: leave its block before commit()"


class TrackingUnitOfWork(UnitOfWork, Generic[ConnectionT]):
    """A unit of work that tracks what it loaded and writes what changed.

    Args:
        transaction: what the store does.
        publisher: is given the events after the commit, in this process.
        outbox: stores the events in the transaction.
        cache: is told the tags of `invalidate` after the commit.
        read_only: refuse every change.
        scopes: criteria, by type of entity, outside of which nothing can be read, changed or added, see `RowScopes`.
        on_after_commit_error: is called with each error that is raised after the commit. By default it is logged
            with its type and the ids of the events, and without its text.

    Attributes:
        commit_timeout: seconds after which the outcome of COMMIT counts as unknown, and for which a cancelled caller
            waits for what follows it.
        max_rounds: how often before-commit callbacks may answer with new events.
        guard: who may use this unit of work, and when. Adapters run every statement through ``guard.run``.
        tracker: what changed.
        transaction: what the store does.
        read_only: whether every change is refused.
        scopes: the row scopes, or None without any.
        outer: the unit of work that was open in the context in which this one was entered.
    """

    commit_timeout: ClassVar[float] = 30.0
    max_rounds: ClassVar[int] = 100

    def __init__(
        self,
        transaction: Transaction[ConnectionT],
        *,
        publisher: EventPublisher | None = None,
        outbox: OutboxWriter[ConnectionT] | None = None,
        cache: TagInvalidator | None = None,
        read_only: bool = False,
        scopes: RowScopes | None = None,
        on_after_commit_error: ErrorReport | None = None,
    ) -> None:
        self.guard = UsageGuard()
        self.tracker: ChangeTracker[ConnectionT] = ChangeTracker()
        self.transaction = transaction
        self.read_only = read_only
        self.scopes = TracedScopes(scopes) if scopes else None
        self.outer: UnitOfWork | None = None
        self._outbox = outbox
        self._envelopes: list[Envelope] = []
        self._before_commit: list[CommitCallback] = []
        self._after = AfterCommit(publisher, cache, on_after_commit_error)
        self._ending = Ending(transaction, self.guard, self._after, self.commit_timeout)
        self._touched = False

    async def __aenter__(self) -> Self:
        guard = self.guard
        if guard.enter():
            self.outer = _still_open(current_unit_of_work.get())
            try:
                await self.transaction.begin()
            except BaseException:
                guard.end()
                raise
            guard.phase = Phase.OPEN
            current_unit_of_work.set(self)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self.guard.leave(failed=exc is not None) and self.guard.phase is not Phase.ENDED:
                if exc is None:
                    await self.commit()
                else:
                    await self._abandon(exc)
        except BaseException as error:
            if self.guard.phase is not Phase.ENDED:
                await self._abandon(error)
            raise
        finally:
            if not self.guard.depth:
                self._step_back()

    async def commit(self) -> None:
        """Commit now. See `UnitOfWork.commit`."""
        self.guard.check()
        if self.guard.savepoints:
            raise UnitOfWorkStateError(_IN_SAVEPOINT)
        if self.guard.depth > 1:
            await self.flush()
            return
        try:
            await self.flush()
            if self._before_commit:
                await self._consult()
            if self._outbox is not None and self._envelopes:
                await self.guard.run(self._outbox.write, self.transaction.connection, self._envelopes)
        except BaseException as error:
            await self._abandon(error)
            raise
        if self.guard.phase is Phase.ENDED:  # another task has failed meanwhile and is rolling it back
            self.guard.check()
        self._end()
        follows = self._after.needed or self.tracker.recorded
        await self._ending.commit(self.tracker.abandon, self._follow if follows else None)

    async def rollback(self) -> None:
        """Take back everything. See `UnitOfWork.rollback`."""
        if self.guard.phase in (Phase.NEW, Phase.BUSY, Phase.ENDED):
            self.guard.check()
        await self._abandon(None)

    async def flush(self) -> None:
        """Write what is pending, so that a read by criterion sees it.

        Events are encoded for the outbox before the first statement.

        Raises:
            UnitOfWorkStateError: something is pending and the unit of work is read-only.
            OutOfScopeError: what is pending lies outside of its row scope.
            EventEncodingError: an event cannot be stored.
            StorageError: the store refused a change.
        """
        guard = self.guard
        guard.check()
        try:
            flush = self.tracker.collect()
            if flush is None:
                return
            if self.read_only:
                raise UnitOfWorkStateError(_READ_ONLY)
            if self._outbox is not None and flush.events:
                self._envelopes += self._outbox.encode(flush.pending_events())
        except BaseException:
            guard.fail()
            raise
        if flush.writes:
            await guard.run(flush.write, self.transaction.connection)

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A block that is taken back alone. See `UnitOfWork.savepoint`."""
        records = (self._envelopes, self._before_commit, self._after.tags, self._after.callbacks)
        return savepoint_block(self._ending, self.tracker, self.flush, records)

    def invalidate(self, *tags: str) -> None:
        """Invalidate cache tags after the commit. See `UnitOfWork.invalidate`."""
        self.guard.check()
        self._after.tags += tags

    def before_commit(self, callback: CommitCallback) -> None:
        """Run this inside the transaction. See `UnitOfWork.before_commit`."""
        self.guard.check()
        self._before_commit.append(callback)

    def after_commit(self, callback: CommitCallback) -> None:
        """Run this after the commit. See `UnitOfWork.after_commit`."""
        self.guard.check()
        self._after.callbacks.append(callback)

    def writing(self) -> None:
        """Note that something is about to be changed, and refuse it where that is not allowed.

        Raises:
            UnitOfWorkStateError: the unit of work is read-only, or used out of turn.
        """
        self.guard.check()
        if self.read_only:
            raise UnitOfWorkStateError(_READ_ONLY)
        self._touched = True

    @property
    def changed(self) -> bool:
        """Whether anything was changed so far. See `UnitOfWork.changed`."""
        return not self.has_ended and (self._touched or self.tracker.changed)

    @property
    def has_ended(self) -> bool:
        """Whether it was committed or rolled back; a context that still knows it, such as a task's, ignores it."""
        return self.guard.phase is Phase.ENDED

    @property
    def has_read(self) -> bool:
        """Whether a statement has run so far. See `UnitOfWork.has_read`."""
        return self.guard.has_run and not self.has_ended

    async def _consult(self) -> None:
        """Run the before-commit callbacks until there is no event that one of them has not seen."""
        self.guard.begin_commit()
        seen: dict[int, int] = {}
        for _ in range(self.max_rounds):
            events = self.tracker.events
            due = [index for index in range(len(self._before_commit)) if seen.get(index, -1) < len(events)]
            if not due:
                return
            for index in due:
                await self._before_commit[index](*events[seen.get(index, 0) :])
                seen[index] = len(events)
            await self.flush()
        raise UnitOfWorkStateError(_ENDLESS.format(rounds=self.max_rounds))

    async def _follow(self) -> None:
        await self._after.invalidate()
        if self._outbox is not None and self._envelopes:
            self._outbox.wake()
        await self._after.announce(self.tracker.events)

    async def _abandon(self, error: BaseException | None) -> None:
        self._end()
        try:
            self.tracker.abandon()
        finally:  # whatever an entity does when it gets its events back
            await self._ending.roll_back(error)

    def _end(self) -> None:
        self.guard.end()
        self._step_back()

    def _step_back(self) -> None:
        """Be the current one no longer; in each context that knew it: the commit may have run in a task of its own."""
        if current_unit_of_work.get() is self:
            current_unit_of_work.set(_still_open(self.outer))


def _still_open(unit: UnitOfWork | None) -> UnitOfWork | None:
    """The unit of work, or the nearest one around it that has not ended: blocks may be left in any order."""
    while unit is not None and getattr(unit, "has_ended", False):
        unit = getattr(unit, "outer", None)
    return unit
