import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.types import Message, Scope

from cleanarch_kit.adapters.fastapi import CORRELATION_HEADER, get_bus, install
from cleanarch_kit.application import Command, MessageBus, Resolve, current_context, handles, provide
from cleanarch_kit.errors import DefinitionError, DependencyError, NotFoundError

Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


class Greeting:
    """A dependency of the handler."""


@dataclass(frozen=True, slots=True)
class Greet(Command[str]):
    name: str


@handles(Greet)
async def greet(command: Greet, *, greeting: Greeting) -> str:
    if not command.name:
        raise NotFoundError("Person", 0)
    context = current_context()
    return f"{command.name} {context.correlation_id if context else '-'}"


def bus_with(diary: list[str], *, complete: bool = True) -> MessageBus:
    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        diary.append("scope")
        try:
            yield provide({Greeting: Greeting} if complete else {})
        finally:
            diary.append("commit")

    return MessageBus([greet], scope=scope)


router = APIRouter()


@router.get("/greet")
async def greet_route(bus: Annotated[MessageBus, Depends(get_bus)], name: str = "") -> str:
    return await bus.execute(Greet(name))


async def test_the_bus_is_verified_before_the_first_request_and_used_by_it(connect: Connect) -> None:
    diary: list[str] = []
    app = FastAPI()
    install(app, bus=bus_with(diary))
    app.include_router(router)
    async with connect(app) as client:
        assert diary == ["scope", "commit"]
        response = await client.get("/greet?name=Ada", headers={CORRELATION_HEADER: "trace-7"})
    assert response.json() == "Ada trace-7"
    assert diary == ["scope", "commit"] * 2


async def test_the_scope_is_left_before_the_response_is_sent() -> None:
    diary: list[str] = []
    app = FastAPI()
    install(app, bus=bus_with(diary))
    app.include_router(router)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        diary.append("send")

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/greet",
        "query_string": b"name=Ada",
        "headers": [],
        "root_path": "",
    }
    await app(scope, receive, send)
    assert diary[:3] == ["scope", "commit", "send"]


async def test_a_handlers_error_is_answered_by_the_map(connect: Connect) -> None:
    app = FastAPI()
    install(app, bus=bus_with([]))
    app.include_router(router)
    async with connect(app) as client:
        assert (await client.get("/greet")).status_code == 404


async def test_a_bus_that_lacks_something_keeps_the_application_from_starting(connect: Connect) -> None:
    app = FastAPI()
    install(app, bus=bus_with([], complete=False))
    with pytest.raises(ExceptionGroup) as raised:
        async with connect(app):
            pass
    assert raised.group_contains(DependencyError)


async def test_without_a_bus_the_dependency_says_so(connect: Connect) -> None:
    app = FastAPI()
    install(app)
    app.include_router(router)
    async with connect(app) as client:
        with pytest.raises(DefinitionError) as raised:
            await client.get("/greet?name=Ada")
    assert str(raised.value) == "this application has no bus: give it one with install(app, bus=...)"


async def test_a_test_may_give_another_bus(connect: Connect) -> None:
    app = FastAPI()
    install(app)
    app.include_router(router)
    app.dependency_overrides[get_bus] = lambda: bus_with([])
    async with connect(app) as client:
        assert (await client.get("/greet?name=Ada")).status_code == 200


class Service:
    def __init__(self, diary: list[str]) -> None:
        self.started = asyncio.Event()
        self._diary = diary

    async def run(self) -> None:
        self._diary.append("service runs")
        self.started.set()

    def stop(self) -> None:
        self._diary.append("service stops")


async def test_services_run_inside_the_applications_own_lifespan(connect: Connect) -> None:
    diary: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        diary.append("engine opens")
        yield
        diary.append("engine closes")

    app, service = FastAPI(lifespan=lifespan), Service(diary)
    install(app, bus=bus_with(diary), background=[service])
    async with connect(app):
        await asyncio.wait_for(service.started.wait(), 5)
    assert diary == ["engine opens", "scope", "commit", "service runs", "service stops", "engine closes"]
