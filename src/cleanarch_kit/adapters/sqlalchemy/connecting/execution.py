"""Running statements so that what the driver raises comes out as an error of ours."""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.connecting.driver_errors import translate
from cleanarch_kit.adapters.sqlalchemy.connecting.unit_connection import ConnectionSource, UnitConnection

__all__ = ["read", "run", "translated"]

P = ParamSpec("P")
T = TypeVar("T")


async def run(
    source: ConnectionSource,
    metadata: sa.MetaData | None,
    work: Callable[Concatenate[sa.Connection, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run statements that are written as if for a synchronous connection.

    Args:
        source: gives the connection.
        metadata: where to look up constraints that the driver does not name.
        work: is given the connection and the other arguments.
        args: positional arguments of ``work``.
        kwargs: keyword arguments of ``work``.

    Raises:
        StorageError: the store refused or failed.
    """
    connection = None
    try:
        connection = await source.connection()
        return await connection.run_sync(work, *args, **kwargs)
    except Exception as error:
        if (
            connection is not None
            and isinstance(error, AssertionError)
            and isinstance(error.__context__, CancelledError)
        ):
            # psycopg 3.3 says so where it is cancelled on its way into a pipeline, and stays in there.
            await connection.invalidate()
            raise error.__context__ from None
        problem = translate(error, metadata)
        if problem is None:
            raise
    # Raised here and not above, so that not even __context__ leads to what the driver said.
    raise problem


async def read(
    unit: UnitConnection, work: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run statements that change nothing, as `run` does.

    Raises:
        StorageError: the store refused or failed.
    """
    try:
        connection = await unit.reading()
        return await connection.run_sync(work, *args, **kwargs)
    except Exception as error:
        problem = translate(error)
        if problem is None:
            raise
    raise problem


async def translated(awaitable: Awaitable[T], metadata: sa.MetaData | None = None) -> T:
    """Await something of SQLAlchemy's; what it raises comes out as an error of ours.

    Raises:
        StorageError: the store refused or failed.
    """
    try:
        return await awaitable
    except Exception as error:
        problem = translate(error, metadata)
        if problem is None:
            raise
    raise problem
