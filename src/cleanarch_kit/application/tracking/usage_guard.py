"""Who may use a unit of work, and when."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Final, ParamSpec, TypeVar

from cleanarch_kit.errors import UnitOfWorkStateError

__all__ = ["STATEMENT_FAILED", "Phase", "UsageGuard"]

P = ParamSpec("P")
T = TypeVar("T")


class Phase(Enum):
    """Where a unit of work stands."""

    NEW = auto()
    OPEN = auto()
    BUSY = auto()
    COMMITTING = auto()
    FAILED = auto()
    DOOMED = auto()
    ENDED = auto()


STATEMENT_FAILED: Final = (
    "a statement of this unit of work has failed, so it can only be rolled back:"
    " leave its block, and put what may fail into a savepoint"
)
"""What is said to whoever goes on all the same."""

_OVERLAP = "this unit of work is in use by another task: give each task a unit of work of its own"
_PROBLEMS = {
    Phase.NEW: "this unit of work is not open: use it inside 'async with'",
    Phase.BUSY: _OVERLAP,
    Phase.COMMITTING: _OVERLAP,
    Phase.FAILED: STATEMENT_FAILED,
    Phase.DOOMED: (
        "a block that joined this unit of work has failed, so it can only be rolled back:"
        " let the error leave the outer block too, or put what may fail into a savepoint"
    ),
    Phase.ENDED: "this unit of work has ended: open a new one",
}
_OPEN, _BUSY = Phase.OPEN, Phase.BUSY


class UsageGuard:
    """Sees to it that a unit of work is used by one task at a time, and only between its beginning and its end.

    One task after another may use it. Two that overlap cannot be told apart before both have begun; the second one
    is refused at its first statement.

    Attributes:
        phase: where the unit of work stands.
        depth: how many blocks are open.
        savepoints: how many savepoints are open.
        has_run: whether a statement has run so far.
    """

    __slots__ = ("_idle", "_in_flight", "_joined", "_lost", "_owner", "depth", "has_run", "phase", "savepoints")

    def __init__(self) -> None:
        self.phase = Phase.NEW
        self.depth = 0
        self.savepoints = 0
        self.has_run = False
        self._joined: list[asyncio.Task[object] | None] = []
        self._owner: asyncio.Task[object] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._in_flight = False
        self._lost = False

    def check(self) -> None:
        """Refuse use out of turn.

        Raises:
            UnitOfWorkStateError: the unit of work is not open, is in use by another task, or can only be rolled back.
        """
        phase = self.phase
        if phase is not _OPEN and not (phase is Phase.COMMITTING and self._owner is asyncio.current_task()):
            raise UnitOfWorkStateError(_PROBLEMS[phase])

    async def run(self, statement: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one statement; nobody else may start one meanwhile, and nobody at all after it failed."""
        phase = self.phase
        if phase is not _OPEN:
            self.check()
        self.phase = _BUSY
        self.has_run = True
        try:
            result = await statement(*args, **kwargs)
        except BaseException:
            self._settle(Phase.FAILED)
            raise
        if self.phase is _BUSY and self._idle is None:
            self.phase = phase
        else:
            self._settle(phase)
        return result

    def enter(self) -> bool:
        """Enter a block.

        Returns:
            Whether it is the outermost one.

        Raises:
            UnitOfWorkStateError: the unit of work has ended, or is not fit for use.
        """
        if self.depth:
            self.check()
            self._joined.append(asyncio.current_task())
        elif self.phase is not Phase.NEW:
            raise UnitOfWorkStateError(_PROBLEMS[Phase.ENDED])
        self.depth += 1
        return self.depth == 1

    def leave(self, *, failed: bool) -> bool:
        """Leave a block.

        Args:
            failed: whether an exception leaves it; one that leaves a joined block dooms the unit of work.

        Returns:
            Whether it was the outermost one.

        Raises:
            UnitOfWorkStateError: it is not the innermost block, or the unit of work was ended by another one.
        """
        self.depth -= 1
        if self._joined:
            innermost = self._joined.pop()
            if innermost is not asyncio.current_task() and innermost is not None and not innermost.done():
                self._lost = True
                raise UnitOfWorkStateError(_OVERLAP)
        if self._lost and not failed and self.phase is Phase.ENDED:
            raise UnitOfWorkStateError(_PROBLEMS[Phase.DOOMED])
        if self.depth and failed and self.phase is not Phase.ENDED:
            self.phase = Phase.DOOMED
        return not self.depth

    def begin_commit(self) -> None:
        """From now on only the current task may use the unit of work."""
        self.phase = Phase.COMMITTING
        self._owner = asyncio.current_task()

    def fail(self) -> None:
        """From now on the unit of work can only be rolled back."""
        self.phase = Phase.FAILED

    def end(self) -> None:
        """From now on nobody may use the unit of work; blocks that joined it and are still open have lost it."""
        self._in_flight = self.phase is _BUSY
        self._lost = self._lost or bool(self._joined)
        self.phase = Phase.ENDED

    async def idle(self) -> None:
        """Wait until no statement is under way, for example one of a task that was left behind."""
        if self._in_flight or self.phase is _BUSY:
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle
            self._idle = None

    def _settle(self, phase: Phase) -> None:
        if self.phase is _BUSY:
            self.phase = phase
        self._in_flight = False
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
