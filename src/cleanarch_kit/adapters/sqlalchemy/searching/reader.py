"""`Reader`: runs the searches of one repository in its unit of work."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnySelect, Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.connecting.execution import read
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.adapters.sqlalchemy.mapping._searched_fields import Fields
from cleanarch_kit.adapters.sqlalchemy.searching.searches import Searches
from cleanarch_kit.adapters.sqlalchemy.searching.streaming import RowCompleter, open_stream
from cleanarch_kit.application.tracking.transaction import Transaction
from cleanarch_kit.application.tracking.usage_guard import Phase, UsageGuard
from cleanarch_kit.domain.criteria import And, Field, Node, OneOf, OrderKey
from cleanarch_kit.domain.evaluation import plain_value

__all__ = ["Reader", "RowSource"]

_ROWS_AT_ONCE = 500
_MYSQL = frozenset({"mysql", "mariadb"})

_LOST = (Phase.FAILED, Phase.ENDED)
"""Where a stream is closed already, or with the rollback that must follow."""

_Order = tuple[OrderKey, ...]


class RowSource(RowCompleter, Protocol):
    """What reads the rows of one entity."""

    @property
    def mapping(self) -> Fields:
        """Where its fields lie."""
        ...

    def searches(self, dialect: str) -> Searches:
        """The searches for a database."""
        ...

    def read(self, connection: sa.Connection, statement: AnySelect, parameters: Parameters) -> list[Row]:
        """The snapshots that a SELECT of `searches` gives."""
        ...


class Reader:
    """Reads rows; the repository makes entities of them.

    Args:
        guard: lets one statement run at a time.
        transaction: where to read.
        mapper: what reads the rows of these entities.
        dialect: name of the database's dialect.
    """

    def __init__(
        self, guard: UsageGuard, transaction: Transaction[UnitConnection], mapper: RowSource, dialect: str
    ) -> None:
        self._guard = guard
        self._transaction = transaction
        self._mapper = mapper
        self._mysql = dialect in _MYSQL
        self._searches = mapper.searches(dialect)

    async def rows(self, where: Node | None, order: _Order, limit: int | None, offset: int) -> list[Row]:
        """The rows that meet a criterion."""
        return await self._fetch(*self._searches.rows(where, order, limit=limit, offset=offset))

    async def locked_rows(
        self, where: Node | None, order: _Order, limit: int | None, offset: int, *, skip_locked: bool
    ) -> list[Row]:
        """The rows that meet a criterion, locked until the transaction ends."""
        if self._mysql and limit is not None and not offset and len(self._mapper.mapping.identity_positions) == 1:
            return await self._locked_one_by_one(where, order, limit, skip_locked=skip_locked)
        statement, parameters = self._searches.rows(
            where, order, limit=limit, offset=offset, for_update=True, skip_locked=skip_locked
        )
        return await self._fetch(statement, parameters)

    async def count(self, where: Node | None) -> int:
        """How many rows meet a criterion."""
        return await self._value(*self._searches.count(where)) or 0

    async def exists(self, where: Node | None) -> bool:
        """Whether any row meets a criterion."""
        return await self._value(*self._searches.exists(where)) is not None

    async def page(
        self, where: Node | None, order: _Order, size: int, place: Sequence[object] | None, *, backwards: bool
    ) -> list[Row]:
        """The rows behind a place in an order, or in front of it, read backwards."""
        return await self._fetch(*self._searches.page(where, order, size=size, place=place, backwards=backwards))

    def place(self, row: Row, order: _Order) -> list[object]:
        """The place of a row in an order."""
        return [plain_value(row[at]) for at in self._searches.positions(order)]

    def portions(self, where: Node | None, order: _Order) -> AsyncGenerator[list[Row]]:
        """The rows that meet a criterion, some hundreds at a time.

        They come from one cursor of the server; on MariaDB and MySQL, whose connections can do nothing else while they
        send, from one SELECT after another.
        """
        return self._pages(where, order) if self._mysql else self._cursor(where, order)

    async def _cursor(self, where: Node | None, order: _Order) -> AsyncGenerator[list[Row]]:
        statement, parameters = self._searches.rows(where, order)
        stream = await self._guard.run(open_stream, self._transaction.connection, self._mapper, statement, parameters)
        try:
            while rows := await self._guard.run(stream.next_rows):
                yield rows
        finally:
            if self._guard.phase not in _LOST:
                await stream.close()

    async def _pages(self, where: Node | None, order: _Order) -> AsyncGenerator[list[Row]]:
        place: list[object] | None = None
        while rows := await self.page(where, order, _ROWS_AT_ONCE, place, backwards=False):
            yield rows
            place = self.place(rows[-1], order)

    async def _locked_one_by_one(
        self, where: Node | None, order: _Order, limit: int, *, skip_locked: bool
    ) -> list[Row]:
        """Find rows without locks, then lock them by their identities where they still meet the criterion.

        InnoDB locks every row that it examines, which without a fitting index is all of them.
        """
        identity = self._mapper.mapping.identity_positions[0]
        locked: list[Row] = []
        place: list[object] | None = None
        while len(locked) < limit:
            found = await self.page(where, order, limit - len(locked), place, backwards=False)
            if not found:
                break
            chosen = OneOf(Field(("id",)), tuple(row[identity] for row in found))
            statement, parameters = self._searches.rows(
                chosen if where is None else And((where, chosen)), order, for_update=True, skip_locked=skip_locked
            )
            locked += await self._fetch(statement, parameters)
            place = self.place(found[-1], order)
        return locked

    async def _fetch(self, statement: AnySelect, parameters: Parameters) -> list[Row]:
        connection = self._transaction.connection
        return await self._guard.run(read, connection, self._mapper.read, statement, parameters)

    async def _value(self, statement: AnySelect, parameters: Parameters) -> int | None:
        return await self._guard.run(read, self._transaction.connection, _scalar, statement, parameters)


def _scalar(connection: sa.Connection, statement: AnySelect, parameters: Parameters) -> int | None:
    value: int | None = connection.execute(statement, parameters).scalar()
    return value
