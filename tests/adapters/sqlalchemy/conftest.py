"""Databases for the tests of this package: one of each kind, empty at the beginning of every test."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.pool import AsyncAdaptedQueuePool

from cleanarch_kit.adapters.sqlalchemy import (
    Owned,
    SqlAlchemyRepository,
    SqlAlchemyUnitOfWork,
    UtcDateTime,
    create_async_engine,
    session_factory,
)
from cleanarch_kit.application import SortFields
from cleanarch_kit.testing import Book, BookId, Note, NoteId, Order, OrderId, OwnedSubject, Subject

DATABASES = ("sqlite", "asyncpg", "psycopg", "asyncmy")


def url_of(database: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a database that this run may do anything with."""
    if database == "sqlite":
        return f"sqlite+aiosqlite:///{folder / 'test.db'}"
    if database == "asyncmy":
        url: str = request.getfixturevalue("mariadb_url")
        return url.replace("mysql://", "mysql+asyncmy://", 1)
    url = request.getfixturevalue("postgresql_url")
    return url.replace("postgresql://", f"postgresql+{database}://", 1)


_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"


async def drop_everything(engine: AsyncEngine) -> None:
    """Leave an empty database to the next test, without reflecting it, which would cost more than most tests do.

    SQLite has a file for each test.
    """
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            await connection.execute(sa.text("CREATE SCHEMA public"))
        elif engine.dialect.name != "sqlite":
            tables = (await connection.execute(sa.text(_TABLES))).scalars().all()
            names = ", ".join(map(engine.dialect.identifier_preparer.quote, tables))
            if names:
                await connection.execute(sa.text("SET foreign_key_checks = 0"))
                await connection.execute(sa.text(f"DROP TABLE {names}"))


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Name of the driver under test; parametrise it indirectly to choose some."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, with the driver."""
    return url_of(database, request, tmp_path)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on an empty database; what a test leaves there is dropped."""
    engine = create_async_engine(database_url)
    yield engine
    await drop_everything(engine)
    await engine.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """The factory of sessions that units of work take."""
    return session_factory(engine)


contract_metadata = sa.MetaData()
books = sa.Table(
    "books",
    contract_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("isbn", sa.String(200), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("price_amount", sa.BigInteger, nullable=False),
    sa.Column("price_currency", sa.String(3), nullable=False),
    sa.Column("rank", sa.Integer),
    sa.Column("published_at", UtcDateTime),
    sa.UniqueConstraint("isbn", name="uq_books_isbn"),
    mysql_collate="utf8mb4_nopad_bin",
)
notes = sa.Table(
    "notes",
    contract_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("text", sa.String(200), nullable=False),
    sa.Column("stars", sa.Integer, nullable=False),
    mysql_collate="utf8mb4_nopad_bin",
)


class Proxy:
    """Stands between a driver and its server, and can lose what the server says.

    Attributes:
        lose_replies_after: once the client has sent this, nothing more of the server's gets through on that
            connection. The server gets everything.
        hang: keep the connection open after that, instead of closing it.
    """

    def __init__(self, host: str, port: int) -> None:
        self.lose_replies_after = b""
        self.hang = False
        self._host = host
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Begin to listen; gives the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, client: StreamReader, to_client: StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(self._host, self._port)
        deaf = asyncio.Event()
        for work in (self._forward(client, to_server, deaf), self._answer(server, to_client, deaf)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, deaf: asyncio.Event
    ) -> None:
        with closing(to_server):
            while data := await client.read(65536):
                if self.lose_replies_after and self.lose_replies_after in data:
                    deaf.set()
                to_server.write(data)
                await to_server.drain()

    async def _answer(self, server: StreamReader, to_client: StreamWriter, deaf: asyncio.Event) -> None:
        with closing(to_client):
            while data := await server.read(65536):
                if deaf.is_set():
                    if self.hang:
                        continue
                    return
                to_client.write(data)
                await to_client.drain()


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the database's server, which `proxied_engine` connects through."""
    url = sa.make_url(database_url)
    assert url.host is not None
    proxy = Proxy(url.host, url.port or 0)
    yield proxy
    await proxy.stop()


@pytest.fixture
async def proxied_engine(database_url: str, proxy: Proxy) -> AsyncIterator[AsyncEngine]:
    """An engine that connects through the proxy."""
    url = sa.make_url(database_url).set(port=await proxy.start())
    if url.drivername == "postgresql+psycopg":
        url = url.update_query_dict({"sslmode": "disable", "gssencmode": "disable"})
    options = {"connect_args": {"ssl": False}} if url.drivername == "postgresql+asyncpg" else {}
    engine = create_async_engine(url, **options)
    yield engine
    await engine.dispose()


class SqlBooks(SqlAlchemyRepository[Book, BookId]):
    table = books
    sort_fields: SortFields[Book] = {"title": lambda b: b.title, "rank": lambda b: b.rank}


class SqlNotes(SqlAlchemyRepository[Note, NoteId]):
    table = notes


@pytest.fixture
async def sql_subject(engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]) -> Subject:
    """The adapter under test, for the contracts."""
    async with engine.begin() as connection:
        await connection.run_sync(contract_metadata.create_all, checkfirst=False)

    def checked_out() -> int:
        pool = engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        return pool.checkedout()

    return Subject(partial(SqlAlchemyUnitOfWork, sessions), SqlBooks, SqlNotes, checked_out)


orders_metadata = sa.MetaData()
orders = sa.Table(
    "orders",
    orders_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("customer", sa.String(100), nullable=False),
)
order_lines = sa.Table(
    "order_lines",
    orders_metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("sku", sa.String(100), nullable=False),
    sa.Column("price_amount", sa.BigInteger, nullable=False),
    sa.Column("price_currency", sa.String(3), nullable=False),
    sa.Column("contact", sa.String(254)),
    sa.Column("state", sa.String(10), nullable=False),
    sa.UniqueConstraint("order_id", "sku", name="uq_order_lines_sku"),
    sa.UniqueConstraint("order_id", "place", name="uq_order_lines_place"),
)
allocations = sa.Table(
    "allocations",
    orders_metadata,
    sa.Column("line_id", sa.Uuid, sa.ForeignKey("order_lines.id"), primary_key=True),
    sa.Column("place", sa.String(100), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)
order_tags = sa.Table(
    "order_tags",
    orders_metadata,
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("language", sa.String(2), primary_key=True),
    sa.Column("weight", sa.Integer, nullable=False),
)
parcels = sa.Table(
    "parcels",
    orders_metadata,
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("carrier", sa.String(100), nullable=False),
)
remarks = sa.Table(
    "remarks",
    orders_metadata,
    sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("text", sa.String(100), nullable=False),
)
addresses = [
    sa.Table(
        f"{kind}_addresses",
        orders_metadata,
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), primary_key=True),
        sa.Column("street", sa.String(100), nullable=False),
        sa.Column("city", sa.String(100), nullable=False),
    )
    for kind in ("billing", "shipping")
]


class SqlOrders(SqlAlchemyRepository[Order, OrderId]):
    """Children of every kind; the lines have two unique constraints that a change of order or text runs into."""

    table = orders
    children: ClassVar = {
        "lines": Owned(order_lines, position="place", children={"allocations": Owned(allocations, key="place")}),
        "tags": Owned(order_tags, key=("name", "language")),
        "parcels": Owned(parcels, key="number", keyed_by="carrier"),
        "remarks": Owned(remarks, key=(), position="position"),
        "billing": Owned(addresses[0]),
        "shipping": Owned(addresses[1]),
    }


@pytest.fixture
async def owned_subject(engine: AsyncEngine, sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[OwnedSubject]:
    """An adapter for aggregates with children, for the contract about them."""
    async with engine.begin() as connection:
        await connection.run_sync(orders_metadata.create_all, checkfirst=False)
    yield OwnedSubject(partial(SqlAlchemyUnitOfWork, sessions), SqlOrders)
    async with engine.begin() as connection:  # which costs less than finding out what there is
        await connection.run_sync(orders_metadata.drop_all)
