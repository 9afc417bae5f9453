"""`EntityMapping`: everything that is known about one entity and its table."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.derivation import MappingRules, derive
from cleanarch_kit.adapters.sqlalchemy.fields import FieldNode, columns_of
from cleanarch_kit.adapters.sqlalchemy.row_code import write_row_code
from cleanarch_kit.errors import MappingError

__all__ = ["EntityMapping", "Row"]

EntityT = TypeVar("EntityT")

Row = tuple[Any, ...]
"""A row, with the columns in the order of the entity's fields."""


class EntityMapping(Generic[EntityT]):
    """The derived mapping of one entity.

    Args:
        entity_type: class of the entity, a dataclass with a field ``id``.
        table: its table.
        rules: what its author says beyond the names.

    Raises:
        MappingError: fields and columns do not fit.
        NameError: a postponed annotation names what is not defined yet.

    Attributes:
        entity_type: class of the entity.
        table: its table.
        nodes: where each field lies.
        columns: the table's columns in the order of the fields.
        load: gives the entity of a row.
        dump: gives the row of an entity.
        identity: gives the values of the identity's columns for an identity.
        source: source of these three.
        identity_positions: positions of the identity's columns in a row.
        version_position: position of the version in a row, or None where the entity has none.
    """

    def __init__(self, entity_type: type[EntityT], table: sa.Table, rules: MappingRules) -> None:
        derived = derive(entity_type, table, rules)
        if "id" not in derived.nodes:
            raise MappingError(f"{entity_type.__name__} has no field 'id' that says which row of {table.name!r} it is")
        code = write_row_code(entity_type, derived, validate=rules.validate)
        self.entity_type = entity_type
        self.table = table
        self.nodes: Mapping[str, FieldNode] = derived.nodes
        self.columns = tuple(column for node in derived.nodes.values() for column in columns_of(node))
        self.load: Callable[[Row], EntityT] = code.load
        self.dump: Callable[[EntityT], Row] = code.dump
        self.identity: Callable[[object], Row] = code.identity
        self.source = code.source
        self.identity_positions = self._positions(columns_of(derived.nodes["id"]))
        version = derived.nodes.get("version")
        self.version_position = None if version is None else self._positions(columns_of(version))[0]

    def restore(self, entity: EntityT, row: Row) -> None:
        """Give an object the state of a row; what no column holds stays as it is."""
        loaded = self.load(row)
        for name in self.nodes:
            object.__setattr__(entity, name, getattr(loaded, name))

    def _positions(self, columns: Iterable[sa.Column[Any]]) -> tuple[int, ...]:
        by_key = {column.key: position for position, column in enumerate(self.columns)}
        return tuple(by_key[column.key] for column in columns)
