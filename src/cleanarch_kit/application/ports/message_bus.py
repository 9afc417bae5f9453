"""Ports of the bus: what a use case or an endpoint needs of it, and no more."""

from collections.abc import AsyncGenerator, Coroutine
from typing import Protocol, TypeVar

from cleanarch_kit.application.messages import Command, Query, StreamQuery

__all__ = ["CommandBus", "QueryBus"]

ResultT = TypeVar("ResultT")


class CommandBus(Protocol):
    """Executes commands. Who holds it may change things."""

    def execute(self, message: Command[ResultT], /) -> Coroutine[object, None, ResultT]:
        """Handle a command and return its result.

        Raises:
            HandlerNotFoundError: nobody handles it. A handler's own exceptions arrive as they were raised.
        """
        ...


class QueryBus(Protocol):
    """Executes queries. Who holds only this cannot change anything through it."""

    def execute(self, message: Query[ResultT], /) -> Coroutine[object, None, ResultT]:
        """Handle a query and return its answer.

        Raises:
            HandlerNotFoundError: nobody handles it. A handler's own exceptions arrive as they were raised.
        """
        ...

    def stream(self, query: StreamQuery[ResultT], /) -> AsyncGenerator[ResultT]:
        """Handle a query answer by answer.

        The handler runs as far as the caller iterates. Close what is returned (``contextlib.aclosing``) if the
        iteration may stop early, so that the handler's scope is left at once.

        Raises:
            HandlerNotFoundError: nobody handles it.
        """
        ...
