import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import httpx
import pytest
from fastapi import Body, FastAPI, HTTPException, Path
from fastapi.exceptions import ResponseValidationError
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.types import Message, Scope

from cleanarch_kit.adapters.fastapi import CORRELATION_HEADER, DEFAULT_PROBLEMS, Problem, install
from cleanarch_kit.domain import EntityId
from cleanarch_kit.errors import (
    AccessDeniedError,
    CleanArchError,
    CommitOutcomeUnknownError,
    ConcurrencyError,
    CorruptRowError,
    CurrencyMismatchError,
    DependencyError,
    DomainError,
    DuplicateError,
    EventEncodingError,
    ForeignKeyError,
    HandlerNotFoundError,
    HandlerTimeoutError,
    IdempotencyConflictError,
    InputError,
    InvalidCursorError,
    InvalidPageError,
    InvalidSortError,
    InvalidValueError,
    NotFoundError,
    StorageError,
    StorageFullError,
    TransientError,
    UnitOfWorkStateError,
)

Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
ErrorT = TypeVar("ErrorT", bound=Exception)
CANARY = "s3cr3t-canary"


class OrderId(EntityId):
    pass


class SoldOutError(DomainError):
    def __str__(self) -> str:
        return "nothing left"


class VerySoldOutError(SoldOutError):
    pass


class ForbiddenError(Exception):
    pass


def failing_app(error: Exception, problems: Mapping[type[ErrorT], Problem] | None = None) -> FastAPI:
    app = FastAPI()
    install(app, problems=problems)

    @app.get("/")
    async def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "status", "title", "detail"),
    [
        (InputError("too much"), 422, "Input not acceptable", "too much"),
        (InvalidValueError("Email", "must have an @"), 422, "Input not acceptable", "Email must have an @"),
        (InvalidPageError("page", "must be 1"), 422, "Input not acceptable", "page must be 1"),
        (InvalidCursorError("torn"), 422, "Input not acceptable", "invalid cursor: torn; start again without a cursor"),
        (InvalidSortError(("name",)), 422, "Input not acceptable", "unknown sort field; use one of: name"),
        (CurrencyMismatchError("EUR", "USD"), 422, "Not possible", None),
        (SoldOutError(), 422, "Not possible", "nothing left"),
        (NotFoundError("Order", 7), 404, "Not found", "Order 7 does not exist"),
        (DuplicateError("uq_orders_number"), 409, "Exists already", ""),
        (
            ConcurrencyError("Order", 7, 3),
            409,
            "Changed by somebody else",
            "Somebody else changed it in the meantime: read it again and decide again.",
        ),
        (TransientError("deadlock"), 503, "Temporarily unavailable", "Nothing was changed. Try again."),
        (AccessDeniedError("app.DeleteUser"), 403, "Not allowed", ""),
        (IdempotencyConflictError(), 409, "In progress", None),
        (
            HandlerTimeoutError("app.Pay", 5),
            504,
            "Took too long",
            "The change may or may not have been made: look before you repeat it.",
        ),
        (
            CommitOutcomeUnknownError(),
            503,
            "Outcome unknown",
            "The change may or may not have been made: look before you repeat it.",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_errors_of_the_tree_are_answered_by_the_map(
    connect: Connect, error: Exception, status: int, title: str, detail: str | None
) -> None:
    async with connect(failing_app(error)) as client:
        response = await client.get("/")
    problem = response.json()
    assert response.status_code == problem["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["title"] == title
    assert problem["type"].startswith("urn:problem-type:")
    assert problem["correlation_id"] == response.headers[CORRELATION_HEADER]
    assert problem.get("detail", "") == (str(error) if detail is None else detail)


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (InvalidPageError("per_page", "must be 1"), "per_page"),
        (InvalidCursorError("torn"), "cursor"),
        (InvalidSortError(("name",)), "sort"),
        (InvalidValueError("UserName", "must be short"), "user_name"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_input_errors_name_the_field(connect: Connect, error: InputError, field: str) -> None:
    async with connect(failing_app(error)) as client:
        problem = (await client.get("/")).json()
    assert problem["errors"] == [{"field": field, "message": str(error)}]


async def test_an_input_error_that_knows_no_field_names_none(connect: Connect) -> None:
    async with connect(failing_app(InputError("too much"))) as client:
        assert "errors" not in (await client.get("/")).json()


async def test_only_what_may_be_repeated_at_once_says_when(connect: Connect) -> None:
    for error in (TransientError("deadlock"), IdempotencyConflictError()):
        async with connect(failing_app(error)) as client:
            assert (await client.get("/")).headers["retry-after"] == "1"
    async with connect(failing_app(CommitOutcomeUnknownError())) as client:
        assert "retry-after" not in (await client.get("/")).headers


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(CANARY),
        ValueError(CANARY),
        ExceptionGroup(CANARY, [ValueError(CANARY)]),
        StorageError(CANARY),
        StorageFullError(),
        ForeignKeyError(CANARY),
        CorruptRowError("Order", CANARY, CANARY),
        UnitOfWorkStateError(CANARY),
        EventEncodingError(CANARY, CANARY, CANARY),
        DependencyError(CANARY),
        HandlerNotFoundError(CANARY),
        CleanArchError(CANARY),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_every_other_error_is_a_500_that_says_nothing_but_its_correlation_id(
    connect: Connect, error: Exception
) -> None:
    async with connect(failing_app(error), raise_app_exceptions=False) as client:
        response = await client.get("/", headers={CORRELATION_HEADER: "trace-7"})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers[CORRELATION_HEADER] == "trace-7"
    assert response.headers["connection"] == "close"
    assert response.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "correlation_id": "trace-7",
    }


async def test_the_server_logs_an_unknown_error_with_its_correlation_id(connect: Connect) -> None:
    error = RuntimeError("boom")
    async with connect(failing_app(error)) as client:
        with pytest.raises(RuntimeError) as raised:  # Starlette raises it again, for the server to log
            await client.get("/", headers={CORRELATION_HEADER: "trace-7"})
    assert raised.value is error
    assert "X-Correlation-ID: trace-7" in "".join(traceback.format_exception(error))


class Shown(BaseModel):
    name: str
    number: int

    @field_validator("name")
    @classmethod
    def _talkative(cls, value: str) -> str:
        raise ValueError(f"{value} is no name")


async def test_a_response_that_does_not_fit_is_logged_without_its_values(connect: Connect) -> None:
    app = FastAPI()
    install(app)

    @app.get("/", response_model=Shown)
    async def unfit() -> dict[str, str]:
        return {"name": CANARY, "number": CANARY, "password_hash": CANARY}

    async with connect(app) as client:
        with pytest.raises(ResponseValidationError) as raised:
            await client.get("/")
    logged = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
    assert "('response', 'number')" in logged
    assert "Input should be a valid integer" in logged
    assert CANARY not in logged
    assert raised.value.body is None


async def test_http_2_knows_no_header_about_the_connection() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "http_version": "2",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "root_path": "",
    }
    with pytest.raises(RuntimeError):
        await failing_app(RuntimeError("boom"))(scope, receive, send)
    names = {name for name, _ in sent[0]["headers"]}
    assert b"x-correlation-id" in names
    assert b"connection" not in names


async def test_an_application_adds_and_replaces_problems(connect: Connect) -> None:
    problems = {
        SoldOutError: Problem(410, "Sold out", "https://example.com/problems/sold-out"),
        ForbiddenError: Problem(403),
        NotFoundError: Problem(410, detail="It is gone."),
    }
    async with connect(failing_app(VerySoldOutError(), problems=problems)) as client:
        response = await client.get("/")
        assert (response.status_code, response.json()["title"]) == (410, "Sold out")
        assert response.json()["type"] == "https://example.com/problems/sold-out"
        assert response.json()["detail"] == "nothing left"
    async with connect(
        failing_app(ForbiddenError(CANARY), problems={ForbiddenError: Problem(403, detail="")})
    ) as client:
        response = await client.get("/")
        assert response.status_code == 403
        assert response.json().keys() == {"type", "title", "status", "correlation_id"}
        assert response.json()["title"] == "Forbidden"
    async with connect(failing_app(NotFoundError("Order", 7), problems=problems)) as client:
        assert (await client.get("/")).json()["detail"] == "It is gone."


def test_the_default_map_cannot_be_changed_by_accident() -> None:
    careless: Any = DEFAULT_PROBLEMS
    with pytest.raises(TypeError):
        careless[ForbiddenError] = Problem(403)


async def test_the_frameworks_own_errors_are_problem_details_too(connect: Connect) -> None:
    app = FastAPI()
    install(app)

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout", headers={"X-Tea": "yes"})

    @app.get("/strange")
    async def strange() -> None:
        raise HTTPException(499, {"not": "text"})

    @app.get("/unchanged")
    async def unchanged() -> None:
        raise HTTPException(304)

    async with connect(app) as client:
        response = await client.get("/teapot")
        assert (response.status_code, response.headers["x-tea"]) == (418, "yes")
        assert response.json()["detail"] == "short and stout"
        assert response.json()["title"] == "I'm a Teapot"
        response = await client.get("/strange")
        assert (response.status_code, response.json()["title"]) == (499, "Error")
        assert "detail" not in response.json()
        response = await client.get("/unchanged")
        assert (response.status_code, response.content) == (304, b"")
        response = await client.get("/nowhere")
        assert (response.status_code, response.json()["title"]) == (404, "Not Found")
        assert "detail" not in response.json()
        response = await client.delete("/teapot")
        assert (response.status_code, response.headers["allow"]) == (405, "GET")
        assert response.headers["content-type"] == "application/problem+json"


class Line(BaseModel):
    amount: int


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: str = Field(max_length=10)
    lines: list[Line] = []
    password: str = ""

    @field_validator("password")
    @classmethod
    def _talkative(cls, value: str) -> str:
        if value:
            raise ValueError(f"{value} was seen in a list of stolen passwords")
        return value


@dataclass
class Case:
    body: object
    field: str
    message: str


@pytest.fixture
def orders() -> FastAPI:
    app = FastAPI()
    install(app)

    @app.post("/orders/{order_id}")
    async def post(order_id: Annotated[OrderId, Path()], order: Annotated[Order, Body()]) -> None: ...

    return app


ORDER_URL = "/orders/01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    "case",
    [
        Case({"number": CANARY}, "number", "String should have at most 10 characters"),
        Case({}, "number", "Field required"),
        Case({"number": "1", "lines": [{"amount": CANARY}]}, "lines.0.amount", "Input should be a valid integer"),
        Case({"number": "1", "password": CANARY}, "password", "is not acceptable"),
        Case({"number": [CANARY]}, "number", "Input should be a valid string"),
        Case({"number": "1", "no\nsuch": CANARY}, "no?such", "Extra inputs are not permitted"),
        Case([CANARY], "body", "Input should be a valid dictionary or object to extract fields from"),
        Case({"number": "1", "x" * 500: 1}, "x" * 100, "Extra inputs are not permitted"),
    ],
    ids=lambda case: case.field[:20],
)
async def test_a_request_that_does_not_fit_names_field_and_rule_but_never_the_input(
    connect: Connect, orders: FastAPI, case: Case
) -> None:
    async with connect(orders) as client:
        response = await client.post(ORDER_URL, json=case.body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["title"] == "Input not acceptable"
    assert response.json()["errors"] == [{"field": case.field, "message": case.message}]
    assert response.json()["detail"] == f"{case.field}: {case.message}"
    assert CANARY not in response.text


@pytest.mark.parametrize("given", ["{01890a5d-ac96-774b-bcce-b302099a8057}", "urn:uuid:x", "one", CANARY])
async def test_a_value_object_in_the_path_is_named_by_its_parameter(
    connect: Connect, orders: FastAPI, given: str
) -> None:
    async with connect(orders) as client:
        response = await client.post(f"/orders/{given}", json={"number": "1"})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["order_id"]
    assert given not in response.text.replace("01890a5d-ac96-774b-bcce-b302099a8057", "")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"number": "1"', 422),
        (b"", 422),
        (b'{"number": "\\ud800"}', 422),
        (b'{"\\ud800": 1, "number": "1"}', 422),
        (b'{"number": NaN}', 422),
        (b'{"number": ' + b"1" * 5000 + b"}", 400),
        (b"[" * 100_000, 400),
        (b'{"number": "\xff"}', 400),
        (b'{"lines":' + b"[" * 500 + b"]" * 500 + b"}", 422),
    ],
    ids=["cut off", "empty", "surrogate", "surrogate key", "NaN", "huge number", "deep", "not UTF-8", "nested"],
)
async def test_hostile_json_is_the_clients_problem_and_its_answer_can_be_read(
    connect: Connect, orders: FastAPI, content: bytes, status: int
) -> None:
    async with connect(orders) as client:
        response = await client.post(ORDER_URL, content=content, headers={"content-type": "application/json"})
    assert response.status_code == status
    assert response.json()["status"] == status
    assert response.content.isascii()


async def test_the_text_of_many_errors_stays_short(connect: Connect, orders: FastAPI) -> None:
    async with connect(orders) as client:
        response = await client.post(ORDER_URL, json={"number": "1", "lines": [{"amount": "x"}] * 50})
    assert len(response.json()["errors"]) == 50
    assert len(response.json()["detail"]) < 500
