"""Row scopes: which entities a unit of work can see and change at all, whatever it is asked for."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeAlias

from typing_extensions import is_protocol

from cleanarch_kit.application.ports.repository import Repository
from cleanarch_kit.domain.criteria import Criterion, Node
from cleanarch_kit.domain.tracing import trace_all
from cleanarch_kit.errors import DefinitionError

__all__ = ["RowScopes", "TracedScopes"]

RowScopes: TypeAlias = Mapping[type, Criterion[Any]]  # Any: each criterion is over the type beside it
"""A criterion for each type of entity, for example ``{User: lambda u: u.tenant == tenant}``.

A scope holds for the type and for those derived from it, so that one for a base class or mixin covers all its entities.
Several that hold for a type are joined by AND.
"""


class TracedScopes:
    """The row scopes of one unit of work, each read once: what a criterion captured may change later in vain.

    Args:
        scopes: the criteria by type. A type that no repository stores is no error, since one mapping of scopes serves
            units of work that use some of the repositories.
    """

    __slots__ = ("_scopes", "_traced")

    def __init__(self, scopes: RowScopes) -> None:
        self._scopes = dict(scopes)
        self._traced: dict[type, Node | None] = {}

    def of(self, entity_type: type[object]) -> Node | None:
        """The scope of the entities that a repository stores, or None.

        Raises:
            DefinitionError: a scope is given for what is no class of entities, or for a subclass alone.
            TypeError: the criterion does what a criterion cannot.
        """
        traced = self._traced
        if entity_type not in traced:
            criteria = [criterion for owner, criterion in self._scopes.items() if owner in entity_type.__mro__]
            self._refuse_what_would_not_hold(entity_type, covered=bool(criteria))
            traced[entity_type] = trace_all(criteria, entity_type)
        return traced[entity_type]

    def _refuse_what_would_not_hold(self, entity_type: type[object], *, covered: bool) -> None:
        """Refuse keys that look like a scope and would silently be none."""
        for owner in self._scopes:
            if not _is_class_of_entities(owner):
                raise DefinitionError(
                    f"a row scope is given for a class of entities or a base class of theirs, not for {_named(owner)}"
                )
            if not covered and entity_type in owner.__mro__:
                raise DefinitionError(
                    f"the row scope for {owner.__name__} does not hold in a repository of {entity_type.__name__},"
                    f" which may give {owner.__name__} too: give a scope for {entity_type.__name__} as well"
                )


def _is_class_of_entities(owner: object) -> bool:
    """Whether a scope for it can hold: a Protocol is met without being named, a repository is never stored."""
    return inspect.isclass(owner) and not issubclass(owner, Repository) and not is_protocol(owner)


def _named(owner: object) -> str:
    return owner.__name__ if isinstance(owner, type) else f"a value of type {type(owner).__name__}"
