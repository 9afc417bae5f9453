"""Inserting a row unless one with its key is there."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["insert_unless_present"]


def insert_unless_present(table: sa.Table, dialect: str) -> sa.Insert:
    """An INSERT that adds no row where the primary key exists; its `rowcount` tells.

    It waits for a transaction that has inserted the same key and not yet ended.

    Args:
        table: the table; what is inserted must fit its columns, as MariaDB mends or drops what does not.
        dialect: name of the database's dialect.
    """
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return sa.insert(table).prefix_with("IGNORE")
