"""`MessageBus`: brings each message to its handler, through the middleware, in a scope of its own.

Everything is decided when the bus is built. What remains for a message is one look-up by its class and the calls that
its pipeline is made of.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import nullcontext
from types import ModuleType
from typing import Concatenate, TypeAlias, TypeVar

from cleanarch_kit.application.dispatch.calls import Call
from cleanarch_kit.application.dispatch.discovery import Handler, discover
from cleanarch_kit.application.dispatch.explanation import explained
from cleanarch_kit.application.dispatch.invocation import Views
from cleanarch_kit.application.dispatch.pipeline import Pipeline, compile_pipeline
from cleanarch_kit.application.dispatch.verification import overlooked, unresolvable
from cleanarch_kit.application.handlers import MessageMark
from cleanarch_kit.application.messages import Message, Query, StreamQuery
from cleanarch_kit.application.middleware.protocol import Middleware, MiddlewareFactory, ScopedMiddleware
from cleanarch_kit.application.ports.message_bus import CommandBus, QueryBus
from cleanarch_kit.application.scope import Resolve, Scope
from cleanarch_kit.errors import DuplicateHandlerError, HandlerNotFoundError

__all__ = ["MessageBus"]

ResultT = TypeVar("ResultT")
MessageT = TypeVar("MessageT", bound=Message[object])

_Execute: TypeAlias = Callable[[object], Coroutine[object, None, ResultT]]
_Stream: TypeAlias = Callable[[object], AsyncGenerator[ResultT]]


class MessageBus:
    """Executes commands and queries.

    A bus never changes once it is built, may be shared by tasks, and belongs to no event loop.

        bus = MessageBus([create_user, ListUsersHandler, orders], middleware=[log], scope=scope)
        await bus.verify()
        user_id = await bus.execute(CreateUser(email))

    A handler may ask for a `MessageBus`, a `CommandBus` or a `QueryBus`. It gets this bus within the running scope, so
    that what it sends joins the unit of work of the message that it handles.

    Args:
        handlers: functions, classes and instances marked with ``@handles``, and modules to look for them in. A class is
            constructed for each message.
        middleware: what runs around every message, outside the scope, outermost first.
        scoped_middleware: what runs inside the scope, after it opened and before the handler, outermost first.
        scope: opened for each message whose handler, or whose scoped middleware, needs it.
        query_scope: opened for queries and stream queries instead, typically with a read-only unit of work.

    Raises:
        DuplicateHandlerError: two handlers of one message; the text names all there are.
        DefinitionError: a handler or a middleware cannot be used as one.
    """

    __slots__ = ("_compile", "_pipelines", "_runs")

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

        def compiled(handler: Handler, views: Views) -> Pipeline:
            asks = not {Query, StreamQuery}.isdisjoint(handler.subject.__mro__)
            return compile_pipeline(handler, outer, inner, (query_scope if asks else None) or scope, views)

        self._fill(compiled, _distinct(discover(handlers, MessageMark)))

    def _fill(self, compile_: Callable[[Handler, Views], Pipeline], handlers: Iterable[Handler]) -> None:
        views: Views = {MessageBus: self.bound, CommandBus: self.bound, QueryBus: self.bound}
        self._compile = compile_
        self._pipelines = {handler.subject: compile_(handler, views) for handler in handlers}
        self._runs = {subject: pipeline.run for subject, pipeline in self._pipelines.items()}

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
        try:
            run: _Execute[ResultT] = self._runs[type(message)]
        except KeyError:
            raise _not_found(type(message)) from None
        return run(message)

    def stream(self, query: StreamQuery[ResultT], /) -> AsyncGenerator[ResultT]:
        """Handle a query answer by answer. See `QueryBus.stream`.

        The handler and its scope run in a copy of the caller's context, which what happens between two items does not
        see.
        """
        try:
            run: _Stream[ResultT] = self._runs[type(query)]
        except KeyError:
            raise _not_found(type(query)) from None
        return run(query)

    def call(
        self, handler: Callable[Concatenate[MessageT, ...], Coroutine[object, None, ResultT]], message: MessageT, /
    ) -> Coroutine[object, None, ResultT]:
        """Handle a message like `execute`, with its handler named where the call stands.

        Nothing else differs, but that a reader and an editor find the handler at once.

        Args:
            handler: the function, or the bound method of the instance, that the bus was given.
            message: what it handles.

        Raises:
            HandlerNotFoundError: the bus was not given this handler for this message.
        """
        known = self._pipelines.get(type(message))
        if known is None or known.handler.source != handler:
            raise HandlerNotFoundError(f"{type(message).__qualname__} by {getattr(handler, '__qualname__', handler)}")
        execute: Call = self.execute
        coroutine: Coroutine[object, None, ResultT] = execute(message)
        return coroutine

    def bound(self, resolve: Resolve, /) -> "MessageBus":
        """Return this bus within a scope that is open already.

        Its messages resolve what they need with `resolve` and open no scope, and so join the unit of work of whoever
        opened it. Nothing is compiled again. Middleware that needs a fresh scope, such as a retry, is left out.
        """
        return _BoundBus(self, self._pipelines, resolve)

    def override(self, *handlers: object) -> "MessageBus":
        """Return a bus in which these handlers stand in for those of the same messages; for tests.

        Everything else is as it is here, and this bus stays as it is.

        Raises:
            HandlerNotFoundError: one of them handles a message that nobody handles here.
            DefinitionError: as from the constructor.
        """
        pipelines = {handler.subject: handler for handler in _distinct(discover(handlers, MessageMark))}
        for subject in pipelines.keys() - self._pipelines.keys():
            raise _not_found(subject)
        bus = object.__new__(MessageBus)
        bus._fill(self._compile, (pipelines.get(s, pipeline.handler) for s, pipeline in self._pipelines.items()))
        return bus

    def explain(self, message_type: type[object], /) -> str:
        """Return, as text to read, who handles a message and what it passes on its way.

        Raises:
            HandlerNotFoundError: nobody handles it.
        """
        try:
            return explained(self._pipelines[message_type])
        except KeyError:
            raise _not_found(message_type) from None

    async def verify(self, *modules: ModuleType) -> None:
        """Find out whether every message can be handled, before the first one has to be.

        Each scope is entered once, and everything that any handler or middleware needs is resolved in it.

        Args:
            modules: where to look for messages that nobody handles, and for handlers that the bus was not given.

        Raises:
            ExceptionGroup: everything that is missing, duplicate or cannot be resolved, each with file, line and fix.
        """
        await self._verify(modules, None)

    async def _verify(self, modules: Iterable[ModuleType], joined: Scope | None) -> None:
        problems = overlooked(self._pipelines, modules)
        problems += await unresolvable(self._pipelines.values(), joined)
        if problems:
            raise ExceptionGroup("the bus is not ready", problems)


class _BoundBus(MessageBus):
    """A bus within an open scope; `MessageBus.bound` makes it."""

    __slots__ = ("_bus", "_resolve")

    def __init__(self, bus: MessageBus, pipelines: dict[type[object], Pipeline], resolve: Resolve) -> None:
        self._bus = bus
        self._pipelines = pipelines
        self._resolve = resolve

    def execute(self, message: Message[ResultT], /) -> Coroutine[object, None, ResultT]:
        try:
            join = self._pipelines[type(message)].join
        except KeyError:
            raise _not_found(type(message)) from None
        coroutine: Coroutine[object, None, ResultT] = join(message, self._resolve)
        return coroutine

    def stream(self, query: StreamQuery[ResultT], /) -> AsyncGenerator[ResultT]:
        try:
            join = self._pipelines[type(query)].join
        except KeyError:
            raise _not_found(type(query)) from None
        items: AsyncGenerator[ResultT] = join(query, self._resolve)
        return items

    def bound(self, resolve: Resolve, /) -> MessageBus:
        return self._bus.bound(resolve)

    def override(self, *handlers: object) -> MessageBus:
        return self._bus.override(*handlers).bound(self._resolve)

    async def verify(self, *modules: ModuleType) -> None:
        await self._verify(modules, lambda: nullcontext(self._resolve))


def _not_found(message_type: type[object]) -> HandlerNotFoundError:
    return HandlerNotFoundError(f"{message_type.__module__}.{message_type.__qualname__}")


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
