"""`EntityMapping`: everything that is known about one entity and its table."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, Row
from cleanarch_kit.adapters.sqlalchemy.mapping._searched_fields import Child
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules, derive
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import FieldNode, columns_of
from cleanarch_kit.adapters.sqlalchemy.mapping.row_code import write_row_code

__all__ = ["AnyMapping", "EntityMapping"]

EntityT = TypeVar("EntityT")


class EntityMapping(Generic[EntityT]):
    """The mapping of one entity, or of one kind of object that an aggregate owns.

    Args:
        entity_type: class of the entity.
        table: its table.
        rules: what its author says beyond the names.

    Raises:
        MappingError: fields and columns do not fit.
        NameError: a postponed annotation names what is not defined yet.

    Attributes:
        entity_type: class of the entity.
        table: its table.
        nodes: where each field lies.
        columns: the table's columns, as they stand in a row.
        load_all: gives the entities of rows.
        load: gives the entity of one row.
        dump: gives the row of an entity.
        suspects: gives the positions of entities that may not be any more as their rows made them, see `RowCode`.
        identity: gives the values of the identity's columns for an identity.
        source: source of the generated functions.
        validates: whether `load` runs constructors.
        children: what the entity owns in other tables, by the names of its fields.
        identity_positions: positions of the identity's columns in a row.
        version_position: position of the version in a row, or None where the entity has none.
        distinct: whether no two rows of the table can have the same identity, which its primary key sees to.
    """

    def __init__(self, entity_type: type[EntityT], table: sa.Table, rules: MappingRules) -> None:
        derived = derive(entity_type, table, rules)
        code = write_row_code(entity_type, derived, rules)
        self._own_code = rules.own_code
        self.entity_type = entity_type
        self.table = table
        self.nodes: Mapping[str, FieldNode] = derived.nodes
        self.columns = derived.columns
        self.load_all: Callable[[Iterable[Row]], list[EntityT]] = code.load_all
        self.load: Callable[[Row], EntityT] = code.load
        self.dump: Callable[[EntityT], Row] = code.dump
        self.suspects: Callable[[Iterable[EntityT], Iterable[Row]], list[int]] = code.suspects
        self.identity: Callable[[object], Row] = code.identity
        self.source = code.source
        self.validates = rules.validate
        self.children: dict[str, Child] = {}
        self.identity_positions = self._positions(
            column for key in rules.keys for column in columns_of(derived.nodes[key])
        )
        key = list(table.primary_key)
        self.distinct = bool(key) and {self.columns[at] for at in self.identity_positions}.issuperset(key)
        version = derived.nodes.get("version")
        self.version_position = None if version is None else self._positions(columns_of(version))[0]

    def restore(self, entity: EntityT, loaded: EntityT) -> None:
        """Give an object the state of another one; what no column holds stays as it is."""
        for name in _attributes(loaded) if self._own_code else self.nodes:
            object.__setattr__(entity, name, getattr(loaded, name))

    def _positions(self, columns: Iterable[AnyColumn]) -> tuple[int, ...]:
        by_key = {column.key: position for position, column in enumerate(self.columns)}
        return tuple(by_key[column.key] for column in columns)


def _attributes(entity: object) -> list[str]:
    """The attributes of an object that the author's own code made, but for what no store has to do with."""
    slots = (name for cls in type(entity).__mro__ for name in getattr(cls, "__slots__", ()))
    names = dict.fromkeys((*getattr(entity, "__dict__", ()), *slots))
    return [name for name in names if name != "_pending_events" and hasattr(entity, name)]


AnyMapping: TypeAlias = EntityMapping[Any]
"""The mapping of some entity."""
