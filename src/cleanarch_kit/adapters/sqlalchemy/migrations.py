"""What Alembic writes into a migration for the column types of this package."""

from typing import Literal

from cleanarch_kit.adapters.sqlalchemy._loose_types import AnyType
from cleanarch_kit.adapters.sqlalchemy.types import ScalarType, UtcDateTime

__all__ = ["render_item"]

_MYSQL = "from sqlalchemy.dialects import mysql"


def render_item(kind: str, item: object, context: object) -> str | Literal[False]:
    """Write the types of this package as SQLAlchemy's own, so that no migration imports the program.

    Give it to Alembic in ``env.py``: ``context.configure(..., render_item=render_item)``. On every database they are
    the same types.

    Args:
        kind: what is rendered; only types are of interest here.
        item: the item.
        context: Alembic's context, which knows the imports of the migration.

    Returns:
        The text, or False where Alembic is to render the item itself.
    """
    if kind == "type" and isinstance(item, ScalarType):
        return _rendered(item.column_type, context)
    if kind == "type" and isinstance(item, UtcDateTime):
        return _rendered(item, context)
    return False


def _rendered(column_type: AnyType, context: object) -> str:
    if not isinstance(column_type, UtcDateTime):
        return f"sa.{column_type!r}"
    imports: set[str] = getattr(context, "imports", set[str]())
    imports.add(_MYSQL)
    plain = f"sa.DateTime(timezone={column_type.timezone})"
    return f"{plain}.with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')"
