"""An engine that is set up for the database it connects to.

SQLite begins its transactions explicitly, so that savepoints and rollbacks mean what they say; the others ping a
pooled connection before they lend it and read what is committed. Every engine stays with the event loop and the
process that first connected through it.
"""

import asyncio
import os
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.ext.asyncio import create_async_engine as _create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection

from cleanarch_kit.adapters.sqlalchemy.connecting.sqlite import is_in_memory, prepare_sqlite
from cleanarch_kit.errors import EngineOwnershipError

__all__ = ["OwnedPool", "create_async_engine", "session_factory"]

_OTHER_PROCESS = (
    "this engine had connections before the process forked: call engine.sync_engine.dispose(close=False) in the child,"
    " or create the engine there"
)
_OTHER_LOOP = (
    "this engine belongs to another event loop: create one engine per event loop,"
    " or end the first loop's work with `await engine.dispose()`"
)


class OwnedPool(AsyncAdaptedQueuePool):
    """A pool whose connections stay with the process and the event loop that first asked for one.

    A connection's socket is watched by one event loop and shared by no two processes; lending it elsewhere hangs or
    mixes up replies. `dispose` on the engine makes a new pool, which again belongs to whoever asks first.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._owner: dict[str, object] = {}

    def connect(self) -> PoolProxiedConnection:
        """Lend a connection.

        Raises:
            EngineOwnershipError: the engine was used by another event loop or before a fork.
        """
        # setdefault, because two threads with a loop each may come first at the same time
        if self._owner.setdefault("pid", os.getpid()) != os.getpid():
            raise EngineOwnershipError(_OTHER_PROCESS)
        loop = asyncio.get_running_loop()
        if self._owner.setdefault("loop", loop) is not loop:
            raise EngineOwnershipError(_OTHER_LOOP)
        return super().connect()


def create_async_engine(url: str | sa.URL, **options: Any) -> AsyncEngine:
    """Create an engine with what its database needs for correct units of work.

    - SQLite: transactions begin explicitly (`BEGIN IMMEDIATE`, so that no writer can be overtaken; deferred for
      read-only units), write-ahead logging, five seconds of patience with other writers, foreign keys enforced. A
      database in memory has one connection, which units of work use in turn.
    - PostgreSQL, MariaDB, MySQL: READ COMMITTED, and a pooled connection is pinged before it is lent.
    - All: parameters stay out of SQLAlchemy's own error texts and logs, and the engine is refused to a second event
      loop or a forked process.

    Whoever creates the engine ends it with `await engine.dispose()`, on the same event loop.

    Args:
        url: a database URL with an asynchronous driver, for example ``"postgresql+asyncpg://..."``.
        options: SQLAlchemy's own options of `create_async_engine`; what is given here wins over the above.

    Returns:
        SQLAlchemy's asynchronous engine.
    """
    url = sa.make_url(url)
    backend = url.get_backend_name()
    settings: dict[str, Any] = {"hide_parameters": True}
    if "poolclass" not in options:
        settings["poolclass"] = OwnedPool
    if backend == "sqlite":
        if is_in_memory(url) and "poolclass" not in options:
            settings |= {"pool_size": 1, "max_overflow": 0}
    else:
        settings |= {"pool_pre_ping": True, "isolation_level": "READ COMMITTED"}
    engine = _create_async_engine(url, **(settings | options))
    if backend == "sqlite":
        prepare_sqlite(engine.sync_engine)
    return engine


def session_factory(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Make the factory of sessions that units of work and the outbox take.

    Args:
        engine: the engine; it stays the caller's to dispose of.

    Returns:
        A factory whose sessions keep loaded attributes after a commit.
    """
    return async_sessionmaker(engine, expire_on_commit=False)
