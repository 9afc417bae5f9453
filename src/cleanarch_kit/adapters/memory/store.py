"""Tables that live as long as the object that holds them."""

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar, cast

from cleanarch_kit.adapters.memory.locks import LockTable
from cleanarch_kit.adapters.memory.state import Held, State, rebuild
from cleanarch_kit.errors import DuplicateError

__all__ = ["InMemoryStore", "Row", "UniqueKeys", "unique_key"]

EntityT = TypeVar("EntityT")

UniqueKeys: TypeAlias = Mapping[str, Callable[[EntityT], object]]
"""The unique constraints of a type: the name of each, and what must be unique; None in it is never a duplicate."""


class Row:
    """A stored entity.

    Attributes:
        state: its state, which nobody else holds.
    """

    __slots__ = ("_view", "state")

    def __init__(self, state: State) -> None:
        self.state = state
        self._view: Held = None

    @property
    def view(self) -> Held:
        """An entity of this state, to be looked at and never handed out."""
        if self._view is None:
            self._view = rebuild(self.state)
        return self._view


class InMemoryStore:
    """What is committed. Several units of work share one, within one event loop; it is forgotten with the process.

    Attributes:
        tables: rows by type and identity, and the identities by unique key.
        locks: what transactions hold until they end.
    """

    def __init__(self) -> None:
        self.tables: dict[object, dict[object, Held]] = {}
        self.locks = LockTable()
        self._unique: dict[type, dict[str, Callable[[Held], object]]] = {}

    def unique_keys(self, entity_type: type) -> Mapping[str, Callable[[Held], object]]:
        """The unique constraints of a type, of all its repositories together."""
        return self._unique.get(entity_type, {})

    def declare(self, entity_type: type, unique: UniqueKeys[Held]) -> None:
        """Keep unique constraints of a type from now on.

        Raises:
            DuplicateError: what is stored breaks one.
        """
        known = self._unique.setdefault(entity_type, {})
        for constraint in unique.keys() - known.keys():
            index: dict[object, object] = {}
            for identity, row in self.tables.get(entity_type, {}).items():
                key = unique_key(unique[constraint], row)
                if key is not None and index.setdefault(key, identity) != identity:
                    raise DuplicateError(constraint)
            self.tables[entity_type, constraint] = index
            known[constraint] = unique[constraint]


def unique_key(key_of: Callable[[Held], object], row: Row) -> object | None:
    """The key of a row, or None where it has none."""
    key: object = key_of(row.view)
    return None if key is None or _has_none(key) else key


def _has_none(key: object) -> bool:
    return isinstance(key, tuple) and None in cast("tuple[object, ...]", key)
