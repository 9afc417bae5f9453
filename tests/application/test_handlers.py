"""`@handles` and `@on` mark a function and leave it as it is."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, assert_type

import pytest

from cleanarch_kit.application import Command, Query, StreamQuery, handles, in_thread, on
from cleanarch_kit.application.handlers import EventMark, MessageMark, marks_of
from cleanarch_kit.domain import DomainEvent
from cleanarch_kit.errors import DefinitionError

untyped_handles: Any = handles  # for what a type checker would not let pass
untyped_on: Any = on


class Users:
    pass


@dataclass(frozen=True, slots=True)
class Create(Command[int]):
    name: str


@dataclass(frozen=True, slots=True)
class Count(StreamQuery[int]):
    upto: int


@dataclass(frozen=True, kw_only=True)
class Created(DomainEvent, name="handlers.created"):
    name: str


@dataclass(frozen=True, kw_only=True)
class Deleted(DomainEvent, name="handlers.deleted"):
    name: str


async def create(command: Create, *, users: Users) -> int:
    """Create."""
    return len(command.name)


def test_the_function_itself_is_returned_with_a_mark() -> None:
    marked = handles(Create)(create)

    assert marked is create
    assert marks_of(create) == (MessageMark(Create),)
    assert create.__doc__ == "Create."


async def test_a_marked_function_is_called_like_any_other() -> None:
    @handles(Create)
    async def handle(command: Create, *, users: Users) -> int:
        return len(command.name)

    assert_type(await handle(Create("Ada"), users=Users()), int)
    task = asyncio.create_task(handle(Create("Ada"), users=Users()))
    assert await task == 3


async def test_a_marked_generator_and_a_marked_method_are_called_like_any_other() -> None:
    @handles(Count)
    async def count(query: Count) -> AsyncIterator[int]:
        for number in range(query.upto):
            yield number

    class Handler:
        @handles(Create)
        async def handle(self, command: Create) -> int:
            return len(command.name)

        @handles(Count)
        async def count(self, query: Count) -> AsyncIterator[int]:
            yield query.upto

    assert [number async for number in count(Count(3))] == [0, 1, 2]
    assert await Handler().handle(Create("Ada")) == 3
    assert [number async for number in Handler().count(Count(3))] == [3]


def test_nothing_is_registered_anywhere() -> None:
    assert marks_of(Create) == ()
    assert marks_of(object()) == ()


def test_on_can_be_stacked_and_keeps_the_order_of_writing() -> None:
    @on(Created)
    @on(Deleted)
    async def audit(event: Created | Deleted) -> None:
        pass

    assert marks_of(audit) == (EventMark(Created), EventMark(Deleted))


async def test_a_stacked_handler_takes_the_union_or_a_common_base() -> None:
    seen: list[DomainEvent] = []

    @on(Created)
    @on(Deleted)
    async def both(event: Created | Deleted, *, users: Users) -> None:
        seen.append(event)

    @on(Created)
    @on(Deleted)
    async def every(event: DomainEvent) -> None:
        seen.append(event)

    @on(Created)
    async def base(event: DomainEvent) -> None:
        seen.append(event)

    created, deleted = Created(name="Ada"), Deleted(name="Ada")
    await both(created, users=Users())
    await both(deleted, users=Users())
    await every(created)
    await every(deleted)
    await base(created)
    assert seen == [created, deleted, created, deleted, created]


def test_a_wrapper_keeps_the_mark_of_what_it_wraps() -> None:
    def traced(function: Callable[[Create], Awaitable[int]]) -> Callable[[Create], Awaitable[int]]:
        @functools.wraps(function)
        async def wrapper(command: Create) -> int:
            return await function(command)

        return wrapper

    @traced
    @handles(Create)
    async def handle(command: Create) -> int:
        return 1

    assert marks_of(handle) == (MessageMark(Create),)


async def test_a_plain_wrapper_around_an_async_function_may_be_marked() -> None:
    async def handle(command: Create) -> int:
        return 1

    @functools.wraps(handle)
    def wrapper(*args: Any) -> Any:
        return handle(*args)

    assert await untyped_handles(Create)(wrapper)(Create("Ada")) == 1


async def test_a_callable_object_may_be_marked() -> None:
    class Handler:
        async def __call__(self, command: Create) -> int:
            return 1

    handler = Handler()
    assert handles(Create)(handler) is handler
    assert marks_of(handler) == (MessageMark(Create),)


@pytest.mark.parametrize("message", [object, "Create", int, None, DomainEvent])
def test_handles_refuses_what_is_no_message(message: object) -> None:
    with pytest.raises(DefinitionError, match="is no message: derive its class from Command, Query or StreamQuery"):
        untyped_handles(message)


@pytest.mark.parametrize("event", [object, "Created", Create, None])
def test_on_refuses_what_is_no_event(event: object) -> None:
    with pytest.raises(DefinitionError, match="is no event: derive its class from DomainEvent"):
        untyped_on(event)


def test_a_plain_function_is_refused_with_the_way_out() -> None:
    def blocking(message: object) -> int:
        return 1

    with pytest.raises(DefinitionError, match=r"blocking handles Create and is not async: write `async def`, or wrap"):
        untyped_handles(Create)(blocking)
    with pytest.raises(DefinitionError, match=r"blocking handles Created and is not async: write `async def`, or wrap"):
        untyped_on(Created)(blocking)
    with pytest.raises(DefinitionError, match=r"blocking handles Count and is no async generator: write `async def`"):
        untyped_handles(Count)(blocking)


def test_an_async_generator_is_no_handler_of_a_command_and_a_coroutine_none_of_a_stream() -> None:
    async def count(query: Count) -> AsyncIterator[int]:
        yield 1

    async def handle(command: Create) -> int:
        return 1

    with pytest.raises(DefinitionError, match="is not async"):
        untyped_handles(Create)(count)
    with pytest.raises(DefinitionError, match="is no async generator"):
        untyped_handles(Count)(handle)


def test_a_handler_has_one_message() -> None:
    @handles(Create)
    async def handle(command: Create) -> int:
        return 1

    async def count(query: Count) -> AsyncIterator[int]:
        yield 1

    with pytest.raises(DefinitionError, match="is marked twice: give each message a handler of its own"):
        handles(Create)(handle)
    handles(Count)(count)
    with pytest.raises(DefinitionError, match="is marked twice: give each message a handler of its own"):
        handles(Count)(count)


def test_what_cannot_carry_a_mark_is_refused() -> None:
    class Slotted:
        __slots__ = ()

        async def __call__(self, command: Create) -> int:
            return 1

    with pytest.raises(DefinitionError, match="cannot be marked as a handler: write an async function that calls it"):
        handles(Create)(Slotted())


async def test_a_blocking_function_becomes_a_handler_through_in_thread() -> None:
    @handles(Create)
    @in_thread
    def blocking(command: Create, *, users: Users) -> int:
        return len(command.name)

    assert await blocking(Create("Ada"), users=Users()) == 3


def test_queries_are_messages_too() -> None:
    class Find(Query[str]):
        pass

    async def find(query: Find) -> str:
        return ""

    assert marks_of(handles(Find)(find)) == (MessageMark(Find),)
