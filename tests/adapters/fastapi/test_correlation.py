import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.types import Message, Receive, Scope, Send

from cleanarch_kit.adapters.fastapi import CORRELATION_HEADER, CorrelationMiddleware, correlation_id_of
from cleanarch_kit.application import current_context

Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(CorrelationMiddleware)

    @app.get("/")
    async def seen(request: Request) -> list[str]:
        await asyncio.sleep(0)
        context = current_context()
        assert context is not None
        return [context.correlation_id, correlation_id_of(request.scope)]

    return app


async def test_a_clients_id_goes_to_the_context_and_back(connect: Connect, app: FastAPI) -> None:
    async with connect(app) as client:
        response = await client.get("/", headers={CORRELATION_HEADER: "trace-7:a.b_c"})
    assert response.json() == ["trace-7:a.b_c", "trace-7:a.b_c"]
    assert response.headers[CORRELATION_HEADER] == "trace-7:a.b_c"


@pytest.mark.parametrize(
    "given",
    [[], [""], ["x" * 65], ["a b"], ['"><script>'], ["a%0d%0aERROR forged"], ["é"], ["one", "two"]],
    ids=["none", "empty", "long", "space", "markup", "escaped", "not ASCII", "twice"],
)
async def test_anything_else_is_replaced(connect: Connect, app: FastAPI, given: list[str]) -> None:
    headers = [(CORRELATION_HEADER.encode(), one.encode()) for one in given]
    async with connect(app) as client:
        response = await client.get("/", headers=headers)
    context_id, scope_id = response.json()
    assert context_id == scope_id == response.headers[CORRELATION_HEADER]
    assert UUID(scope_id).version == 7


async def test_requests_at_the_same_time_keep_their_ids_apart(connect: Connect, app: FastAPI) -> None:
    async with connect(app) as client:
        responses = await asyncio.gather(
            *(client.get("/", headers={CORRELATION_HEADER: f"trace-{n}"}) for n in range(100))
        )
    assert [response.json()[0] for response in responses] == [f"trace-{n}" for n in range(100)]
    assert current_context() is None


async def test_the_header_may_have_another_name(connect: Connect) -> None:
    app = FastAPI()
    app.add_middleware(CorrelationMiddleware, header="X-Request-ID")
    async with connect(app) as client:
        response = await client.get("/", headers={"X-Request-ID": "trace-7"})
    assert response.headers["X-Request-ID"] == "trace-7"


async def test_only_requests_and_web_sockets_have_one() -> None:
    seen: list[tuple[str, bool]] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["type"], current_context() is not None))
        await send({"type": "websocket.accept"})

    async def receive() -> Message:
        raise AssertionError("nothing is received")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    middleware = CorrelationMiddleware(inner)
    await middleware({"type": "lifespan"}, receive, send)
    await middleware({"type": "websocket", "headers": []}, receive, send)
    assert seen == [("lifespan", False), ("websocket", True)]
    assert sent == [{"type": "websocket.accept"}] * 2


def test_a_request_outside_the_middleware_gets_an_id_too() -> None:
    scope: Scope = {"type": "http"}
    assert correlation_id_of(scope) == correlation_id_of(scope)
    assert UUID(correlation_id_of(scope)).version == 7
