"""`ObjectReader`: runs the searches of a repository of mapped objects."""

from collections.abc import AsyncGenerator, Sequence

from cleanarch_kit.adapters.sqlalchemy._loose_types import Row
from cleanarch_kit.adapters.sqlalchemy.connecting.execution import read
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.adapters.sqlalchemy.orm.object_mapper import AnyObjectMapper
from cleanarch_kit.adapters.sqlalchemy.searching.reader import Reader
from cleanarch_kit.application.tracking.transaction import Transaction
from cleanarch_kit.application.tracking.usage_guard import UsageGuard
from cleanarch_kit.domain.criteria import Node, OrderKey

__all__ = ["ObjectReader"]

_OBJECTS_AT_ONCE = 500


class ObjectReader(Reader):
    """Reads mapped objects. What it gives one after another is in no session, and comes by one SELECT after another.

    Args:
        guard: lets one statement run at a time.
        transaction: where to read.
        mapper: what reads the objects.
        dialect: name of the database's dialect.
    """

    def __init__(
        self,
        guard: UsageGuard,
        transaction: Transaction[UnitConnection],
        mapper: AnyObjectMapper,
        dialect: str,
    ) -> None:
        super().__init__(guard, transaction, mapper, dialect)
        self._objects = mapper

    async def portions(self, where: Node | None, order: tuple[OrderKey, ...]) -> AsyncGenerator[list[Row]]:
        """The rows that meet a criterion, some hundreds at a time."""
        place: Sequence[object] | None = None
        while True:
            statement, parameters = self._searches.page(
                where, order, size=_OBJECTS_AT_ONCE, place=place, backwards=False
            )
            connection = self._transaction.connection
            rows = await self._guard.run(read, connection, self._objects.read_apart, statement, parameters)
            if not rows:
                return
            yield rows
            place = self.place(rows[-1], order)
