"""SQLite has one writer: a unit of work must not wait for another one that waits for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from typing_extensions import TypeIs

from cleanarch_kit.adapters.sqlalchemy.connecting.sqlite import is_in_memory, is_prepared
from cleanarch_kit.application.ports.unit_of_work import UnitOfWork
from cleanarch_kit.application.tracking.unit_of_work import TrackingUnitOfWork
from cleanarch_kit.errors import DefinitionError, UnitOfWorkStateError

__all__ = ["SingleWriter", "single_writer"]

_NOT_PREPARED = (
    "this SQLite engine leaves transactions to Python's driver, which loses updates and savepoints:"
    " make it with cleanarch_kit's create_async_engine"
)
_WAITS_FOR_ITSELF = (
    "a unit of work is open in this context on the same SQLite database, which has one writer, and this one would wait"
    " for it for ever: use the open one, or open this one with read_only=True"
)
_ONE_CONNECTION = (
    "a unit of work is open in this context on the same SQLite database in memory, which has one connection, and this"
    " one would wait for it for ever: use the open one, or a database in a file"
)


@dataclass(frozen=True, slots=True)
class SingleWriter:
    """The one place from which a SQLite database is written.

    Attributes:
        database: the same for two engines on one file.
        shared: whether readers need the same place, because there is one connection only.
    """

    database: str
    shared: bool

    def enter(self, unit: TrackingUnitOfWork[Any], outer: UnitOfWork | None) -> None:
        """Refuse a unit of work that would wait for one around it.

        Args:
            unit: what is about to be opened.
            outer: what is open in the context.

        Raises:
            UnitOfWorkStateError: one of those around it holds, or may come to hold, what it needs.
        """
        while _tracks(outer) and outer is not unit:
            if getattr(outer, "single_writer", None) == self and not outer.has_ended:
                if self.shared:
                    raise UnitOfWorkStateError(_ONE_CONNECTION)
                if not (outer.read_only or unit.read_only):
                    raise UnitOfWorkStateError(_WAITS_FOR_ITSELF)
            outer = outer.outer


def _tracks(unit: UnitOfWork | None) -> TypeIs[TrackingUnitOfWork[Any]]:
    return unit is not None and isinstance(unit, TrackingUnitOfWork)


_known: WeakKeyDictionary[sa.Engine, SingleWriter] = WeakKeyDictionary()


def single_writer(engine: sa.Engine) -> SingleWriter | None:
    """The single writer of an engine's database; None where there can be many.

    Raises:
        DefinitionError: the engine is one of SQLite's that cannot be relied on.
    """
    if engine.dialect.name != "sqlite":
        return None
    known = _known.get(engine)
    if known is None:
        if not is_prepared(engine):
            raise DefinitionError(_NOT_PREPARED)
        in_memory = is_in_memory(engine.url)
        database = f"engine {id(engine.dialect)}" if in_memory else str(Path(str(engine.url.database)).resolve())
        known = _known[engine] = SingleWriter(database, in_memory)
    return known
