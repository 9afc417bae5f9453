"""`TrackedSession`: the session of a unit of work, which writes when the unit of work does and at no other time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.attributes import instance_dict, set_committed_value
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.util.concurrency import in_greenlet

from cleanarch_kit.adapters.sqlalchemy.connecting.kept_values import keep_objects_of, keeping_values
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import UnitConnection
from cleanarch_kit.adapters.sqlalchemy.orm.object_rows import complete_new, owned_objects, row_of, shape_of, state_of
from cleanarch_kit.application.tracking.data_mapper import Status, Tracked
from cleanarch_kit.errors import DefinitionError, DuplicateError, StorageError, UnitOfWorkStateError

__all__ = ["TrackedObjects", "TrackedSession", "tracked_session"]

_Tracked: TypeAlias = Tracked[Any]
_KEY = "cleanarch_kit_session"
_SECOND_OBJECT = (
    "an object with this identity is in the session of this unit of work, or this one is in another session:"
    " change the one that is there"
)


class TrackedObjects(Protocol):
    """What a unit of work tracks of one mapped class."""

    def tracked(self) -> Iterable[_Tracked]:
        """All that is tracked."""
        ...

    def stored_version(self, connection: sa.Connection, tracked: _Tracked) -> int | None:
        """The version that the store has of an object, 0 where it has none; None where there is no such row."""
        ...

    def stale(self, tracked: _Tracked) -> StorageError | LookupError:
        """The error to raise for an object that the store has in another version."""
        ...


_Suspect: TypeAlias = tuple[TrackedObjects, _Tracked]


class TrackedSession:
    """A session whose objects are tracked.

    Nothing is loaded when an attribute is looked at, and a statement writes nothing by the way. Objects keep their
    values through a rollback.

    Args:
        session: the session, which must have no other `TrackedSession`.

    Attributes:
        session: as given.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._classes: list[TrackedObjects] = []
        self._attached: dict[int, object] = {}
        session.autoflush = False
        event.listen(session, "before_flush", self._let_go)
        event.listen(session, "do_orm_execute", _refuse_lazy_load)
        keep_objects_of(session, self._objects)

    def follow(self, objects: TrackedObjects) -> None:
        """Keep what is tracked of a class. Doing it again changes nothing."""
        if objects not in self._classes:
            self._classes.append(objects)

    def attach(self, entity: object) -> None:
        """Have an object in the session.

        Raises:
            UnitOfWorkStateError: it is in another session, or another object with its identity is in this one.
        """
        self._attached[id(entity)] = entity
        if entity not in self.session:
            try:
                self.session.add(entity)
            except InvalidRequestError:
                raise UnitOfWorkStateError(_SECOND_OBJECT) from None
        for instance in (entity, *owned_objects(entity)):
            if state_of(instance).key is None:
                complete_new(instance)

    def attach_new(self, entity: object) -> None:
        """Have an object in the session that is not stored yet.

        Raises:
            UnitOfWorkStateError: it is in another session.
            DuplicateError: another object with its identity is in this one.
        """
        if state_of(entity).mapper.identity_key_from_instance(entity) in self.session.identity_map:
            raise DuplicateError("primary_key")
        self.attach(entity)

    def flush(self, connection: sa.Connection) -> None:
        """Write all that is pending in the session.

        Raises:
            ConcurrencyError, NotFoundError: the store has not the version that is tracked of an object.
        """
        suspects = list(self._suspects())
        try:
            with keeping_values(self.session):
                self.session.flush()
        except StaleDataError:
            objects, tracked = _stale_one(connection, suspects)
            problem = objects.stale(tracked)
        else:
            return
        raise problem

    def settle(self, batch: Sequence[_Tracked]) -> None:
        """Note what the store made of objects that were written."""
        for tracked in batch:
            entity = tracked.entity
            for instance in (entity, *owned_objects(entity)):
                self._complete(instance)
            tracked.current = row_of(entity)
            if tracked.version is not None:
                tracked.version = entity.version - 1  # it is counted up with the status

    def _let_go(self, *_: object) -> None:
        """Let go of objects that a savepoint took back with it: they are not tracked any more, nor to be written."""
        tracked = {id(each.entity) for objects in self._classes for each in objects.tracked()}
        for key, entity in self._attached.items():
            if key not in tracked and entity in self.session and entity not in self.session.deleted:
                self.session.expunge(entity)

    def _objects(self) -> Iterator[object]:
        """What is tracked, and what was until another object took its identity."""
        tracked = {id(it.entity): it.entity for objects in self._classes for it in objects.tracked()}
        for entity in (self._attached | tracked).values():
            yield entity
            yield from owned_objects(entity)

    def _suspects(self) -> Iterator[_Suspect]:
        """What is about to be updated or deleted; its version is checked against the one that is tracked."""
        for objects in self._classes:
            for tracked in objects.tracked():
                entity, state = tracked.entity, state_of(tracked.entity)
                pending = state.modified or tracked.status is Status.DELETED
                if tracked.status is not Status.NEW and pending and state.session is self.session:
                    if tracked.status is Status.DELETED:
                        _forget_changes(entity)
                    if tracked.version is not None:
                        version = entity.version
                        set_committed_value(entity, "version", tracked.version)
                        if version != tracked.version:
                            entity.version = version
                    yield objects, tracked

    def _complete(self, instance: object) -> None:
        """Read what the database itself has filled in, where it did not tell."""
        state, held = state_of(instance), instance_dict(instance)
        columns = shape_of(state.mapper).columns
        unread = state.expired_attributes.intersection(columns)
        if unread:
            self.session.refresh(instance, unread)
        for key in columns:
            if key not in held:
                set_committed_value(instance, key, None)


def _forget_changes(entity: object) -> None:
    """Have what was changed before a deletion not written, which would count the version up that is to be deleted."""
    held = instance_dict(entity)
    for key in shape_of(state_of(entity).mapper).columns:
        if key in held:
            set_committed_value(entity, key, held[key])


def tracked_session(connection: UnitConnection) -> TrackedSession:
    """The session of a unit of work, once it has a connection."""
    session = connection.reading_session().sync_session
    known: TrackedSession | None = session.info.get(_KEY)
    if known is None:
        known = session.info[_KEY] = TrackedSession(session)
    return known


def _stale_one(connection: sa.Connection, suspects: Sequence[_Suspect]) -> _Suspect:
    """The one of several that an UPDATE or DELETE did not find: the store has a greater version, or no such row.

    The statement's transaction was rolled back, so that the store has no version of our own making.
    """
    if len(suspects) == 1:
        return suspects[0]
    stored = [objects.stored_version(connection, tracked) for objects, tracked in suspects]
    overtaken: Callable[[int], bool] = lambda at: (stored[at] or 0) > (suspects[at][1].version or 0)  # noqa: E731
    gone: Callable[[int], bool] = lambda at: stored[at] is None  # noqa: E731
    found = [at for rule in (overtaken, gone) for at in range(len(suspects)) if rule(at)]
    return suspects[found[0] if found else 0]


def _refuse_lazy_load(state: ORMExecuteState) -> None:
    if in_greenlet():
        return
    path: Any = state.loader_strategy_path
    if state.is_relationship_load and not state.is_column_load:
        attribute = f"{path[-1].parent.class_.__name__}.{path[-1].key}"
        raise DefinitionError(
            f"{attribute} was not loaded: name it in the repository, load = (selectinload({attribute}),),"
            " since nothing is loaded when an attribute is looked at"
        )
    names = ", ".join(mapper.class_.__name__ for mapper in state.all_mappers)
    raise DefinitionError(f"attributes of {names} were not loaded, or taken back with a savepoint: load it again")
