"""Problem details (RFC 9457): which error is answered with which status, and what a client gets to read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import Response
from pydantic import BaseModel, Field, WithJsonSchema

from cleanarch_kit.errors import (
    AccessDeniedError,
    CommitOutcomeUnknownError,
    ConcurrencyError,
    DomainError,
    DuplicateError,
    HandlerTimeoutError,
    IdempotencyConflictError,
    InputError,
    NotFoundError,
    TransientError,
)

__all__ = ["DEFAULT_PROBLEMS", "FieldError", "Problem", "ProblemDetails", "ProblemResponse", "problem_responses"]

_MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """What is wrong with one field of the request. Never holds what the field held."""

    field: str = Field(description="The parameter or body field, for example `email` or `lines.0.amount`.")
    message: str = Field(description="What the field must be.")


_FIELD_ERRORS = {"type": "array", "items": FieldError.model_json_schema(), "description": "The fields at fault."}


class ProblemDetails(BaseModel):
    """The body of an answer with the media type `application/problem+json`."""

    type: str = Field(default="about:blank", description="URI that names the kind of problem.")
    title: str = Field(description="The kind of problem in words, the same on every occurrence.")
    status: int = Field(description="The HTTP status.")
    detail: str | None = Field(default=None, description="What was wrong this time.")
    errors: Annotated[Sequence[FieldError] | None, WithJsonSchema(_FIELD_ERRORS)] = None
    correlation_id: str = Field(description="What to quote to whoever runs the service: it stands in the log.")


@dataclass(frozen=True, slots=True)
class Problem:
    """How one class of errors, with those derived from it, is answered.

    Attributes:
        status: the HTTP status, 400 to 599.
        title: the kind of problem in words; by default the phrase of the status.
        type: URI that names the kind of problem, so that a client can tell two of one status apart.
        detail: what the client reads. None shows the error's own text, which is right only for errors whose text is
            written for the caller and holds nothing internal; an empty text shows nothing.
        retry_after: seconds for the header ``Retry-After``, or None for no such header.
    """

    status: int
    title: str = ""
    type: str = "about:blank"
    detail: str | None = None
    retry_after: int | None = None

    @property
    def shown_title(self) -> str:
        """The title, or the phrase of the status."""
        return self.title or _phrase(self.status)


DEFAULT_PROBLEMS: Mapping[type[Exception], Problem] = MappingProxyType(
    {
        InputError: Problem(422, "Input not acceptable", "urn:problem-type:input-not-acceptable"),
        DomainError: Problem(422, "Not possible", "urn:problem-type:not-possible"),
        NotFoundError: Problem(404, "Not found", "urn:problem-type:not-found"),
        DuplicateError: Problem(409, "Exists already", "urn:problem-type:exists-already", detail=""),
        ConcurrencyError: Problem(
            409,
            "Changed by somebody else",
            "urn:problem-type:changed-by-somebody-else",
            detail="Somebody else changed it in the meantime: read it again and decide again.",
        ),
        TransientError: Problem(
            503,
            "Temporarily unavailable",
            "urn:problem-type:temporarily-unavailable",
            detail="Nothing was changed. Try again.",
            retry_after=1,
        ),
        AccessDeniedError: Problem(403, "Not allowed", "urn:problem-type:not-allowed", detail=""),
        IdempotencyConflictError: Problem(409, "In progress", "urn:problem-type:in-progress", retry_after=1),
        HandlerTimeoutError: Problem(
            504,
            "Took too long",
            "urn:problem-type:took-too-long",
            detail="The change may or may not have been made: look before you repeat it.",
        ),
        CommitOutcomeUnknownError: Problem(
            503,
            "Outcome unknown",
            "urn:problem-type:outcome-unknown",
            detail="The change may or may not have been made: look before you repeat it.",
        ),
    }
)
"""How the errors of cleanarch_kit are answered; every other error is a 500 that says nothing but its correlation id."""


class ProblemResponse(Response):
    """An answer with problem details. Its JSON is plain ASCII, so that no text can make it unencodable."""

    media_type = _MEDIA_TYPE

    def __init__(self, details: ProblemDetails, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(
            json.dumps(details.model_dump(exclude_none=True), separators=(",", ":")),
            status_code=details.status,
            headers=headers,
        )


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:  # Any: FastAPI's own type for responses
    """Describe problem details in OpenAPI, for the ``responses=`` of a route, a router or an application.

    Args:
        statuses: the statuses with which problems are answered there.
    """
    content = {_MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}}
    return {status: {"description": _phrase(status), "content": content} for status in statuses}


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in _KNOWN else "Error"


_KNOWN = frozenset(HTTPStatus)
