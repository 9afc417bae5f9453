"""What every test may ask for: the URL of a real server, and names that belong to this run alone.

A server is found by its variable (``CLEANARCH_TEST_POSTGRESQL_URL`` and so on) or on its standard loopback port.
One that is absent there is a skip, told again in one line at the end of the run; with
``CLEANARCH_REQUIRE_SERVICES=1``, or where the variable names it, it is a failure. An empty variable leaves the server
out on purpose. PostgreSQL and MariaDB lend a database that is made for this run (for each worker of pytest-xdist, its
own) and dropped at its end, whatever happened in between.
"""

import asyncio
import os
import re
import secrets
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest

SKIP_PREFIX = "needs the server "


@dataclass(frozen=True, slots=True)
class Server:
    """A server that tests may use, where it is by default, and the drivers that can talk to it."""

    name: str
    variable: str
    default_url: str
    default_port: int
    drivers: tuple[str, ...] = ()


POSTGRESQL = Server(
    "PostgreSQL",
    "CLEANARCH_TEST_POSTGRESQL_URL",
    "postgresql://postgres@127.0.0.1:5432/test",
    5432,
    ("asyncpg", "psycopg"),
)
MARIADB = Server(
    "MariaDB", "CLEANARCH_TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/test", 3306, ("asyncmy", "aiomysql")
)
REDIS = Server("Redis", "CLEANARCH_TEST_REDIS_URL", "redis://127.0.0.1:6379/0", 6379)
RABBITMQ = Server("RabbitMQ", "CLEANARCH_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/", 5672)
NATS = Server("NATS", "CLEANARCH_TEST_NATS_URL", "nats://127.0.0.1:4222", 4222)


def absent(server: Server, why: str, *, required: bool = False) -> NoReturn:
    """Skip the test, or fail it where servers are required."""
    message = f"{SKIP_PREFIX}{server.name}: {why}"
    if required or os.environ.get("CLEANARCH_REQUIRE_SERVICES") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def find(server: Server) -> str:
    """The server's URL, once something answers there."""
    url = os.environ.get(server.variable, server.default_url)
    if not url:
        absent(server, f"left out by an empty {server.variable}")
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or server.default_port
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        absent(
            server,
            f"nothing answers at {host}:{port}; `make services` starts it",
            required=server.variable in os.environ,
        )
    return url


async def run_statement(url: str, statement: str) -> None:
    """Run one statement outside any transaction, as CREATE DATABASE wants it."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()


def in_thread(work: Coroutine[object, object, None]) -> None:
    """Run it on an event loop of its own, so that the loop of no test is touched."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, work).result()


def lend_database(server: Server, *, create: str, drop: str) -> Iterator[str]:
    """A database of this run's own: its URL names no driver."""
    base = urlsplit(find(server))
    driver = next((name for name in server.drivers if find_spec(name)), None)
    if driver is None:
        absent(server, f"no driver is installed, one of: {', '.join(server.drivers)}")
    scheme = base.scheme.partition("+")[0]
    admin = base._replace(scheme=f"{scheme}+{driver}").geturl()
    name = f"clean_{secrets.token_hex(4)}"
    try:
        in_thread(run_statement(admin, create.format(name=name)))
    except Exception as error:
        absent(server, f"it does not let us in ({type(error).__name__})", required=server.variable in os.environ)
    try:
        yield base._replace(scheme=scheme, path=f"/{name}").geturl()
    finally:
        in_thread(run_statement(admin, drop.format(name=name)))


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """``postgresql://...`` naming a new database; put the driver in with ``replace``."""
    yield from lend_database(POSTGRESQL, create='CREATE DATABASE "{name}"', drop='DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """``mysql://...`` naming a new database; put the driver in with ``replace``."""
    yield from lend_database(
        MARIADB, create="CREATE DATABASE `{name}` CHARACTER SET utf8mb4", drop="DROP DATABASE `{name}`"
    )


@pytest.fixture(scope="session")
def redis_url() -> str:
    """URL of a Redis that others may use too: write only under `redis_prefix`."""
    return find(REDIS)


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """URL of a RabbitMQ that others may use too: declare only what starts with `unique_name`, and delete it."""
    return find(RABBITMQ)


@pytest.fixture(scope="session")
def nats_url() -> str:
    """URL of a NATS server that others may use too: use only subjects that start with `unique_name`."""
    return find(NATS)


@pytest.fixture
def unique_name() -> str:
    """A name for a queue, stream, subject or namespace that no other test uses."""
    return f"clean-{secrets.token_hex(6)}"


@pytest.fixture
async def redis_prefix(redis_url: str, unique_name: str) -> AsyncIterator[str]:
    """A key prefix of this test's own; every key under it is removed afterwards."""
    prefix = f"{unique_name}:"
    yield prefix
    redis = import_module("redis.asyncio")  # as a value: its type hints are not complete enough for a strict checker
    async with redis.Redis.from_url(redis_url) as client:
        async for key in client.scan_iter(match=f"{prefix}*", count=1000):
            await client.unlink(key)


@pytest.fixture
def python_calls() -> Callable[[Callable[[], Coroutine[Any, Any, object]]], list[str]]:
    """Names of the Python functions that awaiting something calls; a coroutine counts each time it is resumed."""

    def calls_of(work: Callable[[], Coroutine[Any, Any, object]]) -> list[str]:
        calls: list[str] = []

        def note(frame: FrameType, event: str, argument: object) -> None:
            if event == "call":
                calls.append(frame.f_code.co_name)

        async def run() -> None:
            coroutine = work()
            sys.setprofile(note)
            try:
                await coroutine
            finally:
                sys.setprofile(None)

        with pytest.raises(StopIteration):
            run().send(None)
        return calls

    return calls_of


@cache
def skips_in_the_docs() -> frozenset[tuple[str, str]]:
    """The skips that the report in docs/contracts.md shows: the test of a contract, and the heading of the adapter."""
    found: set[tuple[str, str]] = set()
    heads: list[str] = []
    for line in (Path(__file__).parents[1] / "docs" / "contracts.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        heads = cells if cells[:1] == ["item"] else heads
        found.update((cells[0].strip("`"), head) for head, cell in zip(heads, cells, strict=False) if "skipped" in cell)
    return frozenset(found)


def hold_to_the_docs(report: pytest.TestReport, test: str, adapter: str) -> None:
    """Let a contract test fail that was skipped and does not stand in the report."""
    place = report.longrepr[0] if isinstance(report.longrepr, tuple) else ""
    if not report.skipped or "/testing/contracts/" not in place:
        return
    if not any(name == test and adapter in head.lower() for name, head in skips_in_the_docs()):
        report.outcome = "failed"
        report.longrepr = f"{test} of a contract is skipped on {adapter}, and docs/contracts.md does not say so"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Every report of a contract test is held to the docs."""
    report = yield
    if isinstance(item, pytest.Function):
        parameters: dict[str, object] = item.callspec.params if hasattr(item, "callspec") else {}
        adapter = parameters.get("database", item.path.parent.name)
        hold_to_the_docs(report, item.originalname, str(adapter))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each server that was missed, so that a green run never hides what did not run."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        _, server, reason = str(report.longrepr).partition(SKIP_PREFIX)
        if server:
            reasons[re.sub(r"['\"][)\]]$", "", reason)] += 1  # the end of a tuple's text
    if reasons:
        terminalreporter.section("servers that were not there", yellow=True)
        for reason, count in sorted(reasons.items()):
            terminalreporter.line(f"{count} skipped: {reason}")
