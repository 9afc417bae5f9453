"""An inbox in an `InMemoryStore`."""

from uuid import UUID

from cleanarch_kit.adapters.memory.unit_of_work import InMemoryUnitOfWork
from cleanarch_kit.application.ports.inbox import checked_consumer

__all__ = ["InMemoryInbox"]

_TABLE = "inbox"


class InMemoryInbox:
    """Remembers in the unit of work's own transaction what a consumer has handled."""

    def __init__(self, uow: InMemoryUnitOfWork) -> None:
        """Take part in a unit of work; it may be opened later.

        Args:
            uow: the handler's unit of work.
        """
        self._uow = uow

    async def once(self, consumer: str, event_id: UUID) -> bool:
        """See `Inbox`."""
        key = (checked_consumer(consumer), event_id)
        self._uow.writing()
        return await self._uow.guard.run(self._insert, key)

    async def _insert(self, key: tuple[str, UUID]) -> bool:
        transaction = self._uow.transaction.connection
        await transaction.lock(_TABLE, key)
        if transaction.read(_TABLE, key) is not None:
            return False
        transaction.put(_TABLE, key, True)
        return True
