"""`InMemoryEventPublisher`: tells handlers in this process, in the order in which they were registered."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Concatenate, TypeVar

from cleanarch_kit.application.context import current_context, message_context
from cleanarch_kit.application.discovery import Handler, discover, handler_of
from cleanarch_kit.application.event_delivery import CollectErrors, DeliveryPolicy, Subscriber
from cleanarch_kit.application.handlers import EventMark
from cleanarch_kit.application.invocation import compile_invocation
from cleanarch_kit.application.scope import Scope
from cleanarch_kit.domain.event import DomainEvent

__all__ = ["InMemoryEventPublisher"]

EventT = TypeVar("EventT", bound=DomainEvent)


class InMemoryEventPublisher:
    """Calls event handlers in this process; an `EventPublisher`.

    Events are delivered in the order given, each to every handler of its class and of the classes it derives from, in
    the order of registration. An event that a handler publishes is delivered before the publication that caused it
    goes on. What is subscribed or unsubscribed during a delivery counts from the next event on.

    Under the default policy every handler runs, whatever the others do, and what failed is raised at the end as one
    ExceptionGroup, even if it is only one. `FailFast`, `LogAndContinue` and `Concurrent` are the other policies.

    Args:
        handlers: functions, classes and instances marked with ``@on``, and modules to look for them in.
        scope: opened for each call of a handler that needs something resolved, so that no two share a unit of work.
        policy: how an event reaches its handlers.

    Raises:
        DefinitionError: something given is no event handler, or asks for what cannot be a dependency.
    """

    __slots__ = ("_by_class", "_handlers", "_policy", "_scope")

    def __init__(
        self, handlers: Iterable[object] = (), *, scope: Scope | None = None, policy: DeliveryPolicy | None = None
    ) -> None:
        self._scope = scope
        self._policy = policy or CollectErrors()
        self._handlers: list[tuple[Handler, Subscriber]] = []
        self._by_class: dict[type[DomainEvent], tuple[Subscriber, ...]] = {}
        for handler in discover(handlers, EventMark):
            self._handlers.append((handler, self._compiled(handler)))

    async def publish(self, *events: DomainEvent) -> None:
        """Deliver events. See `EventPublisher`.

        Raises:
            ExceptionGroup: handlers failed; each exception has a note naming handler, file and line.
        """
        context = current_context()
        errors: list[Exception] = []
        for event in events:
            subscribers = self._by_class.get(type(event))
            if subscribers is None:
                subscribers = self._subscribers_of(type(event))
            if context is None:
                errors += await self._policy.deliver(event, subscribers)
            else:
                with message_context(context.caused(event.event_id)):
                    errors += await self._policy.deliver(event, subscribers)
        if errors:
            raise ExceptionGroup("event handlers failed", errors)

    def subscribe(
        self, event: type[EventT], handler: Callable[Concatenate[EventT, ...], Coroutine[Any, Any, None]], /
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
        made = handler_of(handler, event)
        entry = (made, self._compiled(made))
        self._handlers.append(entry)
        self._by_class.clear()

        def unsubscribe() -> None:
            self._handlers[:] = [kept for kept in self._handlers if kept is not entry]
            self._by_class.clear()

        return unsubscribe

    def _compiled(self, handler: Handler) -> Subscriber:
        if not handler.dependencies:
            return Subscriber(handler.target, handler.note)
        return Subscriber(compile_invocation(handler, (), self._scope, {}).run, handler.note)

    def _subscribers_of(self, event_class: type[DomainEvent]) -> tuple[Subscriber, ...]:
        found = tuple(subscriber for handler, subscriber in self._handlers if issubclass(event_class, handler.subject))
        self._by_class[event_class] = found
        return found
