"""What a unit of work needs of a store."""

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

__all__ = ["Savepoint", "Transaction"]

ConnectionT = TypeVar("ConnectionT")


class Savepoint(Protocol):
    """A place in a transaction to which one can go back."""

    async def commit(self) -> None:
        """Keep what was done since, as part of the transaction around it."""
        ...

    async def rollback(self) -> None:
        """Take back what was done since."""
        ...


class Transaction(ABC, Generic[ConnectionT]):
    """One transaction of one store. Its errors are raised as `StorageError`.

    A unit of work calls `begin` once, then `commit` or `rollback` at most once, then `close` once on every way out. It
    never calls two methods at the same time, but the last ones in another task than the first ones.
    """

    @property
    @abstractmethod
    def connection(self) -> ConnectionT:
        """What data mappers and the outbox write through; only asked for between `begin` and `close`."""

    async def begin(self) -> None:
        """Make ready; the store may as well begin with the first statement. Holds nothing if it fails."""

    @abstractmethod
    async def commit(self) -> None:
        """Commit, if anything was begun.

        Raises:
            StorageError: nothing was committed.
            CommitOutcomeUnknownError: COMMIT was sent, and no reply came.
        """

    @abstractmethod
    async def rollback(self) -> None:
        """Roll back, if anything was begun."""

    @abstractmethod
    async def close(self) -> None:
        """Release the connection, whatever state it is in."""

    @abstractmethod
    async def savepoint(self) -> Savepoint:
        """Begin a savepoint."""
