"""`InMemoryEventPublisher`: tells handlers in this process, in the order in which they were registered."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Concatenate, TypeAlias, TypeVar

from cleanarch_kit.application.context import current_message_context
from cleanarch_kit.application.dispatch.calls import Run
from cleanarch_kit.application.dispatch.discovery import Handler, discover, handler_of
from cleanarch_kit.application.dispatch.event_delivery import Concurrent, DeliveryPolicy
from cleanarch_kit.application.dispatch.pipeline import compile_pipeline
from cleanarch_kit.application.dispatch.tracebacks import noted
from cleanarch_kit.application.dispatch.verification import unresolvable
from cleanarch_kit.application.handlers import EventMark
from cleanarch_kit.application.ports.event_publisher import EventPublisher
from cleanarch_kit.application.scope import Resolve, Scope
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.errors import DefinitionError

__all__ = ["InMemoryEventPublisher"]

EventT = TypeVar("EventT", bound=DomainEvent)

_Chosen: TypeAlias = tuple[tuple[Run, ...], tuple[str, ...]]
"""The handlers of one class of events, and what names each of them."""


class InMemoryEventPublisher:
    """Calls event handlers in this process; an `EventPublisher`.

    Events are delivered in the order given, each to every handler of its class and of the classes it derives from, in
    the order of registration. An event that a handler publishes is delivered before the publication that caused it
    goes on. What is subscribed or unsubscribed during a delivery counts from the next event on.

    Every handler runs, one after the other, whatever becomes of the others; what failed is raised at the end as one
    ExceptionGroup, even if it is only one. Cancellation and every other `BaseException` that is no `Exception` passes
    at once, and so does a `RecursionError`: events that cause each other for ever are to be seen, not collected.

    Args:
        handlers: functions, classes and instances marked with ``@on``, and modules to look for them in.
        scope: opened for each call of a handler that needs something resolved, so that no two share a unit of work.
        policy: another way for an event to reach its handlers: `FailFast`, `LogAndContinue` or `Concurrent`.

    Raises:
        DefinitionError: something given is no event handler, or asks for what cannot be a dependency.
    """

    __slots__ = ("_by_class", "_handlers", "_policy", "_scope")

    def __init__(
        self, handlers: Iterable[object] = (), *, scope: Scope | None = None, policy: DeliveryPolicy | None = None
    ) -> None:
        self._scope = scope
        self._policy = policy
        self._handlers = [_Registration(handler, scope) for handler in discover(handlers, EventMark)]
        self._by_class: dict[type[DomainEvent], _Chosen] = {}

    async def publish(self, *events: DomainEvent) -> None:
        """Deliver events. See `EventPublisher`.

        Raises:
            ExceptionGroup: handlers failed; each exception has a note naming handler, file and line.
        """
        errors: list[Exception] | None = None
        context = current_message_context.get()
        try:
            for event in events:
                try:
                    runs, notes = self._by_class[type(event)]
                except KeyError:
                    runs, notes = self._chosen_for(type(event))
                if context is not None:
                    current_message_context.set(context.caused(event.event_id))
                if self._policy is not None:
                    failures = await self._policy.deliver(event, tuple(zip(runs, notes, strict=True)))
                    errors = [*(errors or ()), *failures]
                    continue
                for run in runs:
                    try:
                        await run(event)
                    except RecursionError:
                        raise
                    except Exception as error:
                        noted(error, notes[runs.index(run)])
                        errors = [*(errors or ()), error]
        finally:
            if context is not None:
                current_message_context.set(context)
        if errors:
            raise ExceptionGroup("event handlers failed", errors)

    async def verify(self) -> None:
        """Find out whether every handler can be called, before the first event, which may be after a commit.

        The scope is entered once, and everything that any of the handlers needs is resolved in it.

        Raises:
            ExceptionGroup: everything that cannot be resolved, each with file, line and fix.
        """
        problems = await unresolvable([registration.pipeline for registration in self._handlers], None)
        if problems:
            raise ExceptionGroup("the publisher is not ready", problems)

    def bound(self, resolve: Resolve, /) -> EventPublisher:
        """Return this publisher within a scope that is open already, with the handlers that it has now.

        Its handlers resolve what they need with `resolve` and open no scope, and so join the unit of work of whoever
        opened it. That is how handlers run before the commit: ``uow.before_commit(publisher.bound(resolve).publish)``.

        Raises:
            DefinitionError: the policy is `Concurrent`, whose handlers must not share a unit of work.
        """
        if isinstance(self._policy, Concurrent):
            raise DefinitionError(
                "concurrent event handlers cannot share a scope: bind a publisher with another policy"
            )
        bound = InMemoryEventPublisher(policy=self._policy)
        bound._handlers = [registration.bound(resolve) for registration in self._handlers]
        return bound

    def subscribe(
        self, event: type[EventT], handler: Callable[Concatenate[EventT, ...], Coroutine[object, None, None]], /
    ) -> Callable[[], None]:
        """Add a handler, behind those that are there.

        It is called as it is given; marks on it do not count. The publisher holds it until it is unsubscribed.

        Args:
            event: the class to listen to, with everything derived from it.
            handler: an async function or bound method; what it takes beside the event is resolved in the scope.

        Returns:
            What ends the subscription when it is called; calling it again does nothing.

        Raises:
            DefinitionError: the handler asks for what cannot be a dependency.
        """
        registration = _Registration(handler_of(handler, event), self._scope)
        self._handlers.append(registration)
        self._by_class.clear()

        def unsubscribe() -> None:
            self._handlers[:] = [kept for kept in self._handlers if kept is not registration]
            self._by_class.clear()

        return unsubscribe

    def _chosen_for(self, event_class: type[DomainEvent]) -> _Chosen:
        chosen = [each for each in self._handlers if each.handler.subject in event_class.__mro__]
        found = tuple(each.run for each in chosen), tuple(each.handler.note for each in chosen)
        self._by_class[event_class] = found
        return found


class _Registration:
    """A handler in its place in the order, compiled."""

    __slots__ = ("handler", "pipeline", "run")

    def __init__(self, handler: Handler, scope: Scope | None) -> None:
        self.handler = handler
        self.pipeline = compile_pipeline(handler, (), (), scope, {})
        needs_nothing = not handler.dependencies and handler.construct is None
        self.run: Run = handler.target if needs_nothing else self.pipeline.run

    def bound(self, resolve: Resolve) -> "_Registration":
        join = self.pipeline.join
        bound = object.__new__(_Registration)
        bound.handler, bound.pipeline = self.handler, self.pipeline
        bound.run = (lambda event: join(event, resolve)) if self.handler.dependencies else self.run
        return bound
