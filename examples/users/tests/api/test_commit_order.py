from collections.abc import Generator

import pytest
from sqlalchemy import Connection, Engine, event
from starlette.types import Message, Scope

from users.main import create_app
from users.shared.config import Settings

BODY = b'{"email": "ada@example.com", "name": "Ada", "password": "correct horse"}'


@pytest.fixture
def diary() -> Generator[list[str]]:
    """When a user is inserted, and when the transaction that inserted one is committed."""
    entries: list[str] = []
    writers: list[Connection] = []

    def executing(connection: Connection, _: object, statement: str, *__: object) -> None:
        if statement.startswith("INSERT INTO users"):
            entries.append("insert")
            writers.append(connection)

    def committing(connection: Connection) -> None:
        if connection in writers:
            entries.append("commit")

    event.listen(Engine, "before_cursor_execute", executing)
    event.listen(Engine, "commit", committing)
    yield entries
    event.remove(Engine, "before_cursor_execute", executing)
    event.remove(Engine, "commit", committing)


async def test_the_database_has_committed_when_the_response_starts(settings: Settings, diary: list[str]) -> None:
    app = create_app(settings)
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/users",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())],
        "server": ("test", 80),
        "client": ("test", 1),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            diary.append(f"send {message['status']}")

    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    assert diary == ["insert", "commit", "send 201"]
