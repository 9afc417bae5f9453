"""The users service on the databases that it would have in production; its own tests run it on SQLite."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

from users.main import create_app
from users.shared.config import Settings

ADA = {"email": "ada@example.com", "name": "Ada Lovelace", "password": "correct horse"}
JSON = {"content-type": "application/json"}


@pytest.fixture(params=["postgresql+asyncpg", "postgresql+psycopg", "mysql+asyncmy"])
def database_url(request: pytest.FixtureRequest) -> str:
    driver: str = request.param
    server = driver.partition("+")[0]
    url: str = request.getfixturevalue("mariadb_url" if server == "mysql" else "postgresql_url")
    return url.replace(f"{server}://", f"{driver}://", 1)


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    from cleanarch_kit.adapters.sqlalchemy import create_async_engine
    from users.infrastructure.database.tables import metadata

    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
    await engine.dispose()
    app = create_app(Settings(database_url=database_url, mail_folder=tmp_path / "mails", password_rounds=4))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client,
    ):
        yield client


async def register(client: httpx.AsyncClient, **fields: str) -> dict[str, Any]:
    response = await client.post("/users", json={**ADA, **fields})
    assert response.status_code == 201, response.text
    profile: dict[str, Any] = response.json()
    return profile


async def names(client: httpx.AsyncClient, query: str) -> list[str]:
    response = await client.get(f"/users?{query}")
    assert response.status_code == 200, response.text
    return [user["name"] for user in response.json()["items"]]


async def test_of_many_who_want_one_address_at_once_one_gets_it(client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(
        *(client.post("/users", json={**ADA, "email": "ADA@example.com"}) for _ in range(8))
    )
    assert sorted(response.status_code for response in responses) == [201] + [409] * 7
    assert (await client.get("/users")).json()["total"] == 1


async def test_a_user_is_changed_found_and_welcomed(client: httpx.AsyncClient, tmp_path: Path) -> None:
    ada = await register(client)
    for number, name in enumerate(["Grace", "100% Alan", "Zoë"]):
        await register(client, name=name, email=f"user{number}@example.com")
    assert await names(client, "per_page=2&page=2&sort=name") == ["Grace", "Zoë"]
    assert await names(client, "search=LOVE") == ["Ada Lovelace"]
    assert await names(client, "search=%25") == ["100% Alan"]
    assert await names(client, "search=user1@") == ["100% Alan"]
    assert (await client.post(f"/users/{ada['id']}/deactivate")).json()["is_active"] is False
    assert await names(client, "is_active=false") == ["Ada Lovelace"]
    assert (await client.post(f"/users/{ada['id']}/activate")).json()["is_active"] is True
    changed = (await client.put(f"/users/{ada['id']}/role", json={"role": "admin"})).json()
    assert changed == {**ada, "role": "admin", "updated_at": changed["updated_at"]}
    assert (await client.get(f"/users/{ada['id']}")).json() == changed
    async with asyncio.timeout(30):
        while len(list((tmp_path / "mails").glob("*.eml"))) < 4:
            await asyncio.sleep(0.01)


async def test_writers_of_one_user_wait_for_each_other(client: httpx.AsyncClient) -> None:
    ada = await register(client)
    roles = ["admin", "moderator", "user", "admin"]
    responses = await asyncio.gather(*(client.put(f"/users/{ada['id']}/role", json={"role": role}) for role in roles))
    assert {response.status_code for response in responses} <= {200, 409}
    assert (await client.get(f"/users/{ada['id']}")).json()["role"] in roles


async def test_what_a_database_could_not_store_never_gets_there(client: httpx.AsyncClient) -> None:
    for field, value in [
        ("name", "a\0b"),
        ("name", "\ud800"),
        ("name", "x" * 1_000_000),
        ("email", "a\0b@example.com"),
    ]:
        response = await client.post("/users", content=json.dumps({**ADA, field: value}), headers=JSON)
        assert response.status_code == 422
        assert [error["field"] for error in response.json()["errors"]] == [field]
    for query in ("search=a%00b", f"page={10**30}", "page=0"):
        assert (await client.get(f"/users?{query}")).status_code == 422
    assert (await client.get("/users")).json()["total"] == 0
