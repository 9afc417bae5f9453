"""Exception handlers that answer every error with problem details."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from cleanarch_kit.adapters.fastapi.correlation import correlation_id_of
from cleanarch_kit.adapters.fastapi.problems import FieldError, Problem, ProblemDetails, ProblemResponse
from cleanarch_kit.adapters.fastapi.validation import field_errors, field_errors_of_input
from cleanarch_kit.errors import InputError, InvalidValueError

__all__ = ["add_problem_handlers"]

_BODILESS = {204, 205, 304}
_SHOWN_ERRORS = 5
_Handler = Callable[[Request, Exception], Awaitable[Response]]


def add_problem_handlers(app: FastAPI, problems: Mapping[type[Exception], Problem], header: str) -> None:
    """Answer errors of these classes, of the framework's own, and all others, with problem details.

    Of several classes that fit an error, the nearest in its method resolution order counts. `InputError`, which must
    be among them, also says how a value object's refusal and a request that does not fit are answered.
    """
    unacceptable = problems[InputError]
    answers: dict[type[Exception], Problem] = {InvalidValueError: unacceptable, **problems}
    for error_type, problem in answers.items():
        app.add_exception_handler(error_type, _mapped_error(problem))
    app.add_exception_handler(RequestValidationError, _malformed_request(unacceptable))
    app.add_exception_handler(StarletteHTTPException, _http_exception)
    app.add_exception_handler(Exception, _unknown_error(header))


def _mapped_error(problem: Problem) -> _Handler:
    async def handle(request: Request, error: Exception) -> Response:
        errors = field_errors_of_input(error) if isinstance(error, InputError) else []
        return _answer(request, problem, str(error) if problem.detail is None else problem.detail, errors)

    return handle


def _malformed_request(problem: Problem) -> _Handler:
    async def handle(request: Request, error: Exception) -> Response:
        errors = field_errors(cast("RequestValidationError", error).errors())
        detail = "; ".join(f"{one.field}: {one.message}" for one in errors[:_SHOWN_ERRORS])
        return _answer(request, problem, detail, errors)

    return handle


async def _http_exception(request: Request, error: Exception) -> Response:
    http_error = cast("StarletteHTTPException", error)
    if http_error.status_code in _BODILESS:
        return Response(status_code=http_error.status_code, headers=http_error.headers)
    problem = Problem(http_error.status_code)
    detail = _text(http_error.detail)
    return _answer(request, problem, "" if detail == problem.shown_title else detail, headers=http_error.headers)


def _text(detail: object) -> str:
    """The detail of an HTTPException, which may be any JSON in FastAPI's own class; here it must be text."""
    return detail if isinstance(detail, str) else ""


def _unknown_error(header: str) -> _Handler:
    async def handle(request: Request, error: Exception) -> Response:
        """Say nothing about what went wrong: the server logs the error, and with it the note.

        A server that speaks HTTP/1 closes the connection behind an error that reaches it, as this one will. A client
        that is told does not send its next request into a connection that is about to close.
        """
        if isinstance(error, ResponseValidationError):
            _take_values_out(error)
        correlation_id = correlation_id_of(request.scope)
        error.add_note(f"{header}: {correlation_id}")
        closing = {"Connection": "close"} if request.scope.get("http_version", "").startswith("1") else {}
        return _answer(request, Problem(500), headers={header: correlation_id, **closing})

    return handle


def _take_values_out(error: ResponseValidationError) -> None:
    """Leave what a response should have been, and not what it was: the server is about to log the text."""
    error.body = None
    for found, details in zip(field_errors(error.errors()), error.errors(), strict=True):
        kind, loc = details["type"], details["loc"]
        details.clear()
        details.update(type=kind, loc=loc, msg=found.message)


def _answer(
    request: Request,
    problem: Problem,
    detail: str = "",
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    details = ProblemDetails(
        type=problem.type,
        title=problem.shown_title,
        status=problem.status,
        detail=detail or None,
        errors=errors or None,
        correlation_id=correlation_id_of(request.scope),
    )
    retry = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
    return ProblemResponse(details, headers={**retry, **(headers or {})})
