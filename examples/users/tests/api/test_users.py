import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

Sql = Callable[[str], Awaitable[list[tuple[Any, ...]]]]
CANARY = "s3cr3t-canary"
JSON = {"content-type": "application/json"}  # json.dumps writes a lone surrogate as an escape, httpx would refuse
ADA = {"email": "ada@example.com", "name": "Ada Lovelace", "password": "correct horse"}


async def register(client: httpx.AsyncClient, **fields: str) -> dict[str, Any]:
    response = await client.post("/users", json={**ADA, **fields})
    assert response.status_code == 201, response.text
    profile: dict[str, Any] = response.json()
    return profile


def fields_at_fault(response: httpx.Response) -> list[str]:
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code
    return [error["field"] for error in response.json().get("errors", [])]


async def test_registering(client: httpx.AsyncClient) -> None:
    response = await client.post("/users", json={**ADA, "email": "Ada@Example.COM", "name": " Ada "})
    assert response.status_code == 201
    profile = response.json()
    assert profile.keys() == {"id", "email", "name", "role", "is_active", "created_at", "updated_at"}
    assert (profile["email"], profile["name"]) == ("ada@example.com", "Ada")
    assert (profile["role"], profile["is_active"]) == ("user", True)
    assert response.headers["location"] == f"/api/v1/users/{profile['id']}"
    assert (await client.get(f"/users/{profile['id']}")).json() == profile


async def test_an_address_that_is_taken_is_a_409(client: httpx.AsyncClient, sql: Sql) -> None:
    await register(client)
    response = await client.post("/users", json={**ADA, "email": "ADA@example.com"})
    assert response.status_code == 409
    assert response.json()["type"] == "urn:problem-type:users:email-taken"
    assert response.json()["detail"] == "this e-mail address is registered already"
    assert "ada@" not in response.text.lower()
    assert await sql("SELECT count(*) FROM users") == [(1,)]


async def test_of_many_who_want_one_address_at_once_one_gets_it(client: httpx.AsyncClient, sql: Sql) -> None:
    responses = await asyncio.gather(*(client.post("/users", json=ADA) for _ in range(8)))
    assert sorted(response.status_code for response in responses) == [201] + [409] * 7
    assert await sql("SELECT count(*) FROM users") == [(1,)]


async def test_activating_deactivating_and_giving_a_role(client: httpx.AsyncClient) -> None:
    user = f"/users/{(await register(client))['id']}"
    assert (await client.post(f"{user}/deactivate")).json()["is_active"] is False
    refused = await client.put(f"{user}/role", json={"role": "admin"})
    assert (refused.status_code, refused.json()["detail"]) == (422, "this user is deactivated: activate the user first")
    assert (await client.post(f"{user}/activate")).json()["is_active"] is True
    assert (await client.put(f"{user}/role", json={"role": "admin"})).json()["role"] == "admin"
    assert (await client.get(user)).json()["role"] == "admin"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("POST", "/activate"), ("POST", "/deactivate"), ("PUT", "/role")]
)
async def test_who_does_not_exist_is_a_404(client: httpx.AsyncClient, method: str, path: str) -> None:
    body = {"role": "admin"} if method == "PUT" else None
    response = await client.request(method, f"/users/{uuid4()}{path}", json=body)
    assert response.status_code == 404
    assert fields_at_fault(response) == []


async def test_pages_search_filters_and_order(client: httpx.AsyncClient) -> None:
    for name in ("Ada", "Grace", "100% Alan"):
        await register(client, name=name, email=f"{name[-4:].strip().lower()}@example.com")
    page = (await client.get("/users?per_page=2&sort=name")).json()
    assert [user["name"] for user in page["items"]] == ["100% Alan", "Ada"]
    assert {key: page[key] for key in ("total", "page", "per_page", "pages")} == {
        "total": 3,
        "page": 1,
        "per_page": 2,
        "pages": 2,
    }
    assert [user["name"] for user in (await client.get("/users")).json()["items"]] == ["100% Alan", "Grace", "Ada"]
    for query, found in [
        ("search=GRA", ["Grace"]),
        ("search=%25", ["100% Alan"]),
        ("search=_", []),
        ("search=x@example", []),
        ("search=race@example", ["Grace"]),
        ("role=admin", []),
        ("role=user&is_active=true&search=ada", ["Ada"]),
        ("is_active=false", []),
        ("page=9", []),
        ("search=%EF%BF%BD", []),
    ]:
        page = (await client.get(f"/users?{query}")).json()
        assert [user["name"] for user in page["items"]] == found, query


async def test_a_profile_is_cached_until_the_user_changes(client: httpx.AsyncClient, sql: Sql) -> None:
    user = f"/users/{(await register(client))['id']}"
    before = (await client.get(user)).json()
    await sql("UPDATE users SET name = 'Written past the service'")
    assert (await client.get(user)).json() == before
    assert (await client.post(f"{user}/deactivate")).json()["name"] == "Written past the service"
    assert (await client.get(user)).json()["name"] == "Written past the service"


async def test_a_write_that_fails_leaves_the_cache_alone(client: httpx.AsyncClient, sql: Sql) -> None:
    user = f"/users/{(await register(client))['id']}"
    await client.post(f"{user}/deactivate")
    await sql("UPDATE users SET name = 'Written past the service'")
    assert (await client.put(f"{user}/role", json={"role": "admin"})).status_code == 422
    assert (await client.get(user)).json()["name"] == "Ada Lovelace"


MEGABYTE = "x" * 1_000_000


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"email": "a@b.co\n"}, "email"),
        ({"email": "not an address"}, "email"),
        ({"email": f"{MEGABYTE}@example.com"}, "email"),
        ({"email": "a\0b@example.com"}, "email"),
        ({"email": "\ud800@example.com"}, "email"),
        ({"email": None}, "email"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": MEGABYTE}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "a\x1b[31m"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": ["Ada"]}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "é" * 37}, "password"),
        ({"password": "eight\0chars"}, "password"),
        ({"password": "\ud800eightchars"}, "password"),
        ({"password": MEGABYTE}, "password"),
        ({"password": 12345678}, "password"),
        ({"role": "admin"}, "role"),
        ({"is_active": False}, "is_active"),
        ({"id": "01890a5d-ac96-774b-bcce-b302099a8057"}, "id"),
        ({"\ud800": 1}, "body"),
    ],
    ids=lambda value: str(value)[:30].encode("ascii", "backslashreplace").decode(),
)
async def test_a_bad_field_is_named_and_nothing_is_stored(
    client: httpx.AsyncClient, sql: Sql, fields: dict[str, Any], at_fault: str
) -> None:
    response = await client.post("/users", content=json.dumps({**ADA, **fields}), headers=JSON)
    assert response.status_code == 422
    assert fields_at_fault(response) == [at_fault]
    assert len(response.content) < 2000
    assert await sql("SELECT count(*) FROM users") == [(0,)]
    assert await sql("SELECT count(*) FROM outbox") == [(0,)]


@pytest.mark.parametrize("missing", ["email", "name", "password"])
async def test_a_missing_field_is_named_and_nothing_is_stored(
    client: httpx.AsyncClient, sql: Sql, missing: str
) -> None:
    response = await client.post("/users", json={name: value for name, value in ADA.items() if name != missing})
    assert (response.status_code, fields_at_fault(response)) == (422, [missing])
    assert await sql("SELECT count(*) FROM users") == [(0,)]


@pytest.mark.parametrize(
    ("query", "at_fault"),
    [
        ("page=0", "page"),
        (f"page={10**30}", "page"),
        ("page=x", "page"),
        ("per_page=0", "per_page"),
        ("per_page=1000", "per_page"),
        ("search=", "search"),
        ("search=a%00b", "search"),
        ("search=a%0Ab", "search"),
        (f"search={'x' * 101}", "search"),
        ("role=emperor", "role"),
        ("is_active=perhaps", "is_active"),
        ("sort=password_hash", "sort"),
        ("sort=name,name", "sort"),
        ("sort=__class__", "sort"),
    ],
    ids=lambda value: value[:30],
)
async def test_a_bad_parameter_is_named(client: httpx.AsyncClient, query: str, at_fault: str) -> None:
    response = await client.get(f"/users?{query}")
    assert (response.status_code, fields_at_fault(response)) == (422, [at_fault])


@pytest.mark.parametrize("role", ["emperor", "", "ADMIN", None, 7, ["admin"], "\ud800", MEGABYTE])
async def test_an_unknown_role_is_named_and_changes_nothing(client: httpx.AsyncClient, sql: Sql, role: object) -> None:
    user = f"/users/{(await register(client))['id']}"
    response = await client.put(f"{user}/role", content=json.dumps({"role": role}), headers=JSON)
    assert (response.status_code, fields_at_fault(response)) == (422, ["role"])
    assert await sql("SELECT role, version FROM users") == [("user", 1)]


@pytest.mark.parametrize("form", ["{{{}}}", "urn:uuid:{}", "{}0", "x{}"])
async def test_an_id_in_another_form_is_refused(client: httpx.AsyncClient, form: str) -> None:
    user_id = (await register(client))["id"]
    for method, path in [("GET", ""), ("POST", "/activate"), ("POST", "/deactivate")]:
        response = await client.request(method, f"/users/{form.format(user_id)}{path}")
        assert (response.status_code, fields_at_fault(response)) == (422, ["user_id"])


async def test_a_commit_that_fails_is_a_500_without_a_word_about_the_inside(
    client: httpx.AsyncClient, sql: Sql, tmp_path: Path
) -> None:
    await sql("CREATE TABLE nobody (id INTEGER PRIMARY KEY)")
    await sql("CREATE TABLE debt (id INTEGER REFERENCES nobody (id) DEFERRABLE INITIALLY DEFERRED)")
    await sql("CREATE TRIGGER trap AFTER INSERT ON users BEGIN INSERT INTO debt VALUES (1); END")
    response = await client.post("/users", json=ADA, headers={"X-Correlation-ID": "trace-7"})
    assert response.status_code == 500
    assert response.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "correlation_id": "trace-7",
    }
    assert await sql("SELECT count(*) FROM users") == [(0,)]
    assert await sql("SELECT count(*) FROM outbox") == [(0,)]
    await sql("DROP TRIGGER trap")
    await register(client)
    await mails_arrive(tmp_path, 1)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so. A file and a row in a database tell nobody when they come and go."""
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


async def mails_arrive(folder: Path, number: int) -> list[Path]:
    def mails() -> list[Path]:
        return sorted((folder / "mails").glob("*.eml"))

    async def enough() -> bool:
        return len(mails()) >= number

    await eventually(enough)
    return mails()


async def test_whoever_registers_gets_one_welcome(client: httpx.AsyncClient, sql: Sql, tmp_path: Path) -> None:
    async def drained() -> bool:
        return await sql("SELECT count(*) FROM outbox") == [(0,)]

    for number in range(3):
        await register(client, email=f"user{number}@example.com")
    text = "".join(mail.read_text() for mail in await mails_arrive(tmp_path, 3))
    assert all(f"To: user{number}@example.com" in text for number in range(3))
    await eventually(drained)
    assert await sql("SELECT consumer, count(*) FROM inbox GROUP BY consumer") == [("welcome-mail", 3)]
    assert len(await mails_arrive(tmp_path, 3)) == 3


async def test_a_password_appears_nowhere(
    client: httpx.AsyncClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        responses = [
            await client.post("/users", json={**ADA, "password": CANARY}),
            await client.post("/users", json={**ADA, "password": CANARY}),
            await client.post("/users", json={**ADA, "password": CANARY, "email": "x"}),
            await client.post("/users", json={**ADA, "password": CANARY * 10}),
            await client.post("/users", json={**ADA, "password": f"{CANARY}\0"}),
            await client.post("/users", json={**ADA, "password": [CANARY]}),
            await client.post("/users", json={**ADA, "password": {"is": CANARY}}),
            await client.post("/users", json=[{**ADA, "password": CANARY}]),
            await client.post("/users", content=f'{{"password": "{CANARY}"', headers=JSON),
        ]
    assert [response.status_code for response in responses] == [201, 409] + [422] * 7
    assert [response.text for response in responses if CANARY in response.text] == []
    assert CANARY not in caplog.text
    assert [record for record in caplog.records if CANARY in repr(vars(record))] == []
    assert files_with(CANARY.encode(), tmp_path) == []


def files_with(secret: bytes, folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert folder / "users.db" in files
    return [path for path in files if secret in path.read_bytes()]


async def test_each_request_is_logged_without_its_data(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="users"):
        user_id = (await register(client))["id"]
        await client.get(f"/users/{user_id}")
        await client.get("/users?search=ada")
        await client.get("/nowhere?token=abc")
    lines = [record.getMessage().rpartition(" ")[0].rpartition(" ")[0] for record in caplog.records]
    assert lines == [
        "POST /api/v1/users 201",
        "GET /api/v1/users/{user_id} 200",
        "GET /api/v1/users 200",
        "GET (no route) 404",
    ]


async def test_the_interface_describes_its_problems(client: httpx.AsyncClient) -> None:
    document = (await client.get("http://test/openapi.json")).json()
    paths = document["paths"]
    assert paths.keys() == {
        "/api/v1/users",
        "/api/v1/users/{user_id}",
        "/api/v1/users/{user_id}/activate",
        "/api/v1/users/{user_id}/deactivate",
        "/api/v1/users/{user_id}/role",
    }
    assert paths["/api/v1/users"]["post"]["responses"].keys() == {"201", "409", "422", "500"}
    assert paths["/api/v1/users/{user_id}"]["get"]["responses"].keys() == {"200", "404", "422", "500"}
    parameters = {one["name"]: one["schema"] for one in paths["/api/v1/users"]["get"]["parameters"]}
    assert (parameters["per_page"]["minimum"], parameters["per_page"]["maximum"]) == (1, 100)
    password = document["components"]["schemas"]["NewUser"]["properties"]["password"]
    assert (password["format"], password["writeOnly"]) == ("password", True)
