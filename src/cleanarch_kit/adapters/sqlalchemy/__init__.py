"""Adapters for relational databases through SQLAlchemy: needs the extra `sqlalchemy` and a driver's extra."""

from cleanarch_kit.adapters.sqlalchemy import _installed as _installed
from cleanarch_kit.adapters.sqlalchemy.engine import create_async_engine, session_factory
from cleanarch_kit.adapters.sqlalchemy.idempotency import SqlAlchemyIdempotencyStore
from cleanarch_kit.adapters.sqlalchemy.inbox import SqlAlchemyInbox
from cleanarch_kit.adapters.sqlalchemy.mapping.owned import Owned
from cleanarch_kit.adapters.sqlalchemy.messaging.tables import add_kit_tables
from cleanarch_kit.adapters.sqlalchemy.orm_repository import OrmRepository
from cleanarch_kit.adapters.sqlalchemy.outbox import SqlAlchemyOutbox
from cleanarch_kit.adapters.sqlalchemy.repository import SqlAlchemyRepository
from cleanarch_kit.adapters.sqlalchemy.types import ScalarType, UtcDateTime
from cleanarch_kit.adapters.sqlalchemy.unit_of_work import SqlAlchemyUnitOfWork

__all__ = [
    "OrmRepository",
    "Owned",
    "ScalarType",
    "SqlAlchemyIdempotencyStore",
    "SqlAlchemyInbox",
    "SqlAlchemyOutbox",
    "SqlAlchemyRepository",
    "SqlAlchemyUnitOfWork",
    "UtcDateTime",
    "add_kit_tables",
    "create_async_engine",
    "session_factory",
]
