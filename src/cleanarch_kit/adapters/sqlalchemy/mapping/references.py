"""Foreign keys from the rows that are owned to those that own them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn
from cleanarch_kit.errors import MappingError

__all__ = ["Reference", "find_reference"]


@dataclass(frozen=True, slots=True)
class Reference:
    """How rows refer to the row that owns them.

    Attributes:
        columns: the columns that refer, in the table of the owned.
        referred: the columns that they refer to, each in its place, in the table of the owner.
    """

    columns: tuple[AnyColumn, ...]
    referred: tuple[AnyColumn, ...]

    @property
    def joined(self) -> sa.ColumnElement[bool]:
        """The condition under which a row belongs to a row of the owner's table."""
        return sa.and_(*(mine == theirs for mine, theirs in zip(self.columns, self.referred, strict=True)))


def find_reference(table: sa.Table, owner: str, identities: Sequence[Collection[AnyColumn]]) -> Reference:
    """Find the foreign key that refers to the rows of the owner.

    Args:
        table: the table of the owned.
        owner: the owner's name.
        identities: the columns of the owner's row, each group of which tells it from all others; the best first.

    Raises:
        MappingError: there is none.
    """
    for identity in identities:
        for constraint in table.foreign_key_constraints:
            pairs = [(element.parent, element.column) for element in constraint.elements]
            if {referred for _, referred in pairs} == set(identity):
                order = list(identity)
                pairs.sort(key=lambda pair: order.index(pair[1]))
                mine, theirs = zip(*pairs, strict=True)
                return Reference(mine, theirs)
    raise MappingError(
        f"table {table.name!r} has no foreign key to {', '.join(str(column) for column in identities[0])},"
        f" by which the rows of one {owner} are found"
    )
