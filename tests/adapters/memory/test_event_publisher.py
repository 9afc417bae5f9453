"""Events reach their handlers in order, whatever becomes of some of them."""

import asyncio
import traceback
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from cleanarch_kit.adapters.memory import InMemoryEventPublisher
from cleanarch_kit.application import (
    Concurrent,
    EventPublisher,
    FailFast,
    LogAndContinue,
    MessageContext,
    Resolve,
    current_context,
    message_context,
    on,
    provide,
    scope_of,
)
from cleanarch_kit.domain import DomainEvent
from cleanarch_kit.errors import DefinitionError, DependencyError

PythonCalls = Callable[[Callable[[], Coroutine[Any, Any, object]]], list[str]]


@dataclass(frozen=True, kw_only=True)
class Created(DomainEvent, name="publisher.created"):
    number: int = 0


@dataclass(frozen=True, kw_only=True)
class AdminCreated(Created, name="publisher.admin-created"):
    pass


@dataclass(frozen=True, kw_only=True)
class Deleted(DomainEvent, name="publisher.deleted"):
    number: int = 0


class Users:
    pass


log: list[object] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


def handler(name: str, error: BaseException | None = None) -> Callable[[DomainEvent], Any]:
    @on(Created)
    async def handle(event: DomainEvent) -> None:
        log.append(name)
        if error is not None:
            raise error

    return handle


async def test_events_are_delivered_in_order_each_to_every_handler_in_order() -> None:
    @on(Created)
    async def first(event: Created) -> None:
        log.append(("first", event.number))

    @on(Created)
    async def second(event: Created) -> None:
        await asyncio.sleep(0)
        log.append(("second", event.number))

    publisher: EventPublisher = InMemoryEventPublisher([first, second])
    await publisher.publish(Created(number=1), Created(number=2), Deleted())
    await publisher.publish()

    assert log == [("first", 1), ("second", 1), ("first", 2), ("second", 2)]


async def test_every_handler_runs_and_failures_are_raised_together_even_if_it_is_one() -> None:
    first, second = ValueError("first"), KeyError("second")
    publisher = InMemoryEventPublisher([handler("a", first), handler("b"), handler("c", second)])

    with pytest.raises(ExceptionGroup) as caught:
        await publisher.publish(Created())
    assert log == ["a", "b", "c"]
    assert caught.value.exceptions == (first, second)
    (note,) = first.__notes__
    assert note.startswith(f"while handling Created by {__name__}.handler.<locals>.handle ({__file__}:")

    with pytest.raises(ExceptionGroup) as caught:
        await InMemoryEventPublisher([handler("a", first)]).publish(Created(), Created())
    assert caught.value.exceptions == (first, first)
    assert caught.value.message == "event handlers failed"


async def test_a_handler_of_a_base_class_gets_what_derives_from_it_once() -> None:
    @on(AdminCreated)
    async def admin(event: AdminCreated) -> None:
        log.append("admin")

    @on(DomainEvent)
    async def every(event: DomainEvent) -> None:
        log.append("every")

    publisher = InMemoryEventPublisher([every, admin, handler("created")])
    await publisher.publish(AdminCreated())
    assert log == ["every", "admin", "created"]
    log.clear()
    await publisher.publish(Created(), Deleted())
    assert log == ["every", "created", "every"]


class Projection:
    def __init__(self, users: Users) -> None:
        self.users = users

    @on(Created)
    async def created(self, event: Created) -> None:
        log.append(self)

    @on(Deleted)
    async def deleted(self, event: Deleted) -> None:
        log.append(self)


async def test_what_a_handler_needs_is_resolved_in_a_scope_of_its_own() -> None:
    opened: list[Users] = []

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        users = Users()
        opened.append(users)
        yield provide({Users: lambda: users})

    @on(Created)
    async def remember(event: Created, *, users: Users) -> None:
        log.append(users)

    publisher = InMemoryEventPublisher([Projection, remember, handler("plain")], scope=scope)
    await publisher.publish(Created())

    projection, users, plain = log
    assert isinstance(projection, Projection)
    assert [projection.users, users, plain] == [*opened, "plain"]
    assert len(set(opened)) == 2


async def test_an_instance_is_used_as_it_is() -> None:
    projection = Projection(Users())
    await InMemoryEventPublisher([projection]).publish(Created(), Deleted())

    assert log == [projection, projection]


async def test_a_class_that_needs_nothing_is_constructed_for_each_event() -> None:
    class Counter:
        @on(Created)
        async def handle(self, event: Created) -> None:
            log.append(self)

    await InMemoryEventPublisher([Counter]).publish(Created(), Created())
    assert len(log) == 2
    assert log[0] is not log[1]


async def test_without_a_scope_a_handler_that_needs_one_fails_with_the_way_out() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await InMemoryEventPublisher([Projection]).publish(Created())
    (error,) = caught.value.exceptions
    assert isinstance(error, DependencyError)


async def test_what_no_handler_could_get_is_told_before_the_first_event() -> None:
    @on(Created)
    async def needing(event: Created, *, users: Users) -> None: ...

    await InMemoryEventPublisher([needing], scope=scope_of({Users: Users})).verify()
    await InMemoryEventPublisher([handler("first")]).verify()
    for scope, problem in (
        (scope_of({}), "needs 'users', and the scope cannot resolve Users: provide it there"),
        (None, "needs 'users' resolved and there is no scope: give one with scope=, or verify what is bound"),
    ):
        with pytest.raises(ExceptionGroup, match="the publisher is not ready") as caught:
            await InMemoryEventPublisher([needing, handler("first")], scope=scope).verify()
        (error,) = caught.value.exceptions
        assert f"needing ({__file__}:" in str(error)
        assert problem in str(error)


def test_what_is_no_event_handler_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is no handler: mark a function or a method with @on"):
        InMemoryEventPublisher([Users])


async def test_modules_are_searched() -> None:
    module = ModuleType("listeners")
    source = """
from cleanarch_kit.application import on
from cleanarch_kit.domain import DomainEvent
seen = []

@on(DomainEvent)
async def see(event: DomainEvent) -> None:
    seen.append(event)
"""
    exec(source, vars(module))  # noqa: S102 - a test's own text
    event = Created()
    await InMemoryEventPublisher([module]).publish(event)

    assert vars(module)["seen"] == [event]


async def test_subscribe_adds_a_handler_behind_the_others_and_returns_how_to_end_it() -> None:
    async def late(event: Created) -> None:
        log.append("late")

    publisher = InMemoryEventPublisher([handler("a")])
    await publisher.publish(Created())
    unsubscribe = publisher.subscribe(Created, late)
    await publisher.publish(Created())
    assert log == ["a", "a", "late"]

    unsubscribe()
    unsubscribe()
    await publisher.publish(Created())
    assert log == ["a", "a", "late", "a"]


async def test_a_function_that_is_subscribed_twice_is_called_twice_and_ended_one_by_one() -> None:
    async def listen(event: Created) -> None:
        log.append("listen")

    publisher = InMemoryEventPublisher()
    first = publisher.subscribe(Created, listen)
    publisher.subscribe(Created, listen)
    await publisher.publish(Created())
    first()
    first()
    await publisher.publish(Created())
    assert log == ["listen"] * 3


async def test_a_subscribed_handler_is_held_and_gets_what_it_needs() -> None:
    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        yield provide({Users: Users})

    publisher = InMemoryEventPublisher(scope=scope)

    def subscribe() -> None:
        async def listen(event: Created, *, users: Users) -> None:
            log.append(type(users))

        publisher.subscribe(Created, listen)

    subscribe()
    await publisher.publish(Created())
    assert log == [Users]


async def test_what_is_subscribed_or_unsubscribed_during_a_delivery_counts_from_the_next_event_on() -> None:
    publisher = InMemoryEventPublisher()

    async def added(event: Created) -> None:
        log.append("added")

    async def changing(event: Created) -> None:
        log.append("changing")
        if event.number == 1:
            publisher.subscribe(Created, added)
            end_removed()

    async def removed(event: Created) -> None:
        log.append("removed")

    publisher.subscribe(Created, changing)
    end_removed = publisher.subscribe(Created, removed)
    await publisher.publish(Created(number=1), Created(number=2))

    assert log == ["changing", "removed", "changing", "added"]


async def test_what_a_handler_publishes_is_delivered_before_its_own_delivery_goes_on() -> None:
    publisher = InMemoryEventPublisher()

    async def cascade(event: Created) -> None:
        log.append("created")
        await publisher.publish(Deleted())
        log.append("created done")

    async def deleted(event: Deleted) -> None:
        log.append("deleted")

    async def last(event: Created) -> None:
        log.append("last")

    publisher.subscribe(Created, cascade)
    publisher.subscribe(Created, last)
    publisher.subscribe(Deleted, deleted)
    await publisher.publish(Created())

    assert log == ["created", "deleted", "created done", "last"]


async def test_events_that_cause_each_other_for_ever_are_a_recursion_error() -> None:
    publisher = InMemoryEventPublisher()

    async def again(event: Created) -> None:
        await publisher.publish(Created())

    publisher.subscribe(Created, again)
    with pytest.raises(RecursionError):
        await publisher.publish(Created())


class Stop(BaseException):
    pass


@pytest.mark.parametrize("error", [Stop(), asyncio.CancelledError()])
async def test_what_is_no_exception_passes_at_once(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        await InMemoryEventPublisher([handler("a", ValueError()), handler("b", error), handler("c")]).publish(Created())
    assert caught.value is error
    assert log == ["a", "b"]


async def test_another_policy_decides_where_one_is_given() -> None:
    reported: list[Exception] = []
    failing, fine = handler("a", ValueError("broken")), handler("b")

    await InMemoryEventPublisher([failing, fine], policy=LogAndContinue(reported.append)).publish(Created(), Created())
    assert log == ["a", "b", "a", "b"]
    assert [str(error) for error in reported] == ["broken", "broken"]

    log.clear()
    with pytest.raises(ExceptionGroup, match="was not delivered to every handler"):
        await InMemoryEventPublisher([failing, fine], policy=FailFast()).publish(Created(), Created())
    assert log == ["a"]

    log.clear()
    with pytest.raises(ExceptionGroup, match="event handlers failed"):
        await InMemoryEventPublisher([failing, fine], policy=Concurrent()).publish(Created())
    assert sorted(map(str, log)) == ["a", "b"]


async def test_concurrent_handlers_have_a_scope_each() -> None:
    opened: list[Users] = []

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        users = Users()
        opened.append(users)
        yield provide({Users: lambda: users})

    def needing() -> Callable[..., Any]:
        @on(Created)
        async def handle(event: Created, *, users: Users) -> None:
            await asyncio.sleep(0)
            log.append(users)

        return handle

    await InMemoryEventPublisher([needing(), needing()], scope=scope, policy=Concurrent()).publish(Created())
    assert len(opened) == len(set(opened)) == 2
    assert set(opened) == set(log)


async def test_a_bound_publisher_uses_the_open_scope_and_the_handlers_there_are_now() -> None:
    users = Users()

    @on(Created)
    async def remember(event: Created, *, users: Users) -> None:
        log.append(users)

    async def late(event: Created) -> None:
        log.append("late")

    publisher = InMemoryEventPublisher([remember, handler("plain")])
    bound = publisher.bound(provide({Users: lambda: users}))
    publisher.subscribe(Created, late)
    await bound.publish(Created())

    assert log == [users, "plain"]


async def test_a_bound_publisher_keeps_the_policy() -> None:
    reported: list[Exception] = []
    publisher = InMemoryEventPublisher([handler("a", ValueError("broken"))], policy=LogAndContinue(reported.append))
    await publisher.bound(provide({})).publish(Created())
    assert len(reported) == 1


def test_concurrent_handlers_cannot_share_a_scope() -> None:
    with pytest.raises(DefinitionError, match="concurrent event handlers cannot share a scope: bind a publisher with"):
        InMemoryEventPublisher(policy=Concurrent()).bound(provide({}))


async def test_handlers_see_the_event_as_their_context_under_the_trail_of_what_caused_it() -> None:
    @on(Created)
    async def see(event: Created) -> None:
        log.append(current_context())

    publisher = InMemoryEventPublisher([see])
    event = Created()
    with message_context(MessageContext.new("request-1")) as command:
        await publisher.publish(event)
        assert current_context() is command
    await publisher.publish(event)

    assert log == [MessageContext(event.event_id, "request-1", command.message_id), None]


async def test_the_context_is_put_back_after_a_failure() -> None:
    publisher = InMemoryEventPublisher([handler("a", Stop())])
    with message_context(MessageContext.new()) as command, pytest.raises(Stop):
        await publisher.publish(Created())
    with message_context(command):
        with pytest.raises(Stop):
            await publisher.publish(Created())
        assert current_context() is command


async def test_concurrent_publications_do_not_mix() -> None:
    @on(Created)
    async def see(event: Created) -> None:
        await asyncio.sleep(0)
        context = current_context()
        assert context is not None
        log.append((event.number, context.correlation_id, context.message_id == event.event_id))

    publisher = InMemoryEventPublisher([see])

    async def publish(number: int) -> None:
        with message_context(MessageContext.new(str(number))):
            await publisher.publish(Created(number=number))

    await asyncio.gather(*map(publish, range(1000)))
    assert sorted(log, key=str) == sorted(((number, str(number), True) for number in range(1000)), key=str)


def test_an_event_costs_one_python_call_beside_its_handlers(python_calls: PythonCalls) -> None:
    """Deterministic, unlike time: whoever adds one has to come here and say so."""
    publisher = InMemoryEventPublisher([handler(str(number)) for number in range(10)])
    event = Created()

    python_calls(lambda: publisher.publish(event))  # who gets it is looked up once
    assert python_calls(lambda: publisher.publish(event)) == ["publish", *["handle"] * 10]


async def test_between_whoever_publishes_and_the_handler_lies_one_frame() -> None:
    async def needing(event: Created, *, users: Users) -> None:
        raise ValueError("broken")

    publisher = InMemoryEventPublisher([handler("first", ValueError("broken"))], scope=scope_of({Users: Users}))
    publisher.subscribe(Created, needing)
    with pytest.raises(ExceptionGroup) as caught:
        await publisher.publish(Created())
    frames = [[frame.name for frame in traceback.extract_tb(error.__traceback__)] for error in caught.value.exceptions]
    assert frames == [["publish", "handle"], ["publish", "needing"]]
