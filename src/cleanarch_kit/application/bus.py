"""`MessageBus`: brings each message to its handler, through the middleware, in a scope of its own.

Everything is decided when the bus is built. What remains for a message is one look-up by its class and the calls that
its pipeline is made of.
"""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Concatenate, TypeVar

from cleanarch_kit.application.discovery import Handler, discover
from cleanarch_kit.application.explanation import explained
from cleanarch_kit.application.handlers import MessageMark
from cleanarch_kit.application.invocation import Run, Views
from cleanarch_kit.application.messages import Message, Query
from cleanarch_kit.application.middleware.protocol import Middleware, MiddlewareFactory, ScopedMiddleware
from cleanarch_kit.application.pipeline import Pipeline, compile_pipeline
from cleanarch_kit.application.ports.message_bus import CommandBus, QueryBus
from cleanarch_kit.application.scope import Resolve, Scope
from cleanarch_kit.application.verification import unresolvable
from cleanarch_kit.errors import DuplicateHandlerError, HandlerNotFoundError

__all__ = ["MessageBus"]

ResultT = TypeVar("ResultT")
FoundT = TypeVar("FoundT")
MessageT = TypeVar("MessageT", bound=Message[object])


class _Table(dict[type[object], FoundT]):
    """By message class; a class that is not there is an error that says so."""

    def __missing__(self, message_type: type[object]) -> FoundT:
        raise HandlerNotFoundError(f"{message_type.__module__}.{message_type.__qualname__}")


class MessageBus:
    """Executes commands and queries.

    A bus never changes once it is built, may be shared by tasks, and belongs to no event loop.

        bus = MessageBus([create_user, ListUsersHandler, orders], middleware=[log], scope=scope)
        await bus.verify()
        user_id = await bus.execute(CreateUser(email))

    Args:
        handlers: functions, classes and instances marked with ``@handles``, and modules to look for them in. A class is
            constructed for each message.
        middleware: what runs around every message, outside the scope, outermost first.
        scoped_middleware: what runs inside the scope, after it opened and before the handler, outermost first.
        scope: opened for each message whose handler, or whose scoped middleware, needs it.
        query_scope: opened for queries instead of `scope`, typically with a read-only unit of work.

    Raises:
        DuplicateHandlerError: two handlers of one message; the text names all there are.
        DefinitionError: a handler or a middleware cannot be used as one.
    """

    __slots__ = ("_pipelines", "_runs")

    def __init__(
        self,
        handlers: Iterable[object],
        *,
        middleware: Iterable[Middleware | MiddlewareFactory] = (),
        scoped_middleware: Iterable[ScopedMiddleware | MiddlewareFactory] = (),
        scope: Scope | None = None,
        query_scope: Scope | None = None,
    ) -> None:
        outer, inner = tuple(middleware), tuple(scoped_middleware)
        views: Views = {MessageBus: self.bound, CommandBus: self.bound, QueryBus: self.bound}
        self._pipelines: _Table[Pipeline] = _Table()
        for handler in _distinct(discover(handlers, MessageMark)):
            opens = query_scope if query_scope and Query in handler.subject.__mro__ else scope
            self._pipelines[handler.subject] = compile_pipeline(handler, outer, inner, opens, views)
        self._runs: _Table[Run] = _Table({subject: pipeline.run for subject, pipeline in self._pipelines.items()})

    def execute(self, message: Message[ResultT], /) -> Coroutine[object, None, ResultT]:
        """Handle a message.

        Args:
            message: a command or a query; its exact class decides about the handler.

        Returns:
            What the handler returns, to be awaited.

        Raises:
            HandlerNotFoundError: the bus has no handler for it. An exception of the handler arrives as it was raised,
                with a note that says which handler that was.
        """
        return self._runs[type(message)](message)

    def call(
        self, handler: Callable[Concatenate[MessageT, ...], Coroutine[Any, Any, ResultT]], message: MessageT, /
    ) -> Coroutine[object, None, ResultT]:
        """Handle a message like `execute`, with its handler named where the call stands.

        Nothing else differs, but that a reader and an editor find the handler at once.

        Raises:
            HandlerNotFoundError: the bus was not given this handler.
        """
        if self._pipelines[type(message)].handler.source != handler:
            raise HandlerNotFoundError(f"{type(message).__qualname__} by {handler!r}")
        return self._runs[type(message)](message)

    def bound(self, resolve: Resolve, /) -> "MessageBus":
        """Return this bus within a scope that is open already.

        Its messages resolve what they need with `resolve` and open no scope, and so join the unit of work of whoever
        opened it. Nothing is compiled again. Middleware that needs a fresh scope, such as a retry, is left out.
        """
        return _BoundBus(self._pipelines, self._runs, resolve)

    def explain(self, message_type: type[object], /) -> str:
        """Return, as text to read, who handles a message and what it passes on its way.

        Raises:
            HandlerNotFoundError: nobody handles it.
        """
        return explained(self._pipelines[message_type])

    async def verify(self) -> None:
        """Find out whether every message can be handled, before the first one has to be.

        Each scope is entered once, and everything that any handler or middleware needs is resolved in it.

        Raises:
            ExceptionGroup: everything that cannot be resolved, each with handler, file, line and fix.
        """
        problems = await unresolvable(self._pipelines.values())
        if problems:
            raise ExceptionGroup("the bus cannot handle every message", problems)


class _BoundBus(MessageBus):
    """A bus within an open scope; `MessageBus.bound` makes it."""

    __slots__ = ("_resolve",)

    def __init__(self, pipelines: _Table[Pipeline], runs: _Table[Run], resolve: Resolve) -> None:
        self._pipelines = pipelines
        self._runs = runs
        self._resolve = resolve

    def execute(self, message: Message[ResultT], /) -> Coroutine[object, None, ResultT]:
        return self._pipelines[type(message)].join(self._resolve)(message)


def _distinct(handlers: list[Handler]) -> list[Handler]:
    by_subject: dict[type[object], list[Handler]] = {}
    for handler in handlers:
        by_subject.setdefault(handler.subject, []).append(handler)
    clashes = [
        f"{subject.__qualname__} has {len(rivals)} handlers: "
        + ", ".join(f"{rival.name} ({rival.location})" for rival in rivals)
        for subject, rivals in by_subject.items()
        if len(rivals) > 1
    ]
    if clashes:
        raise DuplicateHandlerError("; ".join(clashes) + ": give the bus one handler for each message")
    return handlers
