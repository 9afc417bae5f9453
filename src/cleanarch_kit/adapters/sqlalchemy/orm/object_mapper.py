"""`ObjectMapper`: stores the objects of a mapped class through the session of a unit of work."""

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, Self, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session, make_transient, make_transient_to_detached
from sqlalchemy.orm.attributes import flag_modified, instance_dict

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnySelect, Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.connecting.execution import read, run
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.adapters.sqlalchemy.orm.by_identity import ByIdentity
from cleanarch_kit.adapters.sqlalchemy.orm.class_mapping import ClassMapping
from cleanarch_kit.adapters.sqlalchemy.orm.object_rows import (
    flag_changed_values,
    owned_objects,
    put_back,
    row_of,
    shape_of,
    state_of,
)
from cleanarch_kit.adapters.sqlalchemy.orm.tracked_session import TrackedSession, tracked_session
from cleanarch_kit.adapters.sqlalchemy.searching.searches import Searches
from cleanarch_kit.application.ports.repository import Identified
from cleanarch_kit.application.tracking.data_mapper import DataMapper, Tracked
from cleanarch_kit.application.tracking.identity_map import IdentityMap
from cleanarch_kit.domain.criteria import Node

__all__ = ["AnyObjectMapper", "ObjectMapper"]

EntityT = TypeVar("EntityT", bound=Identified)


class ObjectMapper(DataMapper[EntityT, UnitConnection]):
    """Moves the objects of one mapped class in and out of the session of one unit of work.

    A snapshot is a row of `object_rows`. What a SELECT gives of an object that is tracked already is its row as it is
    stored, whatever the object in memory looks like.

    Args:
        mapping: the mapped class.
        connection: the connection of the unit of work.

    Attributes:
        mapping: as given.
        metadata: the MetaData of the table.
        entities: what the unit of work tracks of this class.
    """

    def __init__(self, mapping: ClassMapping[EntityT], connection: UnitConnection) -> None:
        self.mapping = mapping
        self.metadata = mapping.table.metadata
        self.entity_type = mapping.entity_type
        self.versioned = mapping.version is not None
        self.entities: IdentityMap[EntityT, UnitConnection] = IdentityMap(self)
        self._by_identity = mapping.by_identity
        self._connection = connection

    def within(self, scope: Node, dialect: str) -> Self:
        """The same mapper, for which objects outside of a row scope do not exist."""
        other = copy(self)
        other.find_by(self.mapping.within(scope, dialect))
        return other

    def find_by(self, by_identity: ByIdentity) -> None:
        """Find single objects by these statements from now on."""
        self._by_identity = by_identity

    def searches(self, dialect: str) -> Searches:
        """The searches for a database."""
        return self.mapping.searches(dialect)

    def snapshot(self, entity: EntityT) -> object:
        """The row of an object. See `DataMapper.snapshot`."""
        return row_of(entity)

    def load(self, snapshot: object) -> EntityT:
        """The object of a row, which SQLAlchemy has built already. See `DataMapper.load`."""
        entity: EntityT = cast("Row", snapshot)[-1].instance
        return entity

    def holds(self, entity: EntityT, snapshot: object) -> bool:
        """Whether an object has the state of a row, and the session nothing of it to write. See `DataMapper.holds`."""
        session = state_of(entity).session
        return (session is None or entity not in session.dirty) and super().holds(entity, snapshot)

    def restore(self, entity: EntityT, snapshot: object) -> None:
        """Give an object the state of a row. See `DataMapper.restore`."""
        put_back(state_of(entity).session, entity, cast("Row", snapshot))

    async def fetch(
        self, connection: UnitConnection, identity: object, *, for_update: bool, skip_locked: bool
    ) -> object | None:
        """Read one object. See `DataMapper.fetch`."""
        by_identity, parameters = self._by_identity, self._by_identity.parameters(identity)
        if (
            for_update
            and by_identity.scoped
            and not await read(connection, self.read, by_identity.select(False, False), parameters)
        ):
            return None  # without a lock on what is not to be seen, which MariaDB and MySQL would take
        found = await read(connection, self.read, by_identity.select(for_update, skip_locked), parameters)
        return found[0] if found else None

    async def insert(self, connection: UnitConnection, added: Sequence[Tracked[EntityT]]) -> None:
        """Insert objects. See `DataMapper.insert`."""
        await run(connection, self.metadata, self._insert, added)

    async def update(self, connection: UnitConnection, changed: Sequence[Tracked[EntityT]]) -> None:
        """Update what changed. See `DataMapper.update`."""
        await run(connection, self.metadata, self._update, changed)

    async def delete(self, connection: UnitConnection, removed: Sequence[Tracked[EntityT]]) -> None:
        """Delete objects and what they own. See `DataMapper.delete`."""
        await run(connection, self.metadata, self._delete, removed)

    async def delete_by_id(self, connection: UnitConnection, identity: object) -> bool:
        """Delete one object and what it owns: it is loaded for that, and locked. See `DataMapper.delete_by_id`."""
        return await run(connection, self.metadata, self._delete_by_id, identity)

    def read(self, connection: sa.Connection, statement: AnySelect, parameters: Parameters) -> list[Row]:
        """The rows that a SELECT of the mapping gives, as they are stored."""
        result = self._session().session.execute(statement, parameters).unique(_entity_of)
        return [self._stored(connection, record[0], tuple(record[1:])) for record in result]

    def read_apart(self, connection: sa.Connection, statement: AnySelect, parameters: Parameters) -> list[Row]:
        """The rows of objects that nobody else has, in no session."""
        with Session(connection, autoflush=False, join_transaction_mode="rollback_only") as apart:
            return [row_of(record[0]) for record in apart.execute(statement, parameters).unique(_entity_of)]

    def complete(self, connection: sa.Connection, rows: list[Row]) -> list[Row]:  # noqa: ARG002 - nothing is missing
        """The snapshots of rows that were read."""
        return rows

    def tracked(self) -> Iterable[Tracked[EntityT]]:
        """All that is tracked. See `TrackedObjects.tracked`."""
        return self.entities.by_id.values()

    def stored_version(self, connection: sa.Connection, tracked: Tracked[Any]) -> int | None:
        """The version that the store has. See `TrackedObjects.stored_version`."""
        statement = self._by_identity.value(self.mapping.version)
        found: int | None = connection.scalar(statement, self._by_identity.parameters(tracked.entity.id))
        return found

    def _stored(self, connection: sa.Connection, entity: EntityT, values: Row) -> Row:
        tracked = self.entities.by_id.get(entity.id)
        if tracked is None or tracked.snapshot is None:
            row = row_of(entity)
            return (*values, row[-1]) if state_of(entity).modified else row
        known = cast("Row", tracked.snapshot)
        whole = self.versioned or not shape_of(state_of(entity).mapper).owned
        if values == known[:-1] and whole:
            return known
        parameters = self._by_identity.parameters(entity.id)
        found = self.read_apart(connection, self._by_identity.select(False, False), parameters)
        return found[0] if found else known

    def _insert(self, connection: sa.Connection, added: Sequence[Tracked[EntityT]]) -> None:
        session = self._session()
        for tracked in added:
            for instance in (tracked.entity, *owned_objects(tracked.entity)):
                if state_of(instance).key is not None:  # it was stored once, and is not any more
                    make_transient(instance)
            session.attach_new(tracked.entity)
        session.flush(connection)
        session.settle(added)

    def _update(self, connection: sa.Connection, changed: Sequence[Tracked[EntityT]]) -> None:
        session = self._session()
        for tracked in changed:
            if not self._is_within(connection, tracked.entity.id):
                raise self.stale(tracked)
            if tracked.snapshot is None:
                _make_detached(tracked.entity)
            session.attach(tracked.entity)
            if tracked.snapshot is not None:
                flag_changed_values(cast("Row", tracked.snapshot), tracked.entity)
            else:
                for instance in (tracked.entity, *owned_objects(tracked.entity)):
                    _write_as_a_whole(instance)
        session.flush(connection)
        session.settle(changed)

    def _delete(self, connection: sa.Connection, removed: Sequence[Tracked[EntityT]]) -> None:
        session = self._session()
        for tracked in removed:
            if self._is_within(connection, tracked.entity.id):
                session.attach(tracked.entity)
                session.session.delete(tracked.entity)
            elif self.versioned:
                raise self.stale(tracked)
        session.flush(connection)

    def _delete_by_id(self, connection: sa.Connection, identity: object) -> bool:
        session = self._session()
        if not self._is_within(connection, identity):
            return False
        parameters = self._by_identity.parameters(identity)
        statement = self._by_identity.select(True, False).execution_options(populate_existing=True)
        record = session.session.execute(statement, parameters).unique(_entity_of).one_or_none()
        if record is None:
            return False
        session.session.delete(record[0])
        session.flush(connection)
        return True

    def _is_within(self, connection: sa.Connection, identity: object) -> bool:
        """Whether an object is there for the row scope, where there is one; it stays there, since it is locked."""
        by_identity = self._by_identity
        if not by_identity.scoped:
            return True
        statement, parameters = by_identity.value(None), by_identity.parameters(identity)
        looked = connection.scalar(statement, parameters)
        return looked is not None and connection.scalar(statement.with_for_update(), parameters) is not None

    def _session(self) -> TrackedSession:
        session = tracked_session(self._connection)
        session.follow(self)
        return session


AnyObjectMapper: TypeAlias = ObjectMapper[Any]
"""The mapper of some class."""


def _entity_of(record: Any) -> int:
    """What tells the records of a SELECT apart: eager loading by joins gives one for each member of a collection."""
    return id(record[0])


def _make_detached(entity: object) -> None:
    """Let SQLAlchemy take an object for a stored one, whatever became of it before: the version tells whether it is."""
    for instance in (entity, *owned_objects(entity)):
        if state_of(instance).was_deleted:
            make_transient(instance)
    if state_of(entity).key is None:
        make_transient_to_detached(entity)


def _write_as_a_whole(instance: object) -> None:
    state, held = state_of(instance), instance_dict(instance)
    if state.key is None:
        return
    kept = {state.mapper.get_property_by_column(column).key for column in state.mapper.primary_key}
    if state.mapper.version_id_col is not None:
        kept.add(state.mapper.get_property_by_column(state.mapper.version_id_col).key)
    for key in shape_of(state.mapper).columns:
        if key in held and key not in kept:
            flag_modified(instance, key)
