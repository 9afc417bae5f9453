"""What holds the objects that an aggregate owns: a list, a dict, a set, or the field itself for one alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, cast, get_args, get_origin

from cleanarch_kit.adapters.sqlalchemy.mapping.fields import is_class, resolved_hints, simplify
from cleanarch_kit.errors import MappingError, RefusedValueError

__all__ = ["Holder", "holder_of"]

_ITEMS = "one class: a list, dict, set, tuple or frozenset of it, or the class itself, or that | None"
_COLLECTIONS: Mapping[object, Callable[[Iterable[object]], object]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    Sequence: list,
    Set: set,
}
_ORDERED = frozenset({list, tuple, Sequence})


@dataclass(frozen=True, slots=True)
class Holder:
    """How the objects of one field are held.

    Attributes:
        item_type: class of the objects.
        items: gives the objects of what the field holds.
        hold: gives what the field holds of the objects.
        ordered: whether it has an order that can be kept.
        alone: whether it holds one object at most.
        required: whether it holds one at least.
    """

    item_type: type[object]
    items: Callable[[Any], Iterable[object]]
    hold: Callable[[list[object]], object]
    ordered: bool = False
    alone: bool = False
    required: bool = False


def holder_of(owner: type[object], name: str, keys: Sequence[str] = ()) -> Holder:
    """How a field holds what it owns.

    Args:
        owner: class of the owner.
        name: the field.
        keys: the fields of the objects that are the key in a dict.

    Raises:
        MappingError: the field does not hold objects of one class.
    """
    hint, optional = simplify(resolved_hints(owner).get(name))
    origin, arguments = get_origin(hint), get_args(hint)
    where = f"{owner.__name__}.{name}"
    if origin is None and is_class(hint) and hasattr(hint, "__dataclass_fields__"):
        return Holder(hint, _one_or_none if optional else _OneOf(where), _first, alone=True, required=not optional)
    mapped = origin in (dict, Mapping)
    item_type: object = arguments[1 if mapped else 0] if len(arguments) > mapped else None
    if optional or not is_class(item_type) or not (mapped or origin in _COLLECTIONS):
        raise MappingError(f"{where} must hold objects of {_ITEMS}")
    if mapped:
        if not keys:
            raise MappingError(f"{where} is a dict: name the field that is its key with Owned(..., keyed_by=...)")
        entries = _Entries(where, keys)
        return Holder(item_type, entries.items, entries.hold, ordered=True)
    return Holder(item_type, iter, _COLLECTIONS[origin], ordered=origin in _ORDERED)


class _OneOf:
    """Gives an object that has to be there."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __call__(self, value: object) -> tuple[object]:
        if value is None:
            raise RefusedValueError(f"must not be missing in {self._where}")
        return (value,)


def _one_or_none(value: object) -> tuple[object, ...]:
    return () if value is None else (value,)


def _first(items: list[object]) -> object:
    return items[0] if items else None


class _Entries:
    """Objects in a dict, each under its own key."""

    def __init__(self, where: str, keys: Sequence[str]) -> None:
        self._where = where
        self._names = " and ".join(keys)
        self._key = cast("Callable[[object], object]", attrgetter(*keys))

    def items(self, value: Mapping[object, object]) -> Iterator[object]:
        key_of = self._key
        for key, item in value.items():
            if key_of(item) != key:
                raise RefusedValueError(f"must stand in {self._where} under its own {self._names}")
            yield item

    def hold(self, items: list[object]) -> dict[object, object]:
        return dict(zip(map(self._key, items), items, strict=True))
