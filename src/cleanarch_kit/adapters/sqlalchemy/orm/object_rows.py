"""Objects of mapped classes as rows, to be compared and to be put back.

A row has the values of an object's columns and, at its end, a `Whole`: the object itself, and the rows of the objects
that it owns, which are those behind a relationship with the cascade "delete-orphan".
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy.orm import InstanceState, Mapper, Session
from sqlalchemy.orm.attributes import flag_modified, instance_dict, set_committed_value
from sqlalchemy.orm.collections import collection_adapter

from cleanarch_kit.adapters.sqlalchemy._loose_types import Row

__all__ = [
    "Shape",
    "Whole",
    "complete_new",
    "flag_changed_values",
    "owned_objects",
    "put_back",
    "row_of",
    "shape_of",
    "state_of",
]

_OwnedRows: TypeAlias = list[Row] | Row | str | None
_UNKNOWN = "not loaded"
_CHANGEABLE = (dict, list, set, bytearray)


@dataclass(frozen=True, slots=True)
class Shape:
    """The attributes of a mapped class, by their keys.

    Attributes:
        columns: one for each column that is read and written.
        composites: what SQLAlchemy makes of several columns.
        owned: relationships whose objects live and die with this one.
        others: the other relationships.
    """

    columns: tuple[str, ...]
    composites: tuple[str, ...]
    owned: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """What a row cannot hold.

    Attributes:
        instance: the object; not compared.
        owned: for each owned relationship the row or rows of its objects, None for no object, or that it was not
            loaded.
    """

    instance: Any = field(compare=False)
    owned: tuple[_OwnedRows, ...]


@cache
def shape_of(mapper: Mapper[Any]) -> Shape:
    """The shape of a mapped class."""
    relationships = mapper.relationships
    return Shape(
        tuple(attribute.key for attribute in mapper.column_attrs if isinstance(attribute.columns[0], sa.Column)),
        tuple(mapper.composites.keys()),
        tuple(each.key for each in relationships if each.cascade.delete_orphan),
        tuple(each.key for each in relationships if not each.cascade.delete_orphan and not each.viewonly),
    )


def state_of(instance: object) -> InstanceState[Any]:
    """What SQLAlchemy knows of an object."""
    state: InstanceState[Any] = sa.inspect(instance, raiseerr=True)
    return state


def row_of(instance: object) -> Row:
    """The row of an object as it is now. Nothing is loaded for it."""
    shape, held = shape_of(state_of(instance).mapper), instance_dict(instance)
    values = [_kept(held.get(key, _UNKNOWN)) for key in shape.columns]
    return (*values, Whole(instance, tuple(_owned_rows(held, key) for key in shape.owned)))


def owned_objects(instance: object) -> Iterator[object]:
    """The loaded objects that one owns, and those that they own."""
    held = instance_dict(instance)
    for key in shape_of(state_of(instance).mapper).owned:
        value = held.get(key)
        for child in () if value is None else _members(value):
            yield child
            yield from owned_objects(child)


def complete_new(instance: object) -> None:
    """Note that what a new object does not say it owns is nothing, since there is nothing to load."""
    held = instance_dict(instance)
    for key in shape_of(state_of(instance).mapper).owned:
        if key not in held:
            many = state_of(instance).mapper.relationships[key].uselist
            set_committed_value(instance, key, () if many else None)


def flag_changed_values(before: Row, instance: object) -> None:
    """Tell SQLAlchemy of values that were changed in place, in an object and in what it owns."""
    held = instance_dict(instance)
    for key, value in zip(shape_of(state_of(instance).mapper).columns, before[:-1], strict=True):
        if isinstance(value, _CHANGEABLE) and held.get(key) != value:
            flag_modified(instance, key)
    for rows in before[-1].owned:
        for row in _rows(rows):
            flag_changed_values(row, row[-1].instance)


def put_back(session: Session | None, instance: object, row: Row) -> None:
    """Give an object, and what it owns, the state of a row, as what is stored.

    Args:
        session: where the object is, if it is in one.
        instance: the object.
        row: its row, or that of another object that was read apart.
    """
    shape, held, whole = shape_of(state_of(instance).mapper), instance_dict(instance), row[-1]
    for key, value in zip(shape.columns, row[:-1], strict=True):
        if value is not _UNKNOWN:
            set_committed_value(instance, key, _kept(value))
    for key in shape.composites:
        held.pop(key, None)
    for key, owned in zip(shape.owned, whole.owned, strict=True):
        if owned is not _UNKNOWN:
            _put_back_owned(session, instance, key, owned)
    if whole.instance is not instance:
        _take_references(session, instance, whole.instance, shape)


def _put_back_owned(session: Session | None, instance: object, key: str, owned: _OwnedRows) -> None:
    children = [_restored(session, row) for row in _rows(owned)]
    state, attribute = state_of(instance), state_of(instance).manager[key].impl
    for child in children:
        attribute.sethasparent(state_of(child), state, True)  # else it would be deleted as an orphan
    set_committed_value(instance, key, children if isinstance(owned, list) else next(iter(children), None))


def _restored(session: Session | None, row: Row) -> object:
    child = row[-1].instance
    if session is not None and state_of(child).detached:  # it was read apart
        return session.merge(child, load=False)
    put_back(session, child, row)
    return child


def _take_references(session: Session | None, instance: object, apart: object, shape: Shape) -> None:
    """Refer to the objects that another reading of the same object refers to."""
    held, found = instance_dict(instance), instance_dict(apart)
    for key in shape.others:
        value = found.get(key)
        if session is None or key not in found:
            held.pop(key, None)
        elif value is None:
            set_committed_value(instance, key, None)
        else:
            members = [_counterpart(session, member) for member in _members(value)]
            set_committed_value(instance, key, members if _is_collection(value) else members[0])


def _counterpart(session: Session, apart: object) -> object:
    """The object with the same identity in a session; what it holds there stays as it is."""
    identity = state_of(apart).key
    known = None if identity is None else session.identity_map.get(identity)
    return session.merge(apart, load=False) if known is None else known


def _owned_rows(held: dict[str, Any], key: str) -> _OwnedRows:
    value = held.get(key, _UNKNOWN)
    if value is _UNKNOWN or value is None:
        return _UNKNOWN if value is _UNKNOWN else None
    return [row_of(member) for member in _members(value)] if _is_collection(value) else row_of(value)


def _rows(owned: _OwnedRows) -> list[Row]:
    if isinstance(owned, list):
        return owned
    return [owned] if isinstance(owned, tuple) else []


def _is_collection(value: object) -> bool:
    return hasattr(value, "_sa_adapter")


def _members(value: Any) -> Iterator[object]:
    """The objects behind a relationship: those of a collection, or the only one."""
    return iter(collection_adapter(value)) if _is_collection(value) else iter((value,))


def _kept(value: object) -> object:
    """A value that nobody else can change."""
    if isinstance(value, _CHANGEABLE):
        return deepcopy(cast("object", value))
    return value
