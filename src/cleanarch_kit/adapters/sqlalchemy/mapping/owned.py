"""`Owned`: objects that live and die with their aggregate, in a table of their own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn, AnyElement, Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import AnyMapping, EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import is_class, resolved_hints
from cleanarch_kit.adapters.sqlalchemy.mapping.statements import Statements, selected_columns
from cleanarch_kit.errors import DuplicateError, MappingError

__all__ = ["Owned", "OwnedRows"]

_COLLECTIONS: Mapping[object, Callable[[Iterable[Any]], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    Sequence: list,
}
_PARENTS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Owned:
    """How a collection of an aggregate is stored: ``children = {"lines": Owned(order_lines, key="id")}``.

    The rows are found by the foreign key from this table to the aggregate's. They come in the order of the key, and
    the key tells them apart when the collection is compared with what is stored.

    Attributes:
        table: the table of the objects.
        key: the field of the objects that tells them apart within their aggregate.
        columns: other columns than the derived ones, see `SqlAlchemyRepository.columns`.
        ignored_columns: columns that the objects do not know; those of the foreign key need not be named.
    """

    table: sa.Table
    key: str = "id"
    columns: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict[str, "str | tuple[str, ...]"])
    ignored_columns: tuple[str, ...] = ()


class OwnedRows:
    """The rows of one collection.

    Args:
        parent: the aggregate's mapping.
        name: the aggregate's field.
        owned: how it is stored.

    Raises:
        MappingError: the field, the table or its foreign key do not fit.

    Attributes:
        name: as given.
    """

    def __init__(self, parent: AnyMapping, name: str, owned: Owned) -> None:
        self.name = name
        self._collect, item_type = _collection_of(parent.entity_type, name)
        self._parent_columns = _parent_columns(parent, owned.table)
        ignored = (*owned.ignored_columns, *(column.key for column in self._parent_columns))
        rules = MappingRules(owned.columns, ignored=ignored, key=owned.key)
        self._mapping = mapping = EntityMapping(item_type, owned.table, rules)
        self._statements = Statements(mapping, self._parent_columns)
        self._select = (
            sa.select(*self._parent_columns, *selected_columns(mapping))
            .where(self._reference().in_(sa.bindparam("_parents", expanding=True)))
            .order_by(*(mapping.columns[position] for position in mapping.identity_positions))
        )

    def dump(self, aggregate: object) -> dict[Row, Row]:
        """The rows of the collection by their keys.

        Raises:
            DuplicateError: two objects have the same key.
        """
        rows = list(map(self._mapping.dump, getattr(aggregate, self.name)))
        by_key = {self._key(row): row for row in rows}
        if len(by_key) < len(rows):
            raise DuplicateError("primary_key")
        return by_key

    def fill(self, aggregate: object, rows: Mapping[Row, Row]) -> None:
        """Give an aggregate its collection."""
        object.__setattr__(aggregate, self.name, self._collect(self._mapping.load_all(rows.values())))

    def refill(self, aggregate: object, rows: Mapping[Row, Row]) -> None:
        """Give an aggregate the collection that it had, with the same objects as far as they are still there."""
        objects = {self._key(self._mapping.dump(item)): item for item in getattr(aggregate, self.name)}
        items: list[Any] = []
        for key, row in rows.items():
            loaded = self._mapping.load(row)
            known = objects.get(key)
            if known is not None:
                self._mapping.restore(known, loaded)
            items.append(loaded if known is None else known)
        object.__setattr__(aggregate, self.name, self._collect(items))

    def read(self, connection: sa.Connection, parents: Sequence[Row]) -> dict[Row, dict[Row, Row]]:
        """The rows of several aggregates, by the identity of the aggregate and their own key."""
        found: dict[Row, dict[Row, Row]] = {}
        width = len(self._parent_columns)
        for start in range(0, len(parents), _PARENTS_AT_ONCE):
            some = parents[start : start + _PARENTS_AT_ONCE]
            values: list[Any] = [parent[0] for parent in some] if width == 1 else list(some)
            for row in connection.execute(self._select, {"_parents": values}):
                cells = tuple(row)
                found.setdefault(cells[:width], {})[self._key(cells[width:])] = cells[width:]
        return found

    def write(
        self, connection: sa.Connection, parent: Row, before: Mapping[Row, Row], now: Mapping[Row, Row]
    ) -> list[Parameters]:
        """Delete and update what differs between the rows of one aggregate that there were and those that there are.

        Returns:
            The parameters of the rows that are new, to be inserted together with those of others.
        """
        statements = self._statements
        reference = statements.parent_parameters(parent)
        inserts: list[Parameters] = []
        for key in before.keys() - now.keys():
            connection.execute(statements.delete, reference | statements.key_parameters(key))
        for key, row in now.items():
            if key not in before:
                inserts.append(statements.insert_parameters(row) | reference)
            elif row != before[key]:
                changed, values = statements.changes(before[key], row)
                connection.execute(statements.update(changed), values | reference | statements.key_parameters(key))
        return inserts

    def insert(self, connection: sa.Connection, inserts: list[Parameters]) -> None:
        """Insert rows that `write` gave."""
        if inserts:
            connection.execute(self._statements.insert, inserts)

    def delete(self, connection: sa.Connection, parent: Row) -> None:
        """Delete all rows of one aggregate."""
        connection.execute(self._statements.delete_all, self._statements.parent_parameters(parent))

    def _execute(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Parameters | list[Parameters]
    ) -> None:
        connection.execute(statement, parameters)

    def _key(self, row: Row) -> Row:
        return tuple(row[position] for position in self._mapping.identity_positions)

    def _reference(self) -> AnyElement:
        return self._parent_columns[0] if len(self._parent_columns) == 1 else sa.tuple_(*self._parent_columns)


def _collection_of(aggregate: type[object], name: str) -> tuple[Callable[[Iterable[Any]], Any], type[Any]]:
    hint = resolved_hints(aggregate).get(name)
    collect, arguments = _COLLECTIONS.get(get_origin(hint)), get_args(hint)
    item_type: object = arguments[0] if arguments else None
    if collect is None or not is_class(item_type):
        raise MappingError(f"{aggregate.__name__}.{name} must be a list, tuple, set or frozenset of one class")
    return collect, item_type


def _parent_columns(parent: AnyMapping, table: sa.Table) -> tuple[AnyColumn, ...]:
    """The columns of the foreign key that refers to the aggregate's identity, in the order of the identity."""
    identity = [parent.columns[position] for position in parent.identity_positions]
    for constraint in table.foreign_key_constraints:
        referred = {element.column: element.parent for element in constraint.elements}
        if set(referred) == set(identity):
            return tuple(referred[column] for column in identity)
    raise MappingError(
        f"table {table.name!r} has no foreign key to {', '.join(str(column) for column in identity)},"
        f" by which the rows of one {parent.entity_type.__name__} are found"
    )
