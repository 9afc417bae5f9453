"""The statements that change or delete all rows that meet a criterion: built once per shape, as searches are."""

from collections.abc import Hashable, Sequence
from typing import TypeAlias

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyElement, Parameters
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import AnyMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import columns_of, values_of
from cleanarch_kit.adapters.sqlalchemy.searching.columns import find_node
from cleanarch_kit.adapters.sqlalchemy.searching.conditions import Condition, compile_condition
from cleanarch_kit.adapters.sqlalchemy.types import stored_type
from cleanarch_kit.domain.changes import Assignment
from cleanarch_kit.domain.criteria import Field, Node, parametrise

__all__ = ["CriterionStatements"]

_SHAPES = 128
"""How many shapes are kept."""

_Statement: TypeAlias = sa.Update | sa.Delete


class CriterionStatements:
    """Builds and keeps the statements of one entity on one database.

    Args:
        mapping: the mapping.
        dialect: name of the database's dialect.
    """

    def __init__(self, mapping: AnyMapping, dialect: str) -> None:
        self._mapping = mapping
        self._dialect = dialect
        self._kept: dict[Hashable, tuple[_Statement, Condition | None]] = {}

    def update(self, where: Node | None, changes: Sequence[Assignment]) -> tuple[_Statement, Parameters]:
        """Assigns values, and counts the version on.

        Raises:
            TypeError: a field has no column.
        """
        fields = tuple(assignment.field for assignment in changes)
        statement, parameters = self._for(where, fields)
        for at, assignment in enumerate(changes):
            node = find_node(assignment.field, self._mapping)
            parameters |= {f"_a{at}_{part}": value for part, value in enumerate(values_of(node, assignment.value))}
        return statement, parameters

    def delete(self, where: Node | None) -> tuple[_Statement, Parameters]:
        """Deletes."""
        return self._for(where, None)

    def _for(self, where: Node | None, fields: tuple[Field, ...] | None) -> tuple[_Statement, Parameters]:
        shape, values = (None, ()) if where is None else parametrise(where)
        kept = self._kept.get((fields, shape))
        if kept is None:
            condition = None if where is None else compile_condition(where, self._mapping, self._dialect)
            statement = sa.delete(self._mapping.table) if fields is None else self._update(fields)
            kept = statement if condition is None else statement.where(condition.clause), condition
            if len(self._kept) >= _SHAPES:
                del self._kept[next(iter(self._kept))]
            self._kept[fields, shape] = kept
        statement, condition = kept
        return statement, {} if condition is None else condition.bind(values)

    def _update(self, fields: tuple[Field, ...]) -> sa.Update:
        mapping = self._mapping
        values: dict[AnyElement, AnyElement] = {
            column: sa.bindparam(f"_a{at}_{part}", type_=stored_type(column))
            for at, field in enumerate(fields)
            for part, column in enumerate(columns_of(find_node(field, mapping)))
        }
        if mapping.version_position is not None:
            version = mapping.columns[mapping.version_position]
            values[version] = version + 1
        return sa.update(mapping.table).values(values)
