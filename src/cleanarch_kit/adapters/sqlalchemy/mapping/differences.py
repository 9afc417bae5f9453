"""What differs between the rows that collections have and those that they had."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import Row
from cleanarch_kit.adapters.sqlalchemy.mapping.owned_rows import OwnedRows, Rows

__all__ = ["Difference", "compare", "remaining", "write"]

_NONE: Rows = {}
_Change: TypeAlias = tuple[Row, Row]


@dataclass(slots=True)
class Difference:
    """What differs in one table.

    Attributes:
        rows: the collection.
        deleted: rows that are gone.
        updated: rows that changed, each before and now.
        inserted: rows that are new.
    """

    rows: OwnedRows
    deleted: list[Row]
    updated: list[_Change]
    inserted: list[Row]


def compare(rows: OwnedRows, pairs: Iterable[tuple[Rows, Rows]]) -> list[Difference]:
    """What differs in a collection of some owners and in what its objects own; the owners' tables first.

    Args:
        rows: the collection.
        pairs: the rows of each owner, before and now.
    """
    deleted: list[Row] = []
    inserted: list[Row] = []
    kept: list[_Change] = []
    for before, now in pairs:
        deleted += [row for key, row in before.items() if key not in now]
        for key, row in now.items():
            old = before.get(key)
            if old is None:
                inserted.append(row)
            elif old != row:
                kept.append((old, row))
    width = rows.width
    updated = [change for change in kept if change[0][:width] != change[1][:width]]
    exchanged = _exchanged(rows, updated)
    if exchanged:
        deleted += [before for before, _ in exchanged]
        inserted += [now for _, now in exchanged]
        kept = [change for change in kept if change not in exchanged]
        updated = [change for change in updated if change not in exchanged]
    differences = [Difference(rows, deleted, updated, inserted)]
    for at, nested in rows.nested:
        deeper = [(before[at], now[at]) for before, now in kept]
        deeper += [(row[at], _NONE) for row in deleted]
        deeper += [(_NONE, row[at]) for row in inserted]
        differences += compare(nested, deeper)
    return differences


def remaining(rows: OwnedRows, before: Rows, now: Rows) -> Rows:
    """The rows that there were, without those that are gone, here and in what the objects own."""
    left: dict[object, Row] = {}
    for key, row in before.items():
        if key in now:
            nested = (remaining(its, row[at], now[key][at]) for at, its in rows.nested)
            left[key] = (*row[: rows.width], *nested)
    return left


def write(connection: sa.Connection, differences: Sequence[Difference]) -> None:
    """Delete what is gone, update what changed, then insert what is new, so that rows may take what others give up."""
    for difference in reversed(differences):
        difference.rows.statements.delete(connection, difference.deleted)
    for difference in differences:
        difference.rows.statements.update(connection, difference.updated)
    for difference in differences:
        difference.rows.statements.insert(connection, difference.inserted)


def _exchanged(rows: OwnedRows, updated: Sequence[_Change]) -> list[_Change]:
    """The changes that take a unique value which another of the rows has until it is updated itself."""
    if len(updated) < 2 or not rows.unique:
        return []
    taken = {at for values in rows.unique for at in _takers(updated, values)}
    return [updated[at] for at in sorted(taken)]


def _takers(updated: Sequence[_Change], values_of: Callable[[Row], object]) -> list[int]:
    values = [(values_of(before), values_of(now)) for before, now in updated]
    held = {before for before, _ in values}
    return [at for at, (before, now) in enumerate(values) if now != before and now in held]
