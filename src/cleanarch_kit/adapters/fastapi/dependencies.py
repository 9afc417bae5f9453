"""Dependencies for path operations: pages and cursors from the query, the bus, a unit of work."""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request
from fastapi.params import Depends as Dependency
from pydantic import BeforeValidator, Field

from cleanarch_kit.application.pagination.pages import CursorRequest, PageRequest

__all__ = ["CursorDep", "PageDep", "cursor_query", "page_query", "unit_of_work"]

T = TypeVar("T")
_DIGITS = re.compile(r"[0-9]{1,32}")


def _plain_digits(value: object) -> object:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number in plain digits")
    return value


_plain = BeforeValidator(_plain_digits)


def page_query(bounds: type[PageRequest] = PageRequest) -> Callable[..., PageRequest]:
    """Make a dependency that reads ``page`` and ``per_page`` from the query, with their bounds in OpenAPI.

    Args:
        bounds: `PageRequest`, or a subclass with other bounds.
    """

    def page_request(
        page: Annotated[int, Field(ge=1, le=bounds.max_page), _plain] = 1,
        per_page: Annotated[int, Field(ge=1, le=bounds.max_per_page), _plain] = 20,
    ) -> PageRequest:
        return bounds(page, per_page)

    return page_request


def cursor_query(bounds: type[CursorRequest] = CursorRequest) -> Callable[..., CursorRequest]:
    """Make a dependency that reads ``size``, ``after`` and ``before`` from the query, with their bounds in OpenAPI.

    Args:
        bounds: `CursorRequest`, or a subclass with another bound.
    """

    def cursor_request(
        size: Annotated[int, Field(ge=1, le=bounds.max_size), _plain] = 20,
        after: Annotated[str | None, Query(description="The cursor `next` of the page before.")] = None,
        before: Annotated[str | None, Query(description="The cursor `previous` of the page behind.")] = None,
    ) -> CursorRequest:
        return bounds(size, after, before)

    return cursor_request


PageDep = Annotated[PageRequest, Depends(page_query())]
CursorDep = Annotated[CursorRequest, Depends(cursor_query())]


def unit_of_work(open_unit: Callable[[Request], AbstractAsyncContextManager[T]]) -> Dependency:
    """Make a dependency that is one unit of work per request, for path operations that use no bus.

    Everything that asks for it in one request gets the same one. It commits when the path operation has returned and
    **before** the response is sent, so that a commit that fails is answered as a failure; FastAPI's default would
    commit afterwards. Background tasks start after the commit.

        unit_of_work_dep = unit_of_work(lambda request: SqlAlchemyUnitOfWork(request.app.state.sessions))

        @app.post("/users", status_code=201)
        async def register(unit: Annotated[SqlAlchemyUnitOfWork, unit_of_work_dep]) -> None: ...

    Args:
        open_unit: makes a new unit of work for a request.
    """

    async def opened(request: Request) -> AsyncGenerator[T]:
        async with open_unit(request) as unit:
            yield unit

    return Dependency(opened, scope="function")
