"""Changing, deleting and replacing many aggregates by one statement, as the use cases see it."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from cleanarch_kit.application.ports.repository import Identified, SearchableRepository
from cleanarch_kit.domain.changes import Changes
from cleanarch_kit.domain.criteria import Criterion

__all__ = ["BulkRepository", "Upserted"]

EntityT = TypeVar("EntityT", bound=Identified)
IdT = TypeVar("IdT")


class Upserted(NamedTuple):
    """What became of the entities that were upserted.

    Attributes:
        inserted: how many the store did not have.
        updated: how many it had.
    """

    inserted: int
    updated: int


class BulkRepository(SearchableRepository[EntityT, IdT]):
    """A repository that can change many entities without loading them.

    What an aggregate would have checked is not checked, and no events are recorded: it is for migrations, imports,
    clearing up, and for what concerns no rule of an aggregate. Pending changes are written first. Each method runs at
    once, inside the transaction, and is taken back with it.

    Every row that is touched gets its next version, so that nobody can save an aggregate that was loaded before. Inside
    this unit of work, the tracked entities of the type are read anew by the next read that meets them. One that is held
    and changed without being read again cannot be saved if its row was touched: `ConcurrencyError`. Of one without a
    version, the fields that it changed are saved, and the others are left as the store has them.

    At least one criterion must be given, and None is none: who means all entities says `everything`.

    Raises:
        UnitOfWorkStateError: from every method, also where the unit of work is read-only.
    """

    @abstractmethod
    async def update_where(
        self,
        where: Criterion[EntityT],
        *more: Criterion[EntityT] | None,
        set: Changes[EntityT],  # noqa: A002 - SQL's own word
    ) -> int:
        """Change all entities that meet the criteria.

            await users.update_where(lambda u: u.role == "guest", set=lambda u: change(u.active).to(False))

        Args:
            where: a criterion, or `everything`.
            more: further criteria.
            set: what becomes of each, in a tuple where it is several things; values are known before, and whole.

        Returns:
            How many met the criteria; those that had the values already are counted, and get their next version too.

        Raises:
            TypeError: no criterion is given, or what is to be set is no field that can be changed: identity and
                version cannot, nor what the row scope compares.
        """

    @abstractmethod
    async def delete_where(self, where: Criterion[EntityT], *more: Criterion[EntityT] | None) -> int:
        """Delete all entities that meet the criteria, whatever their version, with everything that they own.

        Args:
            where: a criterion, or `everything`.
            more: further criteria.

        Returns:
            How many there were.

        Raises:
            TypeError: no criterion is given.
        """

    @abstractmethod
    async def upsert(self, entities: Iterable[EntityT]) -> Upserted:
        """Store entities that may be stored already: insert those whose identity is new, replace the others.

        An entity that is new, by its version of 0, replaces the one with its identity whatever version that has, and
        goes on counting from it. One that was loaded before is saved as `update` does, and only over the version that
        it was loaded with. An entity without a version replaces. All are tracked from now on, and the events that
        they recorded are collected as always.

        Units of work that upsert the same identity at the same time wait for each other; a database may end one of
        several with `TransientError`. The identity alone decides: a unique key that another entity has is refused, and
        replaces nothing.

        Returns:
            How many were inserted and how many updated; one that is tracked already is saved as always, and counts as
            updated.

        Raises:
            DuplicateError: two of the entities have the same identity, or another stored one has the same unique key.
            UnitOfWorkStateError: another object with the same identity is tracked: change that one.
            ConcurrencyError: somebody else saved or deleted an entity that was loaded before.
        """
