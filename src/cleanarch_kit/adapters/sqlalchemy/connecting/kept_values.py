"""What the objects of a session hold, kept through a rollback that would have SQLAlchemy forget it."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstanceState, Mapper, Session
from sqlalchemy.orm.attributes import instance_dict, set_committed_value
from sqlalchemy.orm.collections import collection_adapter

__all__ = ["keep_objects_of", "keeping_values", "rolling_back"]

_KEEPERS = "cleanarch_kit_keepers"


def keep_objects_of(session: Session, objects: Callable[[], Iterable[object]]) -> None:
    """Let the objects that ``objects`` gives keep their values through every rollback of the session."""
    session.info.setdefault(_KEEPERS, []).append(objects)


@contextmanager
def keeping_values(session: Session) -> Generator[None]:
    """A block in which the session may roll back, by itself too, without its kept objects losing their values.

    SQLAlchemy empties objects at a rollback and reads them again when they are next looked at, which cannot be done
    outside of an ``await``. Afterwards their values count as stored: whoever uses them again says what the store has.
    """
    keepers: list[Callable[[], Iterable[object]]] = session.info.get(_KEEPERS, [])
    held = [(instance, dict(instance_dict(instance))) for objects in keepers for instance in objects()]
    try:
        yield
    finally:
        for instance, values in held:
            state: InstanceState[Any] = sa.inspect(instance, raiseerr=True)
            if state.expired:
                _put_back(instance, state.mapper, values)


@contextmanager
def rolling_back(session: Session) -> Generator[None]:
    """A block in which the session is rolled back for good, without its kept objects losing their values.

    Where it has such objects it lets go of all it has: it would warn of what was changed after a flush that failed.
    """
    with keeping_values(session):
        if _KEEPERS in session.info:
            session.expunge_all()
        yield


def _put_back(instance: object, mapper: Mapper[Any], values: dict[str, Any]) -> None:
    for key, value in values.items():
        if key in mapper.column_attrs:
            set_committed_value(instance, key, value)
        elif key in mapper.relationships:
            many = mapper.relationships[key].uselist
            set_committed_value(instance, key, list(collection_adapter(value)) if many else value)
