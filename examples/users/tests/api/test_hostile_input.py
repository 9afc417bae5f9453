"""Whatever is sent, the answer is a right one or a problem of the client's making, and never a 5xx."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from users.main import create_app
from users.shared.config import Settings

Send = Callable[..., httpx.Response]

text = st.text(st.characters(exclude_categories=[]), max_size=40)  # lone surrogates and NUL among them
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=6)
email = text | st.sampled_from(["a@b.co\n", "ada@example.com", "ADA@example.com", "a@xn--0.com", '"a b"@example.com'])
new_user = st.fixed_dictionaries(
    {"email": email | anything, "name": text | anything, "password": text | anything},
    optional={"role": anything, "version": anything},
)
number = st.integers() | st.sampled_from([0, -1, 10**30, 2**31, 2**63]) | text
# Without health checks and deadlines: the machine may be busy, and the fixture is one for all examples.
relaxed = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@asynccontextmanager
async def service(folder: Path) -> AsyncGenerator[httpx.AsyncClient]:
    app = create_app(
        Settings(
            database_url=f"sqlite+aiosqlite:///{folder / 'users.db'}", mail_folder=folder / "mails", password_rounds=4
        )
    )
    transport = httpx.ASGITransport(app)  # raises what is not answered as a problem of the client's making
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client,
    ):
        yield client


@pytest.fixture(scope="module")
def send(tmp_path_factory: pytest.TempPathFactory) -> Generator[Send]:
    """Sends a request to a service that runs on an event loop of its own, and checks the form of the answer."""
    with asyncio.Runner() as runner:
        running = service(tmp_path_factory.mktemp("hostile"))
        client = runner.run(running.__aenter__())

        def request(method: str, path: str, content: str | None = None) -> httpx.Response:
            headers = {} if content is None else {"content-type": "application/json"}
            sending: Coroutine[Any, Any, httpx.Response] = client.request(
                method, path, content=content, headers=headers
            )
            response = runner.run(sending)
            assert response.status_code < 500
            problem = response.headers.get("content-type") == "application/problem+json"
            assert problem == (response.status_code >= 400)
            assert not problem or response.json()["status"] == response.status_code
            return response

        yield request
        runner.run(running.__aexit__(None, None, None))


@relaxed
@example({"email": "\ud800", "name": "\0", "password": "x" * 100})
@given(new_user | anything)
def test_any_body_is_taken_or_refused(send: Send, body: object) -> None:
    response = send("POST", "/users", json.dumps(body))
    assert response.status_code in {201, 409, 422}
    if response.status_code == 422:
        assert response.json()["errors"] != []


@relaxed
@given(page=number, per_page=number, search=text, sort=text, role=text, is_active=text)
def test_any_query_is_taken_or_refused(send: Send, **query: object) -> None:
    parameters = "&".join(f"{name}={quote(str(value), errors='surrogatepass')}" for name, value in query.items())
    response = send("GET", f"/users?{parameters}")
    assert response.status_code in {200, 422}


@relaxed
@given(text, st.sampled_from(["", "/activate", "/deactivate"]))
def test_any_id_is_found_or_refused(send: Send, user_id: str, path: str) -> None:
    response = send("POST" if path else "GET", f"/users/{quote(user_id, safe='', errors='surrogatepass')}{path}")
    assert response.status_code in {200, 404, 405, 422, 307}


@relaxed
@given(anything)
def test_any_role_is_taken_or_refused(send: Send, role: object) -> None:
    assert send("PUT", f"/users/{uuid4()}/role", json.dumps({"role": role})).status_code in {404, 422}
