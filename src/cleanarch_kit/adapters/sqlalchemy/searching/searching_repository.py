"""`SqlSearchingRepository`: searching tracked entities in tables, however their rows become objects."""

import builtins
from abc import ABC
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar, Generic, TypeVar

from cleanarch_kit.adapters.sqlalchemy._loose_types import Row
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.adapters.sqlalchemy.searching.reader import Reader
from cleanarch_kit.application.pagination.keyset import Keyset, cursor_page, keyset_of
from cleanarch_kit.application.pagination.pages import CursorPage, CursorRequest
from cleanarch_kit.application.ports.repository import Identified, Repository
from cleanarch_kit.application.tracking.repository import TrackingRepository
from cleanarch_kit.application.type_arguments import type_argument
from cleanarch_kit.domain.criteria import Criterion, Ordering
from cleanarch_kit.errors import InvalidCursorError, InvalidValueError, RefusedValueError

__all__ = ["SqlSearchingRepository"]

EntityT = TypeVar("EntityT", bound=Identified)
IdT = TypeVar("IdT")


class SqlSearchingRepository(TrackingRepository[EntityT, IdT, UnitConnection], ABC, Generic[EntityT, IdT]):
    """The searching half of a repository over tables. A subclass sets ``_reader`` when it is made."""

    _id_type: ClassVar[type | None] = None
    _reader: Reader

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._id_type = type_argument(cls, Repository, 1)

    async def list(
        self,
        *where: Criterion[EntityT] | None,
        order_by: Ordering[EntityT] | None = None,
        limit: int | None = None,
        offset: int = 0,
        for_update: bool = False,
        skip_locked: bool = False,
    ) -> builtins.list[EntityT]:
        """All entities that meet the criteria, tracked. See `SearchableRepository.list`."""
        node, keyset = self._traced(where), self._keyset(order_by)
        await self.unit_of_work.flush()
        if for_update:
            found = await self._reader.locked_rows(node, keyset.keys, limit, offset, skip_locked=skip_locked)
        else:
            found = await self._reader.rows(node, keyset.keys, limit, offset)
        return self.entities.admit(found, refresh=for_update)

    async def count(self, *where: Criterion[EntityT] | None) -> int:
        """How many entities meet the criteria. See `SearchableRepository.count`."""
        node = self._traced(where)
        await self.unit_of_work.flush()
        return await self._reader.count(node)

    async def exists(self, *where: Criterion[EntityT] | None) -> bool:
        """Whether any entity meets the criteria; none is loaded."""
        node = self._traced(where)
        await self.unit_of_work.flush()
        return await self._reader.exists(node)

    async def scroll(
        self, request: CursorRequest, *where: Criterion[EntityT] | None, order_by: Ordering[EntityT] | None = None
    ) -> CursorPage[EntityT]:
        """A page by its place in the order. See `SearchableRepository.scroll`."""
        node, keyset = self._traced(where), self._keyset(order_by)
        cursor = request.after if request.before is None else request.before
        place = None if cursor is None else self.cursors.decode(cursor, keyset.fingerprint, keyset.types)
        await self.unit_of_work.flush()
        try:
            found = await self._reader.page(
                node, keyset.keys, request.size + 1, place, backwards=request.before is not None
            )
        except (RefusedValueError, InvalidValueError):
            if place is None:
                raise
            raise InvalidCursorError("it holds a value that the order's field cannot have") from None

        def cursor_of(row: Row) -> str:
            return self.cursors.encode(keyset.fingerprint, self._reader.place(row, keyset.keys))

        page = cursor_page(found, request, cursor_of)
        return CursorPage(tuple(self.entities.admit(page.items)), page.next, page.previous)

    async def stream(
        self, *where: Criterion[EntityT] | None, order_by: Ordering[EntityT] | None = None
    ) -> AsyncGenerator[EntityT]:
        """All entities that meet the criteria, one after another, untracked. See `SearchableRepository.stream`."""
        node, keyset = self._traced(where), self._keyset(order_by)
        await self.unit_of_work.flush()
        load_all = self.entities.mapper.load_all
        async with aclosing(self._reader.portions(node, keyset.keys)) as portions:
            async for portion in portions:
                for entity in load_all(portion):
                    yield entity

    def _keyset(self, order_by: Ordering[EntityT] | None) -> Keyset:
        return keyset_of(order_by, self.entities.mapper.entity_type, self._id_type)
