"""A repository without a database, which behaves like one with."""

import asyncio
import builtins
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from cleanarch_kit.adapters.memory.mapper import InMemoryMapper
from cleanarch_kit.adapters.memory.ordering import position
from cleanarch_kit.adapters.memory.store import Row, UniqueKeys
from cleanarch_kit.adapters.memory.transaction import InMemoryTransaction
from cleanarch_kit.adapters.memory.unit_of_work import InMemoryUnitOfWork
from cleanarch_kit.application.pagination.keyset import Keyset, cursor_page, keyset_of
from cleanarch_kit.application.pagination.pages import CursorPage, CursorRequest
from cleanarch_kit.application.ports.repository import Identified, Repository
from cleanarch_kit.application.tracking.bulk_repository import BulkTrackingRepository
from cleanarch_kit.application.tracking.data_mapper import DataMapper
from cleanarch_kit.application.type_arguments import type_argument
from cleanarch_kit.domain.criteria import Criterion, Node, Ordering
from cleanarch_kit.domain.evaluation import evaluate, field_value
from cleanarch_kit.errors import InvalidCursorError

__all__ = ["InMemoryRepository"]

EntityT = TypeVar("EntityT", bound=Identified)
IdT = TypeVar("IdT")


class InMemoryRepository(BulkTrackingRepository[EntityT, IdT, InMemoryTransaction], Generic[EntityT, IdT]):
    """A repository over an `InMemoryStore`, for tests and for programs that need no database.

    It meets the same contract as one over SQL: copies in and out, real rollback, versions, unique keys, locks, SQL's
    three-valued logic and order of NULLs. It knows no foreign keys.

    Subclass it together with the port: ``class InMemoryUsers(InMemoryRepository[User, UserId], UserRepository)``.

    Args:
        unit_of_work: the unit of work in which it works.

    Attributes:
        unique: the unique constraints, for example ``{"uq_users_email": lambda u: u.email}``.
    """

    unique: UniqueKeys[EntityT] = MappingProxyType({})

    def __init__(self, unit_of_work: InMemoryUnitOfWork) -> None:
        self._type = cast("type[EntityT]", self.entity_type)
        unit_of_work.store.declare(self._type, self.unique)
        super().__init__(unit_of_work, InMemoryMapper(self._type))

    async def list(
        self,
        *where: Criterion[EntityT] | None,
        order_by: Ordering[EntityT] | None = None,
        limit: int | None = None,
        offset: int = 0,
        for_update: bool = False,
        skip_locked: bool = False,
    ) -> builtins.list[EntityT]:
        """All entities that meet the criteria. See `SearchableRepository.list`."""
        keyset = self._keyset(order_by)
        node = self._traced(where)
        rows = await self._found(node, keyset)
        if for_update:
            rows = await self._guard.run(self._locked, rows, node, offset, limit, skip_locked=skip_locked)
        else:
            rows = rows[offset : None if limit is None else offset + limit]
        return self.entities.admit([row.state for row in rows], refresh=for_update)

    async def count(self, *where: Criterion[EntityT] | None) -> int:
        """How many entities meet the criteria. See `SearchableRepository.count`."""
        return len(await self._found(self._traced(where), None))

    async def exists(self, *where: Criterion[EntityT] | None) -> bool:
        """Whether any entity meets the criteria. See `SearchableRepository.exists`."""
        return bool(await self._found(self._traced(where), None))

    async def scroll(
        self,
        request: CursorRequest,
        *where: Criterion[EntityT] | None,
        order_by: Ordering[EntityT] | None = None,
    ) -> CursorPage[EntityT]:
        """A page by its place in the order. See `SearchableRepository.scroll`."""
        keyset = self._keyset(order_by)
        node = self._traced(where)
        cursor = request.after if request.before is None else request.before
        place = None if cursor is None else self.cursors.decode(cursor, keyset.fingerprint, keyset.types)
        rows = await self._found(node, keyset)

        def cursor_of(row: Row) -> str:
            return self.cursors.encode(keyset.fingerprint, _values(keyset, row))

        page = cursor_page(_beside(rows, keyset, place, request), request, cursor_of)
        return CursorPage(tuple(self.entities.admit([row.state for row in page.items])), page.next, page.previous)

    async def stream(
        self, *where: Criterion[EntityT] | None, order_by: Ordering[EntityT] | None = None
    ) -> AsyncGenerator[EntityT]:
        """All entities that meet the criteria, not tracked. See `SearchableRepository.stream`."""
        for row in await self._found(self._traced(where), self._keyset(order_by)):
            yield self.entities.mapper.load(row.state)
            self._guard.check()

    def _within(
        self, mapper: DataMapper[EntityT, InMemoryTransaction], scope: Node
    ) -> DataMapper[EntityT, InMemoryTransaction]:
        return cast("InMemoryMapper[EntityT]", mapper).within(scope)

    def _keyset(self, order_by: Ordering[EntityT] | None) -> Keyset:
        return keyset_of(order_by, self._type, type_argument(type(self), Repository, 1))

    async def _found(self, node: Node | None, keyset: Keyset | None) -> builtins.list[Row]:
        await self.unit_of_work.flush()
        await self._guard.run(asyncio.sleep, 0)
        rows = [row for _, row in self._transaction.connection.items(self._type)]
        if node is not None:
            rows = [row for row in rows if evaluate(node, row.view) is True]
        if keyset is not None:
            rows.sort(key=lambda row: position(keyset.keys, _values(keyset, row)))
        return rows

    async def _locked(
        self, rows: builtins.list[Row], node: Node | None, offset: int, limit: int | None, *, skip_locked: bool
    ) -> builtins.list[Row]:
        """Lock rows one after another; each is looked at again once it is locked."""
        transaction, table = self._transaction.connection, self._type
        found: list[Row] = []
        for row in rows:
            if limit is not None and len(found) == offset + limit:
                break
            identity = row.view.id
            if skip_locked and transaction.locked_elsewhere(table, identity):
                continue
            await transaction.lock(table, identity)
            current: Row | None = transaction.read(table, identity)
            if current is not None and (node is None or evaluate(node, current.view) is True):
                found.append(current)
        return found[offset:]


def _values(keyset: Keyset, row: Row) -> tuple[object, ...]:
    return tuple(field_value(key.field, row.view) for key in keyset.keys)


def _beside(
    rows: builtins.list[Row], keyset: Keyset, place: tuple[Any, ...] | None, request: CursorRequest
) -> builtins.list[Row]:
    """The rows next to a place: behind it, or in front of it and then nearest first; one more than the page holds."""
    backwards = request.before is not None
    if place is not None:
        try:
            target = position(keyset.keys, place)
            cut = bisect_left if backwards else bisect_right
            index = cut(rows, target, key=lambda row: position(keyset.keys, _values(keyset, row)))
        except TypeError:
            raise InvalidCursorError("it is not one of ours") from None
        rows = rows[:index][::-1] if backwards else rows[index:]
    return rows[: request.size + 1]
