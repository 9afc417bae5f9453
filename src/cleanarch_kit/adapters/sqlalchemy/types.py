"""Column types: times that are aware, in UTC and exact on every database; one-field values as columns."""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from cleanarch_kit.errors import InvalidValueError

__all__ = ["UtcDateTime"]


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware on the way in, aware and in UTC on the way out, with microseconds, on every database.

    PostgreSQL stores `TIMESTAMP WITH TIME ZONE`, MariaDB and MySQL `DATETIME(6)` in UTC, SQLite text in UTC. A naive
    datetime is refused with `InvalidValueError`.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[datetime]:
        """Choose the column's type for a database."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Turn a moment into UTC, naive where the database keeps no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise InvalidValueError("datetime", "must be aware: give it a time zone, for example datetime.now(UTC)")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Give a stored moment its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
