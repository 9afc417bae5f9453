"""`SqlAlchemyInbox`: the inbox in the database that holds the effects."""

from uuid import UUID

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.connecting.execution import run
from cleanarch_kit.adapters.sqlalchemy.messaging.moments import now_plus
from cleanarch_kit.adapters.sqlalchemy.messaging.tables import inbox
from cleanarch_kit.adapters.sqlalchemy.messaging.unless_present import insert_unless_present
from cleanarch_kit.adapters.sqlalchemy.unit_of_work import SqlAlchemyUnitOfWork
from cleanarch_kit.application.ports.inbox import checked_consumer

__all__ = ["SqlAlchemyInbox"]


class SqlAlchemyInbox:
    """Remembers in the unit of work's own transaction what a consumer has handled; satisfies `Inbox`.

    Its table comes from `add_kit_tables`. Rows stay until you delete them: keep them for as long as an event may
    come again, by ``handled_at``.
    """

    def __init__(self, uow: SqlAlchemyUnitOfWork) -> None:
        """Take part in a unit of work; it may be opened later.

        Args:
            uow: the handler's unit of work.
        """
        self._uow = uow

    async def once(self, consumer: str, event_id: UUID) -> bool:
        """See `Inbox`."""
        name = checked_consumer(consumer)
        self._uow.writing()
        source = self._uow.transaction.connection
        return await self._uow.guard.run(run, source, inbox.metadata, _insert, name, event_id)


def _insert(connection: sa.Connection, consumer: str, event_id: UUID) -> bool:
    row = {"consumer": consumer, "event_id": event_id, "handled_at": now_plus(0.0)}
    return insert_unless_present(connection, inbox, row)
