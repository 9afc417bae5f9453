"""`ClassMapping`: what SQLAlchemy's mapping of a class says to a repository."""

from collections.abc import Hashable, Iterator
from typing import Any, Generic, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import Mapper, defaultload, selectinload, undefer
from sqlalchemy.orm.interfaces import ORMOption

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyElement, AnySelect
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import FieldNode, columns_of
from cleanarch_kit.adapters.sqlalchemy.orm.by_identity import ByIdentity
from cleanarch_kit.adapters.sqlalchemy.orm.class_fields import ClassFields, owned_by
from cleanarch_kit.adapters.sqlalchemy.searching.conditions import compile_condition
from cleanarch_kit.adapters.sqlalchemy.searching.searches import Searches
from cleanarch_kit.domain.criteria import Node, parametrise
from cleanarch_kit.domain.entity import AggregateRoot
from cleanarch_kit.errors import MappingError

__all__ = ["ClassMapping", "begin_events"]

EntityT = TypeVar("EntityT")

_SCOPES = 64
"""How many shapes of row scopes are kept."""

_EAGER = frozenset({"selectin", "joined", "subquery", "immediate", False})


class ClassMapping(ClassFields, Generic[EntityT]):
    """A mapped class: which attribute lies in which column, and the SELECT that loads its objects as a whole.

    Args:
        entity_type: the class, mapped declaratively or imperatively.
        load: what is loaded with it, beyond its columns and what it owns.

    Raises:
        MappingError: the class is not mapped, or in a way that a repository cannot keep its promises with.

    Attributes:
        identity: where the identity lies.
        by_identity: reads single objects.
        version: column of the version that SQLAlchemy checks, or None.
        select: gives each object, and behind it the values of its columns as they are stored.
    """

    def __init__(self, entity_type: type[EntityT], load: tuple[ORMOption, ...]) -> None:
        mapper = _mapper_of(entity_type)
        super().__init__(mapper)
        self.version = _version(mapper)
        self._searches: dict[str, Searches] = {}
        self.identity = self._identity_node(mapper)
        self.identity_positions = tuple(self.columns.index(column) for column in columns_of(self.identity))
        deferred = [undefer(attribute.class_attribute) for attribute in mapper.column_attrs if attribute.deferred]
        columns: tuple[AnyElement, ...] = self.columns
        self.select: AnySelect = cast("AnySelect", sa.select(entity_type, *columns)).options(
            *deferred, *_owned(mapper), *load
        )
        self.by_identity = ByIdentity(self.select, self.identity, None)
        self._scoped: dict[Hashable, ByIdentity] = {}

    def searches(self, dialect: str) -> Searches:
        """The searches for a database."""
        searches = self._searches.get(dialect)
        if searches is None:
            searches = self._searches[dialect] = Searches(self, dialect, self.select, self.entity_type)
        return searches

    def within(self, scope: Node, dialect: str) -> "ByIdentity":
        """Reads single objects, of which those outside of a row scope do not exist, on a database.

        Raises:
            TypeError: the scope names an attribute that has no column.
        """
        shape, values = parametrise(scope)
        scoped = self._scoped.get((dialect, shape))
        if scoped is None:
            if len(self._scoped) >= _SCOPES:
                del self._scoped[next(iter(self._scoped))]
            condition = compile_condition(scope, self, dialect, prefix="_s")
            scoped = self._scoped[dialect, shape] = ByIdentity(self.select, self.identity, condition)
        return scoped.bound(values)

    def _identity_node(self, mapper: Mapper[Any]) -> FieldNode:
        node = self.nodes.get("id")
        if node is None or {column.key for column in columns_of(node)} != {each.key for each in mapper.primary_key}:
            raise MappingError(
                f"{mapper.class_.__name__} has no attribute 'id' that is its primary key:"
                " call it so, or map a synonym of this name"
            )
        return node


def _mapper_of(entity_type: type[Any]) -> Mapper[Any]:
    try:
        mapper: Mapper[Any] = sa.inspect(entity_type)
    except NoInspectionAvailable:
        raise MappingError(
            f"{entity_type.__name__} is not mapped by SQLAlchemy: map it, or use SqlAlchemyRepository with a table"
        ) from None
    if len(list(mapper.self_and_descendants)) > 1:
        raise MappingError(
            f"{entity_type.__name__} has mapped subclasses, whose columns it does not know:"
            " give each of them a repository of its own"
        )
    return mapper


def _version(mapper: Mapper[Any]) -> AnyColumn | None:
    name, column = mapper.class_.__name__, mapper.version_id_col
    if column is None:
        if "version" in mapper.column_attrs:
            raise MappingError(
                f"{name}.version is not checked by SQLAlchemy:"
                ' name its column in __mapper_args__ = {"version_id_col": ...}, or call it otherwise'
            )
        return None
    count = mapper.version_id_generator
    if mapper.get_property_by_column(column).key != "version" or not count or count(None) != 1 or count(1) != 2:
        raise MappingError(
            f"the version_id_col of {name} must be an attribute 'version' that counts from 1:"
            ' version: Mapped[int] = mapped_column("its_column"), without a version_id_generator'
        )
    return cast("AnyColumn", column)


def _owned(mapper: Mapper[Any]) -> Iterator[ORMOption]:
    """What loads the objects that one owns, and those that they own, where the mapping would load them lazily."""
    for relationship in owned_by(mapper):
        eager = relationship.lazy in _EAGER
        option = (defaultload if eager else selectinload)(relationship.class_attribute)
        if not eager:
            yield option
        for deeper in owned_by(relationship.mapper):
            if deeper.mapper is not mapper and deeper.lazy not in _EAGER:
                yield option.selectinload(deeper.class_attribute)


def begin_events(entity_type: type[object]) -> None:
    """Have new and loaded objects of an aggregate begin without events.

    SQLAlchemy runs no constructor when it loads, and a declarative class none of the aggregate's.
    """
    if issubclass(entity_type, AggregateRoot):
        for name in ("init", "load"):
            if not event.contains(entity_type, name, _begin):
                event.listen(entity_type, name, _begin)


def _begin(entity: object, *_: object) -> None:
    if not hasattr(entity, "_pending_events"):
        object.__setattr__(entity, "_pending_events", [])
