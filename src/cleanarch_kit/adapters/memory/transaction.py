"""A transaction over an `InMemoryStore`, isolated as READ COMMITTED is."""

import asyncio
from collections.abc import Iterator
from enum import Enum
from typing import Final

from cleanarch_kit.adapters.memory.state import Held
from cleanarch_kit.adapters.memory.store import InMemoryStore
from cleanarch_kit.application.tracking.transaction import Transaction
from cleanarch_kit.errors import UnitOfWorkStateError

__all__ = ["InMemorySavepoint", "InMemoryTransaction"]


class _Mark(Enum):
    DELETED = "deleted by this transaction"
    UNTOUCHED = "not written by this transaction"


_OWN_LOCK = (
    "this unit of work would wait for itself: another one of the same task is still open and has changed or locked"
    " the same row; leave its block first"
)
_NOTHING: Final[dict[object, Held]] = {}


class InMemoryTransaction(Transaction["InMemoryTransaction"]):
    """Sees what is committed at each statement, and what it wrote itself.

    What it writes or locks is locked until it ends. Every statement gives other tasks their turn, as a statement to a
    server does, so that tests meet the interleavings of production.

    Attributes:
        store: what it works on.
        task: who began it.
    """

    def __init__(self, store: InMemoryStore) -> None:
        self.store = store
        self.task: asyncio.Task[object] | None = None
        self._written: dict[object, dict[object, Held]] = {}
        self._undo: list[tuple[object, object, Held]] = []
        self._locked: list[object] = []

    @property
    def connection(self) -> "InMemoryTransaction":
        """Itself."""
        return self

    async def begin(self) -> None:
        """Remember the task, so that it does not come to wait for itself."""
        self.task = asyncio.current_task()

    async def commit(self) -> None:
        """Put what was written into the store, all at once."""
        await asyncio.sleep(0)
        for table, written in self._written.items():
            rows = self.store.tables.setdefault(table, {})
            for key, value in written.items():
                if value is _Mark.DELETED:
                    rows.pop(key, None)
                else:
                    rows[key] = value
        self._written.clear()

    async def rollback(self) -> None:
        """Forget what was written."""
        self._written.clear()

    async def close(self) -> None:
        """Release the locks."""
        self.store.locks.release(self._locked)
        self._locked.clear()

    async def savepoint(self) -> "InMemorySavepoint":
        """Begin a savepoint."""
        await asyncio.sleep(0)
        return InMemorySavepoint(self, len(self._undo), len(self._locked))

    def read(self, table: object, key: object) -> Held:
        """What stands under a key for this transaction, or None."""
        value = self._written.get(table, _NOTHING).get(key, _Mark.UNTOUCHED)
        if value is _Mark.UNTOUCHED:
            return self.store.tables.get(table, _NOTHING).get(key)
        return None if value is _Mark.DELETED else value

    def items(self, table: object) -> Iterator[tuple[object, Held]]:
        """Everything in a table, for this transaction."""
        committed, written = self.store.tables.get(table, _NOTHING), self._written.get(table, _NOTHING)
        for key, value in {**committed, **written}.items():
            if value is not _Mark.DELETED:
                yield key, value

    def put(self, table: object, key: object, value: object) -> None:
        """Write under a key that this transaction has locked; None deletes."""
        written = self._written.setdefault(table, {})
        self._undo.append((table, key, written.get(key, _Mark.UNTOUCHED)))
        written[key] = _Mark.DELETED if value is None else value

    async def lock(self, table: object, key: object) -> None:
        """Lock a key until the transaction ends, waiting for those who have it.

        Raises:
            TransientError: that would be a deadlock.
            UnitOfWorkStateError: this very task has it, in another transaction.
        """
        owner = self.store.locks.owner_of((table, key))
        if owner is self:
            return
        if isinstance(owner, InMemoryTransaction) and owner.task is asyncio.current_task():
            raise UnitOfWorkStateError(_OWN_LOCK)
        await self.store.locks.acquire((table, key), self)
        self._locked.append((table, key))

    def locked_elsewhere(self, table: object, key: object) -> bool:
        """Whether another transaction has locked a key."""
        return self.store.locks.owner_of((table, key)) not in (None, self)

    def return_to(self, written: int, locked: int) -> None:
        """Go back to when so much was written and locked."""
        while len(self._undo) > written:
            table, key, value = self._undo.pop()
            if value is _Mark.UNTOUCHED:
                del self._written[table][key]
            else:
                self._written[table][key] = value
        self.store.locks.release(self._locked[locked:])
        del self._locked[locked:]


class InMemorySavepoint:
    """A place in an `InMemoryTransaction` to which one can go back."""

    def __init__(self, transaction: InMemoryTransaction, written: int, locked: int) -> None:
        self._transaction = transaction
        self._written = written
        self._locked = locked

    async def commit(self) -> None:
        """Keep what was done since."""
        await asyncio.sleep(0)

    async def rollback(self) -> None:
        """Take back what was done since."""
        self._transaction.return_to(self._written, self._locked)
