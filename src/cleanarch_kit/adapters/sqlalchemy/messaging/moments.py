"""The database's own clock in SQL."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from cleanarch_kit.adapters.sqlalchemy.types import UtcDateTime

__all__ = ["now_plus"]


class now_plus(FunctionElement[datetime]):  # noqa: N801 - reads as the function it is
    """So many seconds from now, by the clock of the database as its statement begins.

    What several processes compare must come from one clock, and theirs may differ.
    """

    type = UtcDateTime()
    name = "now_plus"
    inherit_cache = True

    def __init__(self, seconds: sa.ColumnElement[float] | float) -> None:
        super().__init__(sa.literal(seconds, sa.Double) if isinstance(seconds, int | float) else seconds)


@compiles(now_plus, "postgresql")
def _on_postgresql(element: now_plus, compiler: SQLCompiler, **options: Any) -> str:
    return f"(statement_timestamp() + make_interval(secs => {compiler.process(element.clauses, **options)}))"


@compiles(now_plus, "mysql")
@compiles(now_plus, "mariadb")
def _on_mariadb(element: now_plus, compiler: SQLCompiler, **options: Any) -> str:
    return f"(UTC_TIMESTAMP(6) + INTERVAL (1000000 * {compiler.process(element.clauses, **options)}) MICROSECOND)"


@compiles(now_plus, "sqlite")
def _on_sqlite(element: now_plus, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds') || '000')"
