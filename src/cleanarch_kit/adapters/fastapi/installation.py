"""`install`: everything that an application needs of cleanarch_kit, in one call."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from fastapi import APIRouter, FastAPI, Request

from cleanarch_kit.adapters.fastapi.background import BackgroundService, running
from cleanarch_kit.adapters.fastapi.correlation import CORRELATION_HEADER, CorrelationMiddleware
from cleanarch_kit.adapters.fastapi.handlers import add_problem_handlers
from cleanarch_kit.adapters.fastapi.problems import DEFAULT_PROBLEMS, Problem, problem_responses
from cleanarch_kit.application.bus import MessageBus
from cleanarch_kit.errors import DefinitionError

__all__ = ["get_bus", "install"]

_BUS = "cleanarch_kit_bus"
ErrorT = TypeVar("ErrorT", bound=Exception)


def install(
    app: FastAPI,
    *,
    bus: MessageBus | None = None,
    background: Iterable[BackgroundService] = (),
    problems: Mapping[type[ErrorT], Problem] | None = None,
    correlation_header: str = CORRELATION_HEADER,
) -> None:
    """Fit an application with problem details, correlation ids, the bus and what runs beside the requests.

    Call it once, before routes are added, so that OpenAPI shows the problem details on each of them. The application
    then starts in this order: its own lifespan, ``bus.verify()``, the background services; and stops in the opposite
    one, so that a lifespan may close what the services use.

    Args:
        app: the application.
        bus: what `get_bus` gives. A dependency that is missing keeps the application from starting.
        background: what runs while the application does, such as a `Relay`.
        problems: how to answer errors of your own, or those of `DEFAULT_PROBLEMS` in another way. The nearest class
            in an error's method resolution order counts.
        correlation_header: name of the header with the correlation id, read and written.
    """
    services = tuple(background)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        if bus is not None:
            await bus.verify()
        async with running(services):
            yield

    answers = dict(DEFAULT_PROBLEMS)
    answers.update((error_type, problem) for error_type, problem in (problems or {}).items())
    add_problem_handlers(app, answers, correlation_header)
    app.add_middleware(CorrelationMiddleware, header=correlation_header)
    app.router.responses = {**problem_responses(422, 500), **app.router.responses}
    app.include_router(APIRouter(lifespan=lifespan))
    setattr(app.state, _BUS, bus)


def get_bus(request: Request) -> MessageBus:
    """The application's bus, as a dependency: ``Annotated[MessageBus, Depends(get_bus)]``.

    Each message it executes has a unit of work of its own, committed when `execute` returns, which is before the
    response is sent. In a test, replace it by ``app.dependency_overrides[get_bus]``.

    Raises:
        DefinitionError: the application was installed without a bus.
    """
    bus: MessageBus | None = getattr(request.app.state, _BUS, None)
    if bus is None:
        raise DefinitionError("this application has no bus: give it one with install(app, bus=...)")
    return bus
