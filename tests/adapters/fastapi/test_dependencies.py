import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from starlette.types import Message, Scope

from cleanarch_kit.adapters.fastapi import CursorDep, PageDep, cursor_query, install, page_query, unit_of_work
from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork, UniqueKeys
from cleanarch_kit.application import CursorRequest, PageRequest
from cleanarch_kit.domain import AggregateRoot, EntityId
from cleanarch_kit.errors import ConcurrencyError

Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


class SmallPage(PageRequest):
    max_page: ClassVar[int] = 3
    max_per_page: ClassVar[int] = 25


class SmallCursor(CursorRequest):
    max_size: ClassVar[int] = 25


@pytest.fixture
def pages() -> FastAPI:
    app = FastAPI()
    install(app)

    @app.get("/pages")
    async def pages(page: PageDep) -> dict[str, Any]:
        return asdict(page)

    @app.get("/small")
    async def small(page: Annotated[PageRequest, Depends(page_query(SmallPage))]) -> str:
        return type(page).__name__

    @app.get("/cursors")
    async def cursors(cursor: CursorDep) -> dict[str, Any]:
        return asdict(cursor)

    @app.get("/small-cursors")
    async def small_cursors(cursor: Annotated[CursorRequest, Depends(cursor_query(SmallCursor))]) -> str:
        return type(cursor).__name__

    return app


@pytest.mark.parametrize(
    ("query", "request_"),
    [
        ("", {"page": 1, "per_page": 20}),
        ("page=7", {"page": 7, "per_page": 20}),
        ("page=10000000&per_page=100", {"page": 10_000_000, "per_page": 100}),
    ],
)
async def test_a_page_is_read_from_the_query(
    connect: Connect, pages: FastAPI, query: str, request_: dict[str, int]
) -> None:
    async with connect(pages) as client:
        assert (await client.get(f"/pages?{query}")).json() == request_


BAD_NUMBERS = [
    "0",
    "-1",
    f"{10**30}",
    "9" * 5000,
    "1_0",
    "%EF%BC%91",
    "1.0",
    "1e3",
    "%2B1",
    "%201",
    "",
    "NaN",
    "true",
    "1%0A",
]


@pytest.mark.parametrize("number", BAD_NUMBERS, ids=lambda number: number[:12] or "empty")
@pytest.mark.parametrize(("path", "field"), [("/pages", "page"), ("/pages", "per_page"), ("/cursors", "size")])
async def test_a_number_out_of_bounds_or_in_disguise_is_refused_by_its_name(
    connect: Connect, pages: FastAPI, path: str, field: str, number: str
) -> None:
    async with connect(pages) as client:
        response = await client.get(f"{path}?{field}={number}")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("/pages?per_page=1000", "per_page"),
        ("/pages?per_page=101", "per_page"),
        ("/small?per_page=26", "per_page"),
        ("/small?page=4", "page"),
        ("/cursors?size=101", "size"),
        ("/small-cursors?size=26", "size"),
        ("/cursors?after=a&before=b", "cursor"),
    ],
)
async def test_the_bounds_are_those_of_the_class(connect: Connect, pages: FastAPI, url: str, field: str) -> None:
    async with connect(pages) as client:
        response = await client.get(url)
        assert response.status_code == 422
        assert [error["field"] for error in response.json()["errors"]] == [field]
        assert (await client.get("/small?page=3&per_page=25")).json() == "SmallPage"
        assert (await client.get("/small-cursors?size=25")).json() == "SmallCursor"


async def test_a_cursor_is_read_from_the_query(connect: Connect, pages: FastAPI) -> None:
    async with connect(pages) as client:
        assert (await client.get("/cursors")).json() == {"size": 20, "after": None, "before": None}
        assert (await client.get("/cursors?size=3&after=abc")).json() == {"size": 3, "after": "abc", "before": None}
        assert (await client.get("/cursors?before=abc")).json() == {"size": 20, "after": None, "before": "abc"}


def test_openapi_shows_the_bounds(pages: FastAPI) -> None:
    parameters = {one["name"]: one["schema"] for one in pages.openapi()["paths"]["/small"]["get"]["parameters"]}
    assert (parameters["page"]["minimum"], parameters["page"]["maximum"]) == (1, 3)
    assert (parameters["per_page"]["minimum"], parameters["per_page"]["maximum"]) == (1, 25)
    assert parameters["page"]["type"] == "integer"


class Unit:
    """A unit of work that writes its diary."""

    def __init__(self, diary: list[str], commit_error: Exception | None) -> None:
        self._diary = diary
        self._commit_error = commit_error

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Unit"]:
        self._diary.append("begin")
        try:
            yield self
        except BaseException:
            self._diary.append("rollback")
            raise
        await asyncio.sleep(0)
        if self._commit_error is not None:
            self._diary.append("commit failed")
            raise self._commit_error
        self._diary.append("commit")


def app_with_unit(diary: list[str], commit_error: Exception | None = None) -> FastAPI:
    app = FastAPI()
    install(app)

    def open_unit(_: Request) -> AbstractAsyncContextManager[Unit]:
        return Unit(diary, commit_error).open()

    unit_dep = unit_of_work(open_unit)

    def repository(unit: Annotated[Unit, unit_dep]) -> Unit:
        return unit

    @app.post("/", status_code=201)
    async def create(
        unit: Annotated[Unit, unit_dep], same: Annotated[Unit, Depends(repository)], background_tasks: BackgroundTasks
    ) -> bool:
        background_tasks.add_task(diary.append, "background task")
        diary.append("handle")
        return unit is same

    @app.post("/failing", status_code=201)
    async def failing(unit: Annotated[Unit, unit_dep]) -> None:
        raise RuntimeError("boom")

    @app.post("/mistyped", status_code=201, response_model=int)
    async def mistyped(unit: Annotated[Unit, unit_dep]) -> str:
        return "not a number"

    return app


async def send_request(app: FastAPI, diary: list[str], path: str = "/") -> int:
    """Call the application as a server does, and note in the diary when the response starts."""
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            diary.append(f"send {status}")

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return status


async def test_the_commit_happens_before_the_response_is_sent() -> None:
    diary: list[str] = []
    assert await send_request(app_with_unit(diary), diary) == 201
    assert diary == ["begin", "handle", "commit", "send 201", "background task"]


async def test_a_commit_that_fails_is_a_500_and_not_a_201() -> None:
    diary: list[str] = []
    with pytest.raises(RuntimeError, match="disk on fire"):
        await send_request(app_with_unit(diary, RuntimeError("disk on fire")), diary)
    assert diary == ["begin", "handle", "commit failed", "send 500"]


async def test_a_commit_that_is_refused_is_answered_by_the_map() -> None:
    diary: list[str] = []
    assert await send_request(app_with_unit(diary, ConcurrencyError("Order", 7, 1)), diary) == 409
    assert diary == ["begin", "handle", "commit failed", "send 409"]


@pytest.mark.parametrize("path", ["/failing", "/mistyped"])
async def test_an_error_rolls_back_before_it_is_answered(path: str) -> None:
    diary: list[str] = []
    with pytest.raises(Exception, match=r"boom|validation error"):
        await send_request(app_with_unit(diary), diary, path)
    assert diary == ["begin", "rollback", "send 500"]


class NoteId(EntityId):
    pass


@dataclass(kw_only=True)
class Note(AggregateRoot[NoteId]):
    text: str


class Notes(InMemoryRepository[Note, NoteId]):
    unique: UniqueKeys[Note] = {"uq_notes_text": lambda note: note.text}


async def test_what_a_store_refuses_at_the_commit_is_answered_as_a_refusal(connect: Connect) -> None:
    app, store = FastAPI(), InMemoryStore()
    install(app)
    unit_dep = unit_of_work(lambda _: InMemoryUnitOfWork(store))

    @app.post("/notes", status_code=201)
    async def post(unit: Annotated[InMemoryUnitOfWork, unit_dep], text: str) -> str:
        await Notes(unit).add(Note(id=NoteId.new(), text=text))
        return text

    async with connect(app) as client:
        assert (await client.post("/notes?text=one")).status_code == 201
        response = await client.post("/notes?text=one")
    assert (response.status_code, response.json()["title"]) == (409, "Exists already")
    async with InMemoryUnitOfWork(store, read_only=True) as unit:
        assert [note.text for note in await Notes(unit).list()] == ["one"]


async def test_all_dependencies_of_a_request_share_the_unit(connect: Connect) -> None:
    async with connect(app_with_unit([])) as client:
        assert (await client.post("/")).json() is True
