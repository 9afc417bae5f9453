"""`SqlAlchemyRepository`: aggregates in a table."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar, cast

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import Row
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.adapters.sqlalchemy.mapping.aggregate_mapper import AggregateMapper
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.owned import Owned
from cleanarch_kit.adapters.sqlalchemy.mapping.row_mapper import AnyMapper, RowMapper
from cleanarch_kit.adapters.sqlalchemy.searching.reader import Reader
from cleanarch_kit.adapters.sqlalchemy.searching.searching_repository import SqlSearchingRepository
from cleanarch_kit.adapters.sqlalchemy.unit_of_work import SqlAlchemyUnitOfWork
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.bulk_repository import BulkTrackingRepository
from cleanarch_kit.application.tracking.data_mapper import DataMapper
from cleanarch_kit.domain.criteria import Node
from cleanarch_kit.errors import DefinitionError, MappingError

__all__ = ["SqlAlchemyRepository"]

EntityT = TypeVar("EntityT", bound=Identified)
IdT = TypeVar("IdT")


class SqlAlchemyRepository(
    SqlSearchingRepository[EntityT, IdT],
    BulkTrackingRepository[EntityT, IdT, UnitConnection],
    Generic[EntityT, IdT],
):
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
        children: the collections that the aggregate owns, by the names of their fields, see `Owned`.
        validate_on_load: build values and entities through their constructors.
    """

    table: ClassVar[sa.FromClause | type[Any]]
    columns: ClassVar[Mapping[str, str | tuple[str, ...]]] = MappingProxyType({})
    ignored_columns: ClassVar[tuple[str, ...]] = ()
    validate_on_load: ClassVar[bool] = False

    children: ClassVar[Mapping[str, Owned]] = MappingProxyType({})

    _mapper: ClassVar[AnyMapper | None] = None
    _converts: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._mapper = None
        cls._converts = cls._overrides("to_entity") or cls._overrides("to_row")
        if hasattr(cls, "table") and hasattr(cls, "entity_type"):
            with suppress(NameError):  # a postponed annotation names what is not defined yet: derived at first use
                cls.mapper()

    def __init__(self, unit_of_work: SqlAlchemyUnitOfWork) -> None:
        own = self.mapper()
        if self._converts:
            own = own.converting(self._own_load(), self._own_dump(), type(self).to_entity, type(self).to_row)
        super().__init__(unit_of_work, own)
        rows = _same_rows(self.entities.mapper, own)
        self._reader = Reader(self._guard, self._transaction, rows, unit_of_work.dialect_name)
        if unit_of_work.dialect_name in {"mysql", "mariadb"}:
            tables = (self._table(), *(owned.table for owned in self.children.values()))
            unit_of_work.transaction.connection.expect(*tables)

    def to_entity(self, row: Mapping[str, Any]) -> EntityT:
        """Turn a row into an entity, where the derived code will not do. Owned collections are filled afterwards.

        Args:
            row: the row, by the names of its columns.
        """
        raise NotImplementedError

    def to_row(self, entity: EntityT) -> Mapping[str, Any]:
        """Turn an entity into a row, where the derived code will not do.

        Returns:
            A value for each column that is not ignored, by the names of the columns.
        """
        raise NotImplementedError

    @classmethod
    def mapper(cls) -> RowMapper[EntityT]:
        """What stores the entities; its ``mapping.source`` is the generated code.

        Raises:
            MappingError: fields and columns do not fit.
        """
        mapper: RowMapper[EntityT] | None = cls._mapper
        if mapper is None:
            mapping: EntityMapping[EntityT] = EntityMapping(
                cast("type[EntityT]", cls.entity_type), cls._table(), cls._rules()
            )
            mapper = cls._mapper = AggregateMapper(mapping, cls.children) if cls.children else RowMapper(mapping)
        return mapper

    def _within(self, mapper: DataMapper[EntityT, UnitConnection], scope: Node) -> DataMapper[EntityT, UnitConnection]:
        unit = cast("SqlAlchemyUnitOfWork", self.unit_of_work)
        return cast("RowMapper[EntityT]", mapper).within(scope, unit.dialect_name)

    @classmethod
    def _table(cls) -> sa.Table:
        table: object = getattr(cls.table, "__table__", cls.table)
        if not isinstance(table, sa.Table):
            raise MappingError(f"{cls.__name__}.table must be a Table or a declarative class of one table")
        return cast("sa.Table", table)

    @classmethod
    def _rules(cls) -> MappingRules:
        own_code = cls._overrides("to_entity") and cls._overrides("to_row")
        return MappingRules(
            cls.columns,
            elsewhere=tuple(cls.children),
            ignored=cls.ignored_columns,
            validate=cls.validate_on_load,
            own_code=own_code,
        )

    @classmethod
    def _overrides(cls, name: str) -> bool:
        return getattr(cls, name) is not getattr(SqlAlchemyRepository, name)

    def _own_load(self) -> Callable[[Row], EntityT] | None:
        if not self._overrides("to_entity"):
            return None
        names = [column.name for column in self.mapper().mapping.columns]
        return lambda row: self.to_entity(dict(zip(names, row, strict=True)))

    def _own_dump(self) -> Callable[[EntityT], Row] | None:
        if not self._overrides("to_row"):
            return None
        names = [column.name for column in self.mapper().mapping.columns]
        return lambda entity: _cells(self.to_row(entity), names)


def _cells(row: Mapping[str, Any], names: Sequence[str]) -> Row:
    missing = [name for name in names if name not in row]
    if missing:
        raise MappingError(f"to_row gives no value for column {missing[0]!r}")
    return tuple(row[name] for name in names)


def _same_rows(tracking: DataMapper[EntityT, UnitConnection], own: RowMapper[EntityT]) -> RowMapper[EntityT]:
    """The mapper that the unit of work uses for these entities, which another repository may have brought."""
    if isinstance(tracking, RowMapper) and (tracking is own or tracking.definition == own.definition):
        return tracking
    raise DefinitionError(
        f"two repositories of one unit of work store {own.entity_type.__name__} in different ways: use one of them"
    )
