"""Where the aggregates live, as the use cases see it."""

import builtins
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable
from types import MappingProxyType
from typing import ClassVar, Generic, Protocol, TypeVar

from cleanarch_kit.application.pagination.pages import CursorPage, CursorRequest, Page, PageRequest, Slice
from cleanarch_kit.application.pagination.sorting import SortFields, ordering_from_text
from cleanarch_kit.application.type_arguments import type_argument
from cleanarch_kit.domain.criteria import Criterion, Ordering
from cleanarch_kit.errors import NotFoundError

__all__ = ["Identified", "Repository", "SearchableRepository"]


class Identified(Protocol):
    """Anything that can be stored: an object with an ``id``, which never changes."""

    @property
    def id(self) -> object:
        """Its identity, hashable and unique among the entities of its type."""
        ...


EntityT = TypeVar("EntityT", bound=Identified)
IdT = TypeVar("IdT")


class Repository(ABC, Generic[EntityT, IdT]):
    """A collection of aggregates that outlives the program.

    A repository works inside one unit of work and never commits. What it hands out is tracked: one object for one
    identity within the unit of work, and every change to it is saved at the commit, guarded by its version.

    Where its unit of work has a row scope for its entities, those outside do not exist for it: no method reads, counts,
    locks, changes or deletes one, and an entity outside can be neither added nor saved.

    Raises:
        UnitOfWorkStateError: from every method, when its unit of work is not open, is in use by another task, or
            has seen a statement fail.
        StorageError: from every method, when the store refuses or fails; after that the unit of work can only be
            rolled back, or the savepoint around the call.

    Attributes:
        entity_type: type of the entities, taken from the class definition.
        scope_required: refuse a unit of work without a row scope for the entities, when the repository is made. Set it
            on the port, so that it holds for every adapter.
    """

    entity_type: ClassVar[type[object]]
    scope_required: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        entity_type = type_argument(cls, Repository, 0)
        if entity_type is not None:
            cls.entity_type = entity_type

    @abstractmethod
    async def get_by_id(self, id: IdT, *, for_update: bool = False, skip_locked: bool = False) -> EntityT | None:  # noqa: A002 - the field's own word
        """The entity with this identity, or None.

        Reading by identity never writes pending changes first.

        Args:
            id: the identity.
            for_update: lock it until the unit of work ends, and read it anew where it is tracked and unchanged. Use
                it for aggregates without a version, and where a conflict would be the rule.
            skip_locked: with ``for_update``: give None instead of waiting for another unit of work's lock.
        """

    @abstractmethod
    async def add(self, entity: EntityT) -> None:
        """Store a new entity. It is written with the next flush, at the commit at the latest.

        Adding the same object again changes nothing.

        Raises:
            DuplicateError: another object with this identity is tracked already. An identity or key that only the
                store knows is refused when it is written, also where its entity lies outside of the row scope.
            OutOfScopeError: it lies outside of the row scope; the unit of work goes on.
        """

    @abstractmethod
    async def update(self, entity: EntityT) -> None:
        """Save an entity that this unit of work did not load. For a tracked one there is nothing to do.

        The entity is tracked from now on and written as a whole with the next flush, if the store still has the
        version that the entity has.

        Raises:
            UnitOfWorkStateError: another object with this identity is tracked: change that one.
            ConcurrencyError: when it is written: somebody else saved or deleted it since it was loaded.
            NotFoundError: when it is written: it was never stored, or has no version and is gone.
            OutOfScopeError: it lies outside of the row scope; the unit of work goes on. Where only the stored one
                lies outside, it counts as gone.
        """

    @abstractmethod
    async def delete(self, id: IdT) -> bool:  # noqa: A002 - the field's own word
        """Delete the entity with this identity.

        A tracked one is deleted with the next flush, if the store still has the version that was loaded. One that is
        not tracked is deleted at once, whatever its version.

        Returns:
            Whether there was one.

        Raises:
            ConcurrencyError: when it is written: somebody else saved or deleted the tracked entity.
        """

    async def get(self, id: IdT, *, for_update: bool = False, skip_locked: bool = False) -> EntityT:  # noqa: A002 - the field's own word
        """The entity with this identity; as `get_by_id`, for those who know that it exists.

        Raises:
            NotFoundError: no entity has this identity.
        """
        entity = await self.get_by_id(id, for_update=for_update, skip_locked=skip_locked)
        if entity is None:
            raise NotFoundError(self.entity_type.__name__, id)
        return entity

    async def add_all(self, entities: Iterable[EntityT]) -> None:
        """Store new entities, as `add` does for each; those of one type are written together."""
        for entity in entities:
            await self.add(entity)


class SearchableRepository(Repository[EntityT, IdT]):
    """A repository that can be searched by criteria.

    A criterion is a lambda over the entity, or a `Specification`: several are joined by AND, and a None among them is
    no criterion. Searching writes pending changes first, so that it sees them. NULLs come last in both directions
    unless an order key says otherwise, and the identity is always the last order key, in the direction of the key
    before it: the order is the same on every store, ties included.

    Attributes:
        sort_fields: the names by which a client may sort, see `sorted_by`. None by default.
    """

    sort_fields: SortFields[EntityT] = MappingProxyType({})

    @abstractmethod
    async def list(
        self,
        *where: Criterion[EntityT] | None,
        order_by: Ordering[EntityT] | None = None,
        limit: int | None = None,
        offset: int = 0,
        for_update: bool = False,
        skip_locked: bool = False,
    ) -> builtins.list[EntityT]:
        """All entities that meet the criteria, tracked.

        Args:
            where: the criteria.
            order_by: a lambda that gives the order keys, for example ``lambda u: (desc(u.rank), u.name)``.
            limit: how many at most; None for all.
            offset: how many to leave out at the beginning.
            for_update: lock them until the unit of work ends, see `get_by_id`.
            skip_locked: with ``for_update``: leave out what another unit of work has locked.
        """

    @abstractmethod
    async def count(self, *where: Criterion[EntityT] | None) -> int:
        """How many entities meet the criteria."""

    @abstractmethod
    async def scroll(
        self,
        request: CursorRequest,
        *where: Criterion[EntityT] | None,
        order_by: Ordering[EntityT] | None = None,
    ) -> CursorPage[EntityT]:
        """A page by its place in the order, tracked: exact under ties and NULLs, at the same cost at any depth.

        Raises:
            InvalidCursorError: the cursor was not issued for this order, or was changed on its way.
        """

    @abstractmethod
    def stream(
        self, *where: Criterion[EntityT] | None, order_by: Ordering[EntityT] | None = None
    ) -> AsyncGenerator[EntityT]:
        """All entities that meet the criteria, one after another and *not* tracked: for reading what is large.

        Left before its end, it must be closed, as ``contextlib.aclosing`` does.
        """

    async def first(
        self, *where: Criterion[EntityT] | None, order_by: Ordering[EntityT] | None = None
    ) -> EntityT | None:
        """The first entity that meets the criteria, tracked, or None."""
        found = await self.list(*where, order_by=order_by, limit=1)
        return found[0] if found else None

    async def exists(self, *where: Criterion[EntityT] | None) -> bool:
        """Whether any entity meets the criteria."""
        return await self.first(*where) is not None

    async def paginate(
        self, request: PageRequest, *where: Criterion[EntityT] | None, order_by: Ordering[EntityT] | None = None
    ) -> Page[EntityT]:
        """A page with the total, tracked: two statements."""
        total = await self.count(*where)
        items = await self.list(*where, order_by=order_by, limit=request.per_page, offset=request.offset)
        return Page(tuple(items), total, request.page, request.per_page)

    async def slice(
        self, request: PageRequest, *where: Criterion[EntityT] | None, order_by: Ordering[EntityT] | None = None
    ) -> Slice[EntityT]:
        """A page without the total, tracked: one statement, which reads one row more."""
        found = await self.list(*where, order_by=order_by, limit=request.per_page + 1, offset=request.offset)
        items = tuple(found[: request.per_page])
        return Slice(items, request.page, request.per_page, len(found) > request.per_page)

    def sorted_by(self, text: str | None) -> Ordering[EntityT] | None:
        """The order that a client asked for, for example ``"-created,name"``; only names in `sort_fields` count.

        Args:
            text: names with a comma between them, each with a minus sign in front for descending order. None or
                empty for no order.

        Raises:
            InvalidSortError: a name is not allowed here, or stands there twice.
        """
        return ordering_from_text(self.sort_fields, text)
