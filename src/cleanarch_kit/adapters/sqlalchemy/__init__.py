"""Adapters for relational databases through SQLAlchemy: needs the extra `sqlalchemy` and a driver's extra."""

from cleanarch_kit.adapters.sqlalchemy import _installed as _installed
from cleanarch_kit.adapters.sqlalchemy.engine import create_async_engine, session_factory
from cleanarch_kit.adapters.sqlalchemy.outbox import SqlAlchemyOutbox
from cleanarch_kit.adapters.sqlalchemy.tables import add_kit_tables
from cleanarch_kit.adapters.sqlalchemy.types import UtcDateTime

__all__ = ["SqlAlchemyOutbox", "UtcDateTime", "add_kit_tables", "create_async_engine", "session_factory"]
