"""Reading rows as they come, without holding them all."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncResult, AsyncSession
from sqlalchemy.orm import Session

from cleanarch_kit.adapters.sqlalchemy.execution import translated
from cleanarch_kit.adapters.sqlalchemy.mapping import Row
from cleanarch_kit.errors import UnitOfWorkStateError

__all__ = ["RowStream", "free_connection", "open_stream"]

_ROWS_AT_ONCE = 500
_OPEN = "cleanarch_open_stream"
_STREAM_IS_OPEN = (
    "a stream is open in this unit of work, and on this database its connection can do nothing else meanwhile:"
    " read it to its end or leave it with contextlib.aclosing first"
)


def free_connection(session: Session) -> sa.Connection:
    """The connection of a session, for the next statement.

    Raises:
        UnitOfWorkStateError: a stream keeps it busy; another statement would cut the stream short.
    """
    if _OPEN in session.info:
        raise UnitOfWorkStateError(_STREAM_IS_OPEN)
    return session.connection()


class RowStream:
    """Rows that come in portions, from a cursor of the server.

    MariaDB and MySQL send all rows before they answer anything else: while a stream is open there, other statements
    of the session are refused, see `free_connection`.

    Args:
        session: the session that reads.
        result: the open result.
        metadata: where to look up constraints that the driver does not name.
    """

    def __init__(self, session: AsyncSession, result: AsyncResult[Any], metadata: sa.MetaData) -> None:
        self._session = session
        self._result = result
        self._metadata = metadata

    async def next_rows(self) -> list[Row]:
        """The next portion; empty at the end.

        Raises:
            StorageError: the store failed.
        """
        return list(map(tuple, await translated(self._result.fetchmany(_ROWS_AT_ONCE), self._metadata)))

    async def close(self) -> None:
        """End the stream. What was not read is not sent any more."""
        self._session.info.pop(_OPEN, None)
        await translated(self._result.close(), self._metadata)


async def open_stream(
    session: AsyncSession, metadata: sa.MetaData, statement: sa.Select[Any], parameters: Mapping[str, Any]
) -> RowStream:
    """Begin to read the rows of a SELECT.

    Raises:
        StorageError: the store refused or failed.
    """

    def check(sync_session: Session) -> None:
        free_connection(sync_session)

    async def start() -> AsyncResult[Any]:
        await session.run_sync(check)
        connection = await session.connection()
        result: AsyncResult[Any] = await connection.stream(statement, parameters)
        if connection.dialect.name in {"mysql", "mariadb"}:
            session.info[_OPEN] = True
        return result

    return RowStream(session, await translated(start(), metadata), metadata)
