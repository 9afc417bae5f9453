"""FastAPI (extra ``fastapi``): problem details, correlation ids, and dependencies that commit before they answer."""

from cleanarch_kit.application.extras import require

require("fastapi", extra="fastapi")

from cleanarch_kit.adapters.fastapi import _encoding as _encoding
from cleanarch_kit.adapters.fastapi.background import BackgroundService, running
from cleanarch_kit.adapters.fastapi.correlation import CORRELATION_HEADER, CorrelationMiddleware, correlation_id_of
from cleanarch_kit.adapters.fastapi.dependencies import CursorDep, PageDep, cursor_query, page_query, unit_of_work
from cleanarch_kit.adapters.fastapi.installation import get_bus, install
from cleanarch_kit.adapters.fastapi.problems import (
    DEFAULT_PROBLEMS,
    FieldError,
    Problem,
    ProblemDetails,
    ProblemResponse,
    problem_responses,
)

__all__ = [
    "CORRELATION_HEADER",
    "DEFAULT_PROBLEMS",
    "BackgroundService",
    "CorrelationMiddleware",
    "CursorDep",
    "FieldError",
    "PageDep",
    "Problem",
    "ProblemDetails",
    "ProblemResponse",
    "correlation_id_of",
    "cursor_query",
    "get_bus",
    "install",
    "page_query",
    "problem_responses",
    "running",
    "unit_of_work",
]
