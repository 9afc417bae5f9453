"""Where the fields of an entity lie, whoever found that out: what criteria and orderings are compiled with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import FieldNode
from cleanarch_kit.adapters.sqlalchemy.mapping.references import Reference

__all__ = ["Child", "Fields"]


class Fields(Protocol):
    """The fields of one entity."""

    @property
    def entity_type(self) -> type[Any]:
        """Class of the entity."""
        ...

    @property
    def table(self) -> sa.Table:
        """Its table."""
        ...

    @property
    def nodes(self) -> Mapping[str, FieldNode]:
        """Where each field lies."""
        ...

    @property
    def columns(self) -> tuple[AnyColumn, ...]:
        """The columns, as they stand in a row."""
        ...

    @property
    def identity_positions(self) -> tuple[int, ...]:
        """Positions of the identity's columns in a row."""
        ...

    @property
    def children(self) -> "Mapping[str, Child]":
        """What the entity owns in other tables, by the names of its fields."""
        ...


@dataclass(frozen=True, slots=True)
class Child:
    """What an entity owns in another table.

    Attributes:
        mapping: where its fields lie.
        reference: how its rows refer to the owner's.
    """

    mapping: Fields
    reference: Reference
