"""`Entity` and `AggregateRoot`: things that stay the same while their fields change."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cleanarch_kit.domain.event import DomainEvent

__all__ = ["AggregateRoot", "Entity"]

IdT = TypeVar("IdT")


@dataclass(kw_only=True, eq=False, slots=True)
class Entity(Generic[IdT]):
    """A thing with an identity: equal to another of its class if the ids are equal, whatever else differs.

    Derive with a plain ``@dataclass(kw_only=True)``, with or without ``slots=True``. Equality and hash are already
    in place in the subclass, so the decorator leaves them alone; a class that defines ``__eq__`` itself keeps its own.

    Attributes:
        id: the identity. It must not change, since the hash depends on it.
    """

    id: IdT

    def __init_subclass__(cls, **keywords: object) -> None:
        # dataclass(slots=True) replaces this class by a copy, which the cell behind a bare super() does not know
        super(Entity, cls).__init_subclass__(**keywords)
        for name in ("__eq__", "__hash__"):
            # an __eq__ without a __hash__ has already set the latter to None
            if name not in cls.__dict__:
                type.__setattr__(cls, name, getattr(cls, name))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        same: bool = self.id == other.id
        return same

    def __hash__(self) -> int:
        return hash((type(self), self.id))


@dataclass(kw_only=True, eq=False, slots=True)
class AggregateRoot(Entity[IdT]):
    """An entity that is loaded and saved as a whole, with what belongs to it, and that tells what happened to it.

    Attributes:
        version: how often it was saved; 0 until the first time. The unit of work counts it up and refuses to save an
            aggregate that somebody else has saved since it was loaded.
    """

    # a factory, because a plain default leaves with slots and is then missing in a subclass without them
    version: int = field(default_factory=int, init=False)
    _pending_events: list[DomainEvent] = field(default_factory=list[DomainEvent], init=False, repr=False, compare=False)

    def record_event(self, event: DomainEvent) -> None:
        """Note that something happened. The unit of work publishes it after the commit, in the order of recording."""
        self._pending_events.append(event)

    def pull_events(self) -> tuple[DomainEvent, ...]:
        """Hand over the events recorded since the last call, oldest first, and forget them."""
        events = tuple(self._pending_events)
        self._pending_events.clear()
        return events
