"""`SqlAlchemyRepository`: aggregates in a table."""

import builtins
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from cleanarch_kit.adapters.sqlalchemy.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.execution import run
from cleanarch_kit.adapters.sqlalchemy.mapping import EntityMapping, Row
from cleanarch_kit.adapters.sqlalchemy.row_mapper import RowMapper, fetch_rows, fetch_value
from cleanarch_kit.adapters.sqlalchemy.streaming import open_stream
from cleanarch_kit.adapters.sqlalchemy.unit_of_work import SqlAlchemyUnitOfWork
from cleanarch_kit.application.pagination.keyset import Keyset, cursor_page, keyset_of
from cleanarch_kit.application.pagination.pages import CursorPage, CursorRequest
from cleanarch_kit.application.ports.repository import Identified, Repository
from cleanarch_kit.application.tracking.repository import TrackingRepository
from cleanarch_kit.application.tracking.usage_guard import Phase
from cleanarch_kit.application.type_arguments import type_argument
from cleanarch_kit.domain.criteria import Criterion, Node, Ordering
from cleanarch_kit.domain.evaluation import plain_value
from cleanarch_kit.domain.tracing import trace_all
from cleanarch_kit.errors import InvalidCursorError, MappingError, RefusedValueError

__all__ = ["SqlAlchemyRepository"]

EntityT = TypeVar("EntityT", bound=Identified)
IdT = TypeVar("IdT")


class SqlAlchemyRepository(TrackingRepository[EntityT, IdT, AsyncSession], Generic[EntityT, IdT]):
    """A repository over one table: a subclass names entity, identity and table, and is done.

        class SqlUsers(SqlAlchemyRepository[User, UserId], UserRepository):
            table = users

    The mapping is derived once, when the class is defined: a field lies in the column of its name, a one-field value
    or enum member in one column, a value of several fields in ``<field>_<part>`` for each part. Rows are trusted:
    loading one runs neither constructors nor validation.

    Args:
        unit_of_work: what tracks the entities; it must be open when the repository is used, not when it is made.

    Raises:
        MappingError: when the class is defined, or, where annotations cannot be evaluated yet, when it is first used:
            a field and no column, or a column and no field.
        CorruptRowError: from every method that reads, a stored row is not a valid entity.

    Attributes:
        table: the table, or a declarative class.
        columns: other columns than the derived ones: the name of one, or of one for each part of a value.
        ignored_columns: columns that the entity does not know, because the database fills them in.
        validate_on_load: build values and entities through their constructors.
    """

    table: ClassVar[sa.FromClause | type[Any]]
    columns: ClassVar[Mapping[str, str | tuple[str, ...]]] = MappingProxyType({})
    ignored_columns: ClassVar[tuple[str, ...]] = ()
    validate_on_load: ClassVar[bool] = False

    _mapper: ClassVar[RowMapper[Any] | None] = None
    _id_type: ClassVar[type | None] = None

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._mapper = None
        cls._id_type = type_argument(cls, Repository, 1)
        if hasattr(cls, "table") and hasattr(cls, "entity_type"):
            with suppress(NameError):  # a postponed annotation names what is not defined yet: derived at first use
                cls.mapper()

    def __init__(self, unit_of_work: SqlAlchemyUnitOfWork) -> None:
        super().__init__(unit_of_work, self.mapper())
        self._rows = self.mapper()
        self._dialect = unit_of_work.dialect_name

    @classmethod
    def mapper(cls) -> RowMapper[EntityT]:
        """What stores the entities; its ``mapping.source`` is the generated code.

        Raises:
            MappingError: fields and columns do not fit.
        """
        mapper: RowMapper[EntityT] | None = cls._mapper
        if mapper is None:
            mapper = cls._mapper = RowMapper(EntityMapping(cls.entity_type, cls._table(), cls._rules()))
        return mapper

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
        statement, parameters = self._rows.searches(self._dialect).rows(
            node, keyset.keys, limit=limit, offset=offset, for_update=for_update, skip_locked=skip_locked
        )
        found = await self._fetch(statement, parameters)
        return self.entities.admit(found, refresh=for_update)

    async def count(self, *where: Criterion[EntityT] | None) -> int:
        """How many entities meet the criteria. See `SearchableRepository.count`."""
        node = self._traced(where)
        await self.unit_of_work.flush()
        statement, parameters = self._rows.searches(self._dialect).count(node)
        return int(await self._value(statement, parameters))

    async def exists(self, *where: Criterion[EntityT] | None) -> bool:
        """Whether any entity meets the criteria; none is loaded."""
        node = self._traced(where)
        await self.unit_of_work.flush()
        statement, parameters = self._rows.searches(self._dialect).exists(node)
        return await self._value(statement, parameters) is not None

    async def scroll(
        self, request: CursorRequest, *where: Criterion[EntityT] | None, order_by: Ordering[EntityT] | None = None
    ) -> CursorPage[EntityT]:
        """A page by its place in the order. See `SearchableRepository.scroll`."""
        node, keyset = self._traced(where), self._keyset(order_by)
        cursor = request.after if request.before is None else request.before
        place = None if cursor is None else self.cursors.decode(cursor, keyset.fingerprint, keyset.types)
        await self.unit_of_work.flush()
        searches = self._rows.searches(self._dialect)
        statement, parameters = searches.page(
            node, keyset.keys, size=request.size + 1, place=place, backwards=request.before is not None
        )
        try:
            found = await self._fetch(statement, parameters)
        except RefusedValueError:
            if place is None:
                raise
            raise InvalidCursorError("it holds a value that the order's field cannot have") from None
        positions = searches.positions(keyset.keys)

        def cursor_of(row: Row) -> str:
            return self.cursors.encode(keyset.fingerprint, [plain_value(row[at]) for at in positions])

        page = cursor_page(found, request, cursor_of)
        return CursorPage(tuple(self.entities.admit(page.items)), page.next, page.previous)

    async def stream(
        self, *where: Criterion[EntityT] | None, order_by: Ordering[EntityT] | None = None
    ) -> AsyncIterator[EntityT]:
        """All entities that meet the criteria, one after another, untracked. See `SearchableRepository.stream`.

        Rows come from a cursor of the server, some hundreds at a time. On MariaDB and MySQL the unit of work can do
        nothing else while the stream is open.
        """
        node, keyset = self._traced(where), self._keyset(order_by)
        await self.unit_of_work.flush()
        statement, parameters = self._rows.searches(self._dialect).rows(node, keyset.keys)
        load = self._rows.load
        rows = await self._guard.run(
            open_stream, self._transaction.connection, self._rows.metadata, statement, parameters
        )
        try:
            while found := await self._guard.run(rows.next_rows):
                for row in found:
                    yield load(row)
        finally:
            if self._guard.phase is not Phase.ENDED:
                await rows.close()

    async def _fetch(self, statement: sa.Select[Any], parameters: dict[str, Any]) -> builtins.list[Any]:
        return await self._guard.run(
            run, self._transaction.connection, self._rows.metadata, fetch_rows, statement, parameters
        )

    async def _value(self, statement: sa.Select[Any], parameters: dict[str, Any]) -> Any:
        return await self._guard.run(
            run, self._transaction.connection, self._rows.metadata, fetch_value, statement, parameters
        )

    def _traced(self, where: tuple[Criterion[EntityT] | None, ...]) -> Node | None:
        return trace_all(where, self._rows.entity_type) if where else None

    def _keyset(self, order_by: Ordering[EntityT] | None) -> Keyset:
        return keyset_of(order_by, self._rows.entity_type, self._id_type)

    @classmethod
    def _table(cls) -> sa.Table:
        table: object = getattr(cls.table, "__table__", cls.table)
        if not isinstance(table, sa.Table):
            raise MappingError(f"{cls.__name__}.table must be a Table or a declarative class of one table")
        return cast("sa.Table", table)

    @classmethod
    def _rules(cls) -> MappingRules:
        return MappingRules(cls.columns, ignored=cls.ignored_columns, validate=cls.validate_on_load)
