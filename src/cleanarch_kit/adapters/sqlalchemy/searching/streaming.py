"""Reading rows as they come, without holding them all."""

from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncResult

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnySelect, Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.connecting.execution import read, translated
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection

__all__ = ["RowCompleter", "RowStream", "open_stream"]

_ROWS_AT_ONCE = 500


class RowCompleter(Protocol):
    """What knows how the rows of a SELECT become snapshots."""

    @property
    def metadata(self) -> sa.MetaData:
        """Where to look up constraints that the driver does not name."""
        ...

    def complete(self, connection: sa.Connection, rows: list[Row]) -> list[Row]:
        """The snapshots of rows that were read."""
        ...


class RowStream:
    """Snapshots that come in portions, from a cursor of the server.

    Args:
        connection: the connection.
        mapper: completes the rows.
        result: the open result.
    """

    def __init__(self, connection: UnitConnection, mapper: RowCompleter, result: AsyncResult[Any]) -> None:
        self._connection = connection
        self._mapper = mapper
        self._result = result

    async def next_rows(self) -> list[Row]:
        """The next portion; empty at the end.

        Raises:
            StorageError: the store failed.
        """
        metadata = self._mapper.metadata
        rows: list[Row] = list(map(tuple, await translated(self._result.fetchmany(_ROWS_AT_ONCE), metadata)))
        return await read(self._connection, self._mapper.complete, rows) if rows else rows

    async def close(self) -> None:
        """End the stream. What was not read is not sent any more."""
        await translated(self._result.close(), self._mapper.metadata)


async def open_stream(
    connection: UnitConnection, mapper: RowCompleter, statement: AnySelect, parameters: Parameters
) -> RowStream:
    """Begin to read the rows of a SELECT.

    Raises:
        StorageError: the store refused or failed.
    """
    result = await translated(connection.stream(statement, parameters), mapper.metadata)
    return RowStream(connection, mapper, result)
