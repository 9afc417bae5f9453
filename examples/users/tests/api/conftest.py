import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from users.main import create_app
from users.shared.config import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        database_url=f"sqlite+aiosqlite:///{tmp_path / 'users.db'}", mail_folder=tmp_path / "mails", password_rounds=4
    )


@pytest.fixture
async def client(settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    """A client to the whole service, which runs with its lifespan: nothing in it is replaced."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client,
    ):
        yield client


@pytest.fixture
def sql(tmp_path: Path) -> Callable[[str], Awaitable[list[tuple[Any, ...]]]]:
    """Talks to the database past the service, in a thread: the service may hold the lock that it waits for."""

    def run(statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(tmp_path / "users.db", timeout=10)) as connection, connection:
            return connection.execute(statement).fetchall()

    async def run_in_thread(statement: str) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(run, statement)

    return run_in_thread
