"""The statements for single rows of a unit of work that has a row scope."""

from collections.abc import Sequence
from copy import copy
from typing import Self

from cleanarch_kit.adapters.sqlalchemy._loose_types import Parameters
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import AnyMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.statements import Statements
from cleanarch_kit.adapters.sqlalchemy.searching.conditions import Condition

__all__ = ["ScopedStatements"]

_MYSQL = frozenset({"mysql", "mariadb"})


class ScopedStatements(Statements):
    """Statements that find no row outside of a scope. Built once for each shape of a scope, as searches are.

    Args:
        mapping: the mapping.
        scope: the compiled scope.
        dialect: name of the database's dialect.
    """

    def __init__(self, mapping: AnyMapping, scope: Condition, dialect: str) -> None:
        super().__init__(mapping, within=(scope.clause,))
        self._scope = scope
        self.shared = scope.names
        self.executes_many = not scope.expanding
        self.locks_what_it_examines = dialect in _MYSQL
        self._values: Parameters = {}

    def bound(self, values: Sequence[object]) -> Self:
        """The same statements, for the values of one scope."""
        other = copy(self)
        other.bind(values)
        return other

    def bind(self, values: Sequence[object]) -> None:
        """Take the values of a scope of the same shape."""
        self._values = self._scope.bind(values)

    def scope_parameters(self) -> Parameters:
        """The parameters of the scope."""
        return dict(self._values)

    def identity_parameters(self, identity: object) -> Parameters:
        """The parameters that name a row by its identity, and those of the scope."""
        return super().identity_parameters(identity) | self._values
