"""The name of the constraint that refused a row.

PostgreSQL's drivers give it. MariaDB and SQLite have it in their message, between values that users typed: the name is
cut out by where it stands, and a message of another form gives none.
"""

import re

import sqlalchemy as sa

__all__ = [
    "PRIMARY_KEY",
    "mysql_check",
    "mysql_foreign_key",
    "mysql_unique",
    "postgresql_constraint",
    "sqlite_check",
    "sqlite_unique",
]

PRIMARY_KEY = "primary_key"
"""What every primary key is called, whatever its name."""

_POSTGRESQL_NAME_LENGTH = 63
_MYSQL_KEY = re.compile(r" for key '([^']+)'\Z")
_MYSQL_FOREIGN_KEY = re.compile(r" \(`[^`]+`\.`[^`]+`, CONSTRAINT `([^`]+)` FOREIGN KEY")
_MYSQL_CHECK = re.compile(r"\A(?:CONSTRAINT|Check constraint) [`']([^`']+)[`']")
_SQLITE_COLUMNS = re.compile(r"\AUNIQUE constraint failed: ([^,]+(?:, [^,]+)*)\Z")
_SQLITE_INDEX = re.compile(r"\AUNIQUE constraint failed: index '([^']+)'\Z")
_SQLITE_CHECK = re.compile(r"\ACHECK constraint failed: (\w+)\Z")


def postgresql_constraint(orig: BaseException, metadata: sa.MetaData | None) -> str | None:
    """The name that PostgreSQL gives, through either driver."""
    details: object = getattr(orig, "diag", None) or orig.__cause__
    name: str | None = getattr(details, "constraint_name", None)
    table_name: str | None = getattr(details, "table_name", None)
    if name is None or table_name is None:
        return name
    primary_keys = {f"{table_name}_pkey"[:_POSTGRESQL_NAME_LENGTH]}
    primary_keys.update(str(table.primary_key.name) for table in _tables(metadata, table_name))
    return PRIMARY_KEY if name in primary_keys else name


def mysql_unique(orig: BaseException, _metadata: sa.MetaData | None) -> str | None:
    """The key at the end of the message, behind the value; MySQL puts the table in front of it."""
    name = _cut(_MYSQL_KEY, _mysql_text(orig))
    bare = name.rpartition(".")[2] if name else None
    return PRIMARY_KEY if bare == "PRIMARY" else bare


def mysql_foreign_key(orig: BaseException, _metadata: sa.MetaData | None) -> str | None:
    """The foreign key that the message quotes."""
    return _cut(_MYSQL_FOREIGN_KEY, _mysql_text(orig))


def mysql_check(orig: BaseException, _metadata: sa.MetaData | None) -> str | None:
    """The check at the beginning of the message."""
    return _cut(_MYSQL_CHECK, _mysql_text(orig))


def sqlite_unique(orig: BaseException, metadata: sa.MetaData | None) -> str | None:
    """The constraint or index of the columns that the message names, looked up in the metadata."""
    if index := _cut(_SQLITE_INDEX, str(orig)):
        return index
    columns = _cut(_SQLITE_COLUMNS, str(orig))
    if columns is None:
        return None
    table_name = columns.partition(".")[0]
    wanted = {column.rpartition(".")[2] for column in columns.split(", ")}
    for table in _tables(metadata, table_name):
        uniques: list[sa.UniqueConstraint | sa.Index] = [index for index in table.indexes if index.unique]
        uniques += [constraint for constraint in table.constraints if isinstance(constraint, sa.UniqueConstraint)]
        for unique in uniques:
            if {column.name for column in unique.columns} == wanted:
                return str(unique.name) if unique.name else None
    return None


def sqlite_check(orig: BaseException, _metadata: sa.MetaData | None) -> str | None:
    """The check at the end of the message; an unnamed one shows its expression there, which is no name."""
    return _cut(_SQLITE_CHECK, str(orig))


def _tables(metadata: sa.MetaData | None, name: str) -> list[sa.Table]:
    return [] if metadata is None else [table for table in metadata.tables.values() if table.name == name]


def _mysql_text(orig: BaseException) -> str:
    return str(orig.args[1]) if len(orig.args) > 1 else ""


def _cut(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[1] if found else None
