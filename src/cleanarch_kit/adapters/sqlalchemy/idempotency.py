"""`SqlAlchemyIdempotencyStore`: results of requests in the database that holds their effects."""

from datetime import timedelta

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.connecting.execution import run
from cleanarch_kit.adapters.sqlalchemy.messaging.moments import now_plus
from cleanarch_kit.adapters.sqlalchemy.messaging.tables import idempotency
from cleanarch_kit.adapters.sqlalchemy.messaging.unless_present import insert_unless_present
from cleanarch_kit.adapters.sqlalchemy.unit_of_work import SqlAlchemyUnitOfWork
from cleanarch_kit.application.ports.idempotency import IdempotencyClaim
from cleanarch_kit.errors import IdempotencyConflictError

__all__ = ["SqlAlchemyIdempotencyStore"]


class SqlAlchemyIdempotencyStore:
    """Remembers requests in the unit of work's own transaction; an `IdempotencyStore`.

    Result and effect are committed together or not at all. Who claims a key that another transaction holds waits until
    that one has ended, and gets its result if it was committed. Its table comes from `add_kit_tables`. A row whose time
    is over is replaced when its key is claimed again; delete the others by ``ends_at`` whenever you like.

    Args:
        uow: the handler's unit of work.
        keep: how long a result is kept.
    """

    def __init__(self, uow: SqlAlchemyUnitOfWork, *, keep: timedelta = timedelta(days=1)) -> None:
        self._uow = uow
        self._seconds = keep.total_seconds()

    async def claim(self, key: str, /) -> IdempotencyClaim:
        """Claim a key, or get its result. See `IdempotencyStore`."""
        self._uow.writing()
        source = self._uow.transaction.connection
        granted, result = await self._uow.guard.run(run, source, idempotency.metadata, _claim, key, self._seconds)
        if not granted and result is None:
            raise IdempotencyConflictError
        return _Claim(self._uow, key, result)


class _Claim:
    def __init__(self, uow: SqlAlchemyUnitOfWork, key: str, result: bytes | None) -> None:
        self._uow = uow
        self._key = key
        self.result = result

    async def complete(self, result: bytes, /) -> None:
        source = self._uow.transaction.connection
        await self._uow.guard.run(run, source, idempotency.metadata, _complete, self._key, result)

    async def release(self) -> None:
        source = self._uow.transaction.connection
        await self._uow.guard.run(run, source, idempotency.metadata, _release, self._key)


def _claim(connection: sa.Connection, key: str, seconds: float) -> tuple[bool, bytes | None]:
    known = idempotency.c
    connection.execute(sa.delete(idempotency).where(known.key == key, known.ends_at <= now_plus(0.0)))
    row = {"key": key, "result": None, "ends_at": now_plus(seconds)}
    if insert_unless_present(connection, idempotency, row):
        return True, None
    return False, connection.scalar(sa.select(known.result).where(known.key == key))


def _complete(connection: sa.Connection, key: str, result: bytes) -> None:
    connection.execute(sa.update(idempotency).where(idempotency.c.key == key).values(result=result))


def _release(connection: sa.Connection, key: str) -> None:
    connection.execute(sa.delete(idempotency).where(idempotency.c.key == key))
