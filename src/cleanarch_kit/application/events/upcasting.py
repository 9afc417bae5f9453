"""Older versions of an event, lifted to the one the program knows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cleanarch_kit.application.strict_json import is_object
from cleanarch_kit.errors import DefinitionError, SerializationError

__all__ = ["EventFields", "Upcaster", "chains", "upcasts"]

EventFields: TypeAlias = dict[str, object]
"""The fields of an event as JSON gives them, without ``event_id`` and ``occurred_at``."""


@dataclass(frozen=True, slots=True)
class Upcaster:
    """Lifts the fields of one version of an event to the next version. Made by `upcasts`.

    Attributes:
        name: the event's name.
        version: the version it starts from; it gives the fields of ``version + 1``.
        lift: the function. It gets a dict of its own and returns the new fields.
    """

    name: str
    version: int
    lift: Callable[[EventFields], EventFields]

    def __call__(self, fields: EventFields) -> EventFields:
        """Lift the fields.

        Raises:
            SerializationError: the function raised, or returned something else than a dict.
        """
        try:
            lifted = self.lift(fields)
        except Exception as error:  # the data came from outside: what the function trips over is the data's fault
            problem = type(error).__name__
        else:
            if is_object(lifted):  # what is declared is not always what is returned
                return lifted
            problem = "not a dict"
        function = f"{self.lift.__module__}.{self.lift.__qualname__}"
        raise SerializationError(self.name, None, f"could not be lifted by {function} ({problem})")


def upcasts(name: str, version: int) -> Callable[[Callable[[EventFields], EventFields]], Upcaster]:
    """Make a pure function from dict to dict the upcaster of a version that is no longer written.

    It registers nothing: hand the result to an `EventRegistry`.

        @upcasts("shop.order.placed", 1)
        def with_currency(fields: dict[str, object]) -> dict[str, object]:
            return {**fields, "currency": "EUR"}

    Args:
        name: the event's name.
        version: the version it starts from; the function must give the fields of ``version + 1``.
    """
    return lambda lift: Upcaster(name, version, lift)


def chains(upcasters: Iterable[Upcaster], known: Mapping[str, object]) -> dict[str, tuple[str, tuple[Upcaster, ...]]]:
    """Join upcasters end to end.

    Args:
        upcasters: all of them.
        known: the event types that have a class.

    Returns:
        For each type that an upcaster starts from: the type with a class that it ends at, and the steps in order.

    Raises:
        DefinitionError: two start from one version, one starts where a class is, or one leads to no class.
    """
    steps: dict[str, Upcaster] = {}
    for upcaster in upcasters:
        start = f"{upcaster.name}.v{upcaster.version}"
        if start in steps:
            raise DefinitionError(f"two upcasters start from {start}: remove one")
        if start in known:
            raise DefinitionError(f"{start} has both a class and an upcaster: remove one")
        steps[start] = upcaster
    return {start: _chain(start, steps, known) for start in steps}


def _chain(start: str, steps: Mapping[str, Upcaster], known: Mapping[str, object]) -> tuple[str, tuple[Upcaster, ...]]:
    taken: list[Upcaster] = []
    place = start
    while place not in known:
        if place not in steps:
            raise DefinitionError(
                f"the upcaster of {start} leads to {place}, which has neither a class nor an upcaster"
            )
        taken.append(steps[place])
        place = f"{taken[-1].name}.v{taken[-1].version + 1}"
    return place, tuple(taken)
