"""How a transaction ends: whatever fails or is cancelled meanwhile, nothing stays open."""

import asyncio
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine
from typing import Generic, TypeVar

from cleanarch_kit.application.shielding import Deadline, is_being_cancelled, run_to_end
from cleanarch_kit.application.tracking.after_commit import AfterCommit
from cleanarch_kit.application.tracking.transaction import Savepoint, Transaction
from cleanarch_kit.application.tracking.usage_guard import UsageGuard
from cleanarch_kit.errors import CommitOutcomeUnknownError

__all__ = ["Ending"]

ConnectionT = TypeVar("ConnectionT")


class Ending(Generic[ConnectionT]):
    """Ends a transaction, in a task of its own that a cancellation of the caller does not reach.

    Args:
        transaction: what has to be ended.
        guard: tells when no statement is under way.
        after: what follows the commit.
        timeout: seconds that each of COMMIT, ROLLBACK and the release of the connection may take.

    Attributes:
        transaction: as given.
        guard: as given.
    """

    __slots__ = ("_after", "_timeout", "guard", "transaction")

    def __init__(
        self, transaction: Transaction[ConnectionT], guard: UsageGuard, after: AfterCommit, timeout: float
    ) -> None:
        self.transaction = transaction
        self.guard = guard
        self._after = after
        self._timeout = timeout

    async def commit(self, take_back: Callable[[], object], follow: Callable[[], Awaitable[object]] | None) -> None:
        """Commit, release, and go on with what follows.

        Args:
            take_back: is called if nothing was committed.
            follow: is called once the commit is confirmed and the connection released; None if nothing follows.

        Raises:
            StorageError: nothing was committed.
            CommitOutcomeUnknownError: nobody knows. Cache tags are invalidated.
            CancelledError: the caller was cancelled meanwhile; all the same, everything was done.
        """
        await run_to_end(self._commit(take_back, follow), patience=self._timeout)

    async def roll_back(self, error: BaseException | None) -> None:
        """Roll back and release.

        Args:
            error: why; what fails here is added to it as a note. Without one it is raised.

        Raises:
            CancelledError: the caller was cancelled meanwhile, and the error is no cancellation.
        """
        await self._to_end(self._roll_back(error), error)

    async def go_back(self, savepoint: Savepoint, error: BaseException, healed: Callable[[], object]) -> None:
        """Roll back to a savepoint.

        Args:
            savepoint: where to go back to.
            error: why; what fails here is added to it as a note, and the unit of work stays unusable.
            healed: is called once the store has gone back.

        Raises:
            CancelledError: the caller was cancelled meanwhile, and the error is no cancellation.
        """
        await self._to_end(self._go_back(savepoint, error, healed), error)

    async def _to_end(self, work: Coroutine[object, object, None], error: BaseException | None) -> None:
        try:
            await run_to_end(work, patience=self._timeout)
        except CancelledError:
            if not isinstance(error, CancelledError):
                raise

    async def _commit(self, take_back: Callable[[], object], follow: Callable[[], Awaitable[object]] | None) -> None:
        deadline = Deadline(self._timeout)
        try:
            await self.transaction.commit()
        except BaseException as error:
            deadline.disarm()
            if not deadline.expired and not isinstance(error, CommitOutcomeUnknownError | CancelledError):
                try:
                    take_back()
                finally:
                    await self._roll_back(error)
                raise
            await self._release(Deadline(self._timeout))
            await self._after.invalidate()
            if isinstance(error, CommitOutcomeUnknownError):
                raise
            raise CommitOutcomeUnknownError from None
        await self._release(deadline)
        if follow is not None:
            await follow()

    async def _roll_back(self, error: BaseException | None) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self.guard.idle()
                await self.transaction.rollback()
        except Exception as failure:
            if error is None:
                raise
            error.add_note(f"the rollback failed, too: {type(failure).__name__}")
        finally:
            await self._release(Deadline(self._timeout))

    async def _go_back(self, savepoint: Savepoint, error: BaseException, healed: Callable[[], object]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self.guard.idle()
                self.guard.fail()
                await savepoint.rollback()
        except Exception as failure:
            self.guard.fail()
            error.add_note(f"the savepoint could not be taken back: {type(failure).__name__}")
        else:
            healed()

    async def _release(self, deadline: Deadline) -> None:
        try:
            await self.transaction.close()
        except (Exception, CancelledError) as error:
            deadline.disarm()
            if isinstance(error, CancelledError) and is_being_cancelled():
                raise
            self._after.report(error, ())
        else:
            deadline.disarm()
