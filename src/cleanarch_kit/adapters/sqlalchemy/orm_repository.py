"""`OrmRepository`: aggregates that are objects of SQLAlchemy's ORM.

It is the tracking of every other repository, with the session of the unit of work as its store, and no second way of
tracking beside it: so that versions, events, savepoints and errors are the same, and what SQLAlchemy does well,
loading and writing object graphs, stays SQLAlchemy's.
"""

from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar, cast

from sqlalchemy.orm.interfaces import ORMOption

from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.adapters.sqlalchemy.orm.class_mapping import ClassMapping, begin_events
from cleanarch_kit.adapters.sqlalchemy.orm.object_mapper import ObjectMapper
from cleanarch_kit.adapters.sqlalchemy.orm.object_reader import ObjectReader
from cleanarch_kit.adapters.sqlalchemy.searching.searching_repository import SqlSearchingRepository
from cleanarch_kit.adapters.sqlalchemy.unit_of_work import SqlAlchemyUnitOfWork
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.data_mapper import DataMapper
from cleanarch_kit.application.tracking.identity_map import set_version
from cleanarch_kit.domain.criteria import Node
from cleanarch_kit.errors import DefinitionError

__all__ = ["OrmRepository"]

EntityT = TypeVar("EntityT", bound=Identified)
IdT = TypeVar("IdT")


class OrmRepository(SqlSearchingRepository[EntityT, IdT], Generic[EntityT, IdT]):
    """A repository over a class that SQLAlchemy maps, declaratively or imperatively. A subclass names it, and is done.

        class Posts(OrmRepository[Post, PostId]):
            load = (selectinload(Post.author),)

    Its objects are in the session of the unit of work, `SqlAlchemyUnitOfWork.session`, which they share with what
    else is loaded there. What an object owns, by the cascade "delete-orphan", is loaded, compared and written with
    it, and counts its version up. Nothing is loaded lazily: looking at what was not loaded is a `DefinitionError`
    that says what to write. In such a unit of work the session writes nothing by itself before a statement of your
    own: call ``await uow.flush()`` first, and ``await uow.session.flush()`` for objects that you added to it yourself.

    Args:
        unit_of_work: what tracks the objects; it must be open when the repository is used, not when it is made.

    Raises:
        MappingError: when it is made for the first time: the class is not mapped, its primary key is not called
            ``id``, or its ``version`` is not the mapping's ``version_id_col``.

    Attributes:
        load: SQLAlchemy's options for what is loaded with each object, such as ``selectinload(Post.author)``.
    """

    load: ClassVar[tuple[ORMOption, ...]] = ()

    _mapping: ClassVar[ClassMapping[object] | None] = None

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._mapping = None
        if hasattr(cls, "entity_type"):
            begin_events(cls.entity_type)

    def __init__(self, unit_of_work: SqlAlchemyUnitOfWork) -> None:
        mapping = self._class_mapping()
        super().__init__(unit_of_work, ObjectMapper(mapping, unit_of_work.transaction.connection))
        mapper = self.entities.mapper
        if not isinstance(mapper, ObjectMapper) or mapper.mapping is not mapping:
            name = self.entity_type.__name__
            raise DefinitionError(
                f"two repositories of one unit of work store {name} in different ways: use one of them"
            )
        mapper.entities = self.entities
        self._reader = ObjectReader(self._guard, self._transaction, mapper, unit_of_work.dialect_name)
        if unit_of_work.dialect_name in {"mysql", "mariadb"}:
            tables = (mapping.table, *(child.mapping.table for child in mapping.children.values()))
            unit_of_work.transaction.connection.expect(*tables)

    async def add_all(self, entities: Iterable[EntityT]) -> None:
        """Store new objects. See `Repository.add_all`."""
        new = tuple(entities)
        for entity in new:
            if getattr(entity, "version", 0) is None:  # a declarative class has no value there before it is stored
                set_version(entity, 0)
        await super().add_all(new)

    def _within(self, mapper: DataMapper[EntityT, UnitConnection], scope: Node) -> DataMapper[EntityT, UnitConnection]:
        unit = cast("SqlAlchemyUnitOfWork", self.unit_of_work)
        return cast("ObjectMapper[EntityT]", mapper).within(scope, unit.dialect_name)

    @classmethod
    def _class_mapping(cls) -> ClassMapping[EntityT]:
        mapping = cast("ClassMapping[EntityT] | None", cls._mapping)
        if mapping is None:
            mapping = ClassMapping(cast("type[EntityT]", cls.entity_type), cls.load)
            cls._mapping = cast("ClassMapping[object]", mapping)
        return mapping
