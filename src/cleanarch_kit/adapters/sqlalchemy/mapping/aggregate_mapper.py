"""`AggregateMapper`: how an aggregate of several tables is stored."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar, cast

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnySelect, Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.mapping.owned import Owned, OwnedRows
from cleanarch_kit.adapters.sqlalchemy.mapping.row_mapper import RowMapper
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.data_mapper import Tracked

__all__ = ["AggregateMapper"]

EntityT = TypeVar("EntityT", bound=Identified)


class AggregateMapper(RowMapper[EntityT]):
    """Stores an aggregate together with the collections that it owns.

    A snapshot is the row of the root, and behind its columns one mapping of keys to rows for each collection. All
    rows of a collection are read by one SELECT, however many aggregates were asked for.

    Args:
        mapping: where the fields of the root lie.
        owned: how its collections are stored.
    """

    def __init__(self, mapping: EntityMapping[EntityT], owned: Mapping[str, Owned]) -> None:
        super().__init__(mapping)
        self.definition = (*mapping.columns, *owned.items())
        self._width = len(mapping.columns)
        self._collections = tuple(OwnedRows(mapping, name, how) for name, how in owned.items())

    def snapshot(self, entity: EntityT) -> object:
        """The rows of an aggregate. See `DataMapper.snapshot`."""
        return (*self.dump_row(entity), *(rows.dump(entity) for rows in self._collections))

    def load_all(self, snapshots: Sequence[object]) -> list[EntityT]:
        """The aggregates of their rows. See `DataMapper.load_all`."""
        entities = super().load_all(list(map(self._root, snapshots)))
        for entity, snapshot in zip(entities, snapshots, strict=True):
            for collection, rows in self._collected(snapshot):
                collection.fill(entity, rows)
        return entities

    def intact(self, entities: Sequence[EntityT], snapshots: Sequence[object]) -> bool:
        """Whether aggregates have the rows that they had. See `DataMapper.intact`."""
        return super().intact(entities, list(map(self._root, snapshots))) and all(
            collection.dump(entity) == rows
            for entity, snapshot in zip(entities, snapshots, strict=True)
            for collection, rows in self._collected(snapshot)
        )

    def restore(self, entity: EntityT, snapshot: object) -> None:
        """Give an aggregate the state of its rows. See `DataMapper.restore`."""
        super().restore(entity, self._root(snapshot))
        for collection, rows in self._collected(snapshot):
            collection.refill(entity, rows)

    def read(self, connection: sa.Connection, statement: AnySelect, parameters: Parameters) -> list[Row]:
        """The snapshots that a SELECT of `searches` or `statements` gives."""
        return self.complete(connection, super().read(connection, statement, parameters))

    def complete(self, connection: sa.Connection, rows: list[Row]) -> list[Row]:
        """The snapshots of roots that were read."""
        if not rows:
            return rows
        identities = [self._identity(row) for row in rows]
        found = [collection.read(connection, identities) for collection in self._collections]
        return [
            (*row, *(of_collection.get(identity, {}) for of_collection in found))
            for row, identity in zip(rows, identities, strict=True)
        ]

    def _insert(self, connection: sa.Connection, added: Sequence[Tracked[EntityT]]) -> None:
        self._insertion.insert(connection, [self._root(tracked.current) for tracked in added])
        self._write_collections(connection, [(None, cast("Row", tracked.current)) for tracked in added])

    def _update(self, connection: sa.Connection, changed: Sequence[Tracked[EntityT]]) -> None:
        if self.statements.within and not self.versioned:  # nothing else may have changed than a collection
            for tracked in changed:
                if not self._lock(connection, tracked.entity.id):
                    raise self.stale(tracked)
        super()._update(connection, changed)
        changes: list[tuple[Row | None, Row]] = []
        for tracked in changed:
            before, now = cast("Row | None", tracked.snapshot), cast("Row", tracked.current)
            changes.append((self._stored(connection, now) if before is None else before, now))
        self._write_collections(connection, changes)

    def _delete(self, connection: sa.Connection, removed: Sequence[Tracked[EntityT]]) -> None:
        for tracked in removed:
            if self._lock(connection, tracked.entity.id):
                self._delete_collections(connection, tracked.entity.id)
        super()._delete(connection, removed)

    def _delete_by_id(self, connection: sa.Connection, identity: object) -> bool:
        if not self._lock(connection, identity):
            return False
        self._delete_collections(connection, identity)
        return super()._delete_by_id(connection, identity)

    def _lock(self, connection: sa.Connection, identity: object) -> bool:
        """Whether the collections of an aggregate may be touched: under a row scope, once its root is found there."""
        statements = self.statements
        if not statements.within:
            return True
        parameters = statements.identity_parameters(identity)
        if (
            statements.locks_what_it_examines
            and connection.execute(statements.by_id(False, False), parameters).first() is None
        ):
            return False
        return connection.execute(statements.by_id(True, False), parameters).first() is not None

    def _write_collections(self, connection: sa.Connection, changes: list[tuple[Row | None, Row]]) -> None:
        for at, collection in enumerate(self._collections, start=self._width):
            inserts: list[Parameters] = []
            for before, now in changes:
                inserts += collection.write(connection, self._identity(now), before[at] if before else {}, now[at])
            collection.insert(connection, inserts)

    def _delete_collections(self, connection: sa.Connection, identity: object) -> None:
        for collection in self._collections:
            collection.delete(connection, self.mapping.identity(identity))

    def _stored(self, connection: sa.Connection, now: Row) -> Row:
        """What the store has of the collections of an aggregate that was not loaded here."""
        return self.complete(connection, [self._root(now)])[0]

    def _root(self, snapshot: object) -> Row:
        return cast("Row", snapshot)[: self._width]

    def _collected(self, snapshot: object) -> Iterator[tuple[OwnedRows, Mapping[Row, Row]]]:
        return zip(self._collections, cast("Row", snapshot)[self._width :], strict=True)

    def _identity(self, row: Row) -> Row:
        return tuple(row[position] for position in self.mapping.identity_positions)
