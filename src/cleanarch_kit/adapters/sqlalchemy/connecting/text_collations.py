"""Text on MariaDB and MySQL, whose usual collations ignore case: what one searches for is then more than elsewhere."""

import logging
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyColumn

__all__ = ["is_checked", "report_collations"]

_logger = logging.getLogger("cleanarch_kit.sqlalchemy")

_COLUMNS = sa.text(
    "SELECT column_name, collation_name FROM information_schema.columns"
    " WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :name"
)
_REPORT = (
    "text in table %s (%s) is compared without regard to case, unlike on other databases and in memory;"
    " this heals it: ALTER TABLE %s CONVERT TO CHARACTER SET utf8mb4 COLLATE %s"
)

_checked: WeakKeyDictionary[Dialect, set[str]] = WeakKeyDictionary()


def is_checked(engine: sa.Engine, table: sa.Table) -> bool:
    """Whether the columns of a table were looked at."""
    return table.fullname in _checked.get(engine.dialect, ())


def report_collations(connection: sa.Connection, table: sa.Table) -> None:
    """Log the text columns that ignore case, once for a table that exists, with the statement that heals them.

    A column that names its collation in the table's definition is left alone: somebody chose it.
    """
    found = connection.execute(_COLUMNS, {"schema": table.schema, "name": table.name}).all()
    if not found:
        return
    _checked.setdefault(connection.dialect, set()).add(table.fullname)
    collations: dict[str, str] = {name: collation for name, collation in found if collation is not None}
    loose = [column.name for column in table.c if _is_text(column) and collations.get(column.name, "").endswith("_ci")]
    if loose:
        name = connection.dialect.identifier_preparer.format_table(table)
        binary = "utf8mb4_nopad_bin" if getattr(connection.dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        _logger.warning(_REPORT, table.fullname, ", ".join(loose), name, binary)


def _is_text(column: AnyColumn) -> bool:
    kind = column.type.impl if isinstance(column.type, sa.types.TypeDecorator) else column.type
    return isinstance(kind, sa.String) and not isinstance(kind, sa.Enum) and kind.collation is None
