"""Middleware stands in one order, on the side of the scope where it belongs, around the messages it is for."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from cleanarch_kit.application import (
    Command,
    Dependency,
    Message,
    MessageBus,
    Next,
    NextStream,
    Query,
    Resolve,
    StreamQuery,
    handles,
    only,
    provide,
)
from cleanarch_kit.application.middleware.protocol import Placement
from cleanarch_kit.errors import DefinitionError

R = TypeVar("R")
log: list[object] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


class Users:
    pass


@dataclass(frozen=True)
class Do(Command[str]):
    pass


@dataclass(frozen=True)
class Ask(Query[str]):
    pass


@dataclass(frozen=True)
class Rows(StreamQuery[int]):
    pass


@handles(Do)
async def do(command: Do, *, users: Users) -> str:
    log.append("do")
    return "done"


@handles(Ask)
async def ask(query: Ask) -> str:
    log.append("ask")
    return "answered"


@handles(Rows)
async def rows(query: Rows) -> AsyncIterator[int]:
    log.append("rows")
    yield 1
    yield 2


@asynccontextmanager
async def scope() -> AsyncGenerator[Resolve]:
    log.append("open")
    yield provide({Users: Users})
    log.append("close")


def named(name: str) -> Callable[..., Any]:
    async def middleware(message: Message[R], call_next: Next[R]) -> R:
        log.append(f"{name} in")
        try:
            return await call_next(message)
        finally:
            log.append(f"{name} out")

    return middleware


class Streaming:
    """A middleware for messages and for streams."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, message: Message[R], call_next: Next[R], /) -> R:
        log.append(f"{self.name} in")
        return await call_next(message)

    async def stream(self, query: StreamQuery[R], call_next: NextStream[R], /) -> AsyncGenerator[R]:
        log.append(f"{self.name} streams in")
        try:
            async with aclosing(call_next(query)) as items:
                async for item in items:
                    yield item
        finally:
            log.append(f"{self.name} streams out")


async def test_the_order_given_is_the_order_from_the_outermost_inwards() -> None:
    bus = MessageBus([do], middleware=[named("a"), named("b")], scoped_middleware=[named("c"), named("d")], scope=scope)

    assert await bus.execute(Do()) == "done"
    assert log == [
        *("a in", "b in", "open", "c in", "d in"),
        "do",
        *("d out", "c out", "close", "b out", "a out"),
    ]


async def test_within_an_open_scope_the_order_is_the_same() -> None:
    bus = MessageBus([do], middleware=[named("a"), named("b")], scoped_middleware=[named("c")], scope=scope)

    assert await bus.bound(provide({Users: Users})).execute(Do()) == "done"
    assert log == ["a in", "b in", "c in", "do", "c out", "b out", "a out"]


async def test_scoped_middleware_opens_a_scope_for_a_handler_that_needs_none() -> None:
    await MessageBus([ask], scoped_middleware=[named("a")], scope=scope).execute(Ask())

    assert log == ["open", "a in", "ask", "a out", "close"]


async def test_only_applies_to_messages_of_a_class_and_nothing_is_left_for_others() -> None:
    bus = MessageBus(
        [do, ask, rows],
        middleware=[only(Command, named("commands")), only(Message, named("messages"))],
        scoped_middleware=[only(Query, named("queries"))],
        scope=scope,
    )

    await bus.execute(Do())
    assert log == ["commands in", "messages in", "open", "do", "close", "messages out", "commands out"]
    log.clear()
    await bus.execute(Ask())
    assert log == ["messages in", "open", "queries in", "ask", "queries out", "close", "messages out"]
    log.clear()
    assert [item async for item in bus.stream(Rows())] == [1, 2]
    assert log == ["rows"]


async def test_only_asks_a_factory_for_messages_of_its_class() -> None:
    class Factory:
        def middleware_for(self, message_type: type[object], /) -> Any:
            return named(message_type.__name__)

    bus = MessageBus([do, ask], middleware=[only(Command, Factory())], scope=scope)
    await bus.execute(Ask())
    await bus.execute(Do())

    assert log == ["ask", "Do in", "open", "do", "close", "Do out"]


async def test_scoped_middleware_gets_what_it_asks_for() -> None:
    async def audit(message: Message[R], call_next: Next[R], *, users: Users) -> R:
        log.append(type(users).__name__)
        return await call_next(message)

    class Auditing:
        async def __call__(self, message: Message[R], call_next: Next[R], /, *, users: Users) -> R:
            log.append(f"object got {type(users).__name__}")
            return await call_next(message)

    class Stating:
        dependencies = (Dependency("wanted", Users),)

        async def __call__(self, message: Message[R], call_next: Next[R], /, **needed: object) -> R:
            log.append(sorted(needed))
            return await call_next(message)

    bus = MessageBus([ask], scoped_middleware=[audit, Auditing(), Stating()], scope=scope)
    await bus.execute(Ask())

    assert log == ["open", "Users", "object got Users", ["wanted"], "ask", "close"]


def test_middleware_outside_the_scope_cannot_ask_for_anything() -> None:
    async def audit(message: Message[R], call_next: Next[R], *, users: Users) -> R:
        return await call_next(message)

    untyped: Any = audit
    with pytest.raises(
        DefinitionError,
        match=r"audit \(.*test_pipeline.py:\d+\) asks for 'users', and outside the scope nothing can be resolved:"
        r" give it to the bus as `scoped_middleware`$",
    ):
        MessageBus([ask], middleware=[untyped])


class Inside(Streaming):
    placement = Placement.INSIDE


class Outside(Streaming):
    placement = Placement.OUTSIDE


class Fresh(Streaming):
    needs_fresh_scope = True


def test_the_wrong_side_of_the_scope_is_refused_when_the_bus_is_built() -> None:
    with pytest.raises(DefinitionError, match=r"Inside belongs inside the scope, in `scoped_middleware`$"):
        MessageBus([ask], middleware=[Inside("x")])
    with pytest.raises(DefinitionError, match=r"Outside belongs outside the scope, in `middleware`$"):
        MessageBus([ask], scoped_middleware=[Outside("x")])
    with pytest.raises(DefinitionError, match=r"Fresh belongs outside the scope, in `middleware`$"):
        MessageBus([ask], scoped_middleware=[Fresh("x")])
    with pytest.raises(DefinitionError, match=r"Outside belongs outside the scope, in `middleware`$"):
        MessageBus([ask], scoped_middleware=[only(Message, Outside("x"))])
    MessageBus([ask, rows], middleware=[Outside("x")], scoped_middleware=[Inside("y")], scope=scope)


def test_what_cannot_be_called_as_a_middleware_is_refused() -> None:
    async def handler(message: object) -> None: ...

    untyped: Any = handler
    with pytest.raises(DefinitionError, match="must take a message and the next step by position"):
        MessageBus([ask], middleware=[untyped])


async def test_what_needs_a_fresh_scope_is_left_out_for_messages_that_join_one() -> None:
    bus = MessageBus([do], middleware=[Fresh("fresh"), named("a")], scope=scope)
    await bus.execute(Do())
    assert log[0] == "fresh in"
    log.clear()
    await bus.bound(provide({Users: Users})).execute(Do())
    assert log == ["a in", "do", "a out"]


class Answering(Streaming):
    answers_itself = True


class Guarding(Streaming):
    guards = True


@pytest.mark.parametrize("sides", [("middleware", "middleware"), ("middleware", "scoped"), ("scoped", "scoped")])
def test_what_answers_itself_must_not_stand_before_what_guards(sides: tuple[str, str]) -> None:
    answering, guarding = Answering("x"), Guarding("y")
    outer = [step for step, side in zip((answering, guarding), sides, strict=True) if side == "middleware"]
    inner = [step for step, side in zip((answering, guarding), sides, strict=True) if side == "scoped"]

    with pytest.raises(
        DefinitionError,
        match=r"^Ask passes .*Answering before .*Guarding, so that it would answer who is not allowed: put the guard",
    ):
        MessageBus([ask], middleware=outer, scoped_middleware=inner, scope=scope)
    MessageBus([ask], middleware=[guarding, answering], scope=scope)


async def test_a_stream_passes_the_stream_methods_on_both_sides() -> None:
    bus = MessageBus([rows], middleware=[Streaming("outer")], scoped_middleware=[Streaming("inner")], scope=scope)

    assert [item async for item in bus.stream(Rows())] == [1, 2]
    assert log == [
        *("outer streams in", "open", "inner streams in", "rows"),
        *("inner streams out", "close", "outer streams out"),
    ]
    log.clear()
    assert [item async for item in bus.bound(provide({})).stream(Rows())] == [1, 2]
    assert log == ["outer streams in", "inner streams in", "rows", "inner streams out", "outer streams out"]


def test_a_middleware_that_says_nothing_about_streams_is_refused_around_one() -> None:
    for side in ("middleware", "scoped_middleware"):
        around: Any = {side: [named("a")]}
        with pytest.raises(
            DefinitionError,
            match=r"middleware \(.*\) does not say what it does to a stream: give it a method `stream`, or apply it"
            r" with only\(Message, ...\)$",
        ):
            MessageBus([rows], scope=scope, **around)


async def test_every_exit_runs_once_when_the_handler_is_ended_by_a_base_exception() -> None:
    class Stop(BaseException):
        pass

    async def stop(query: Ask) -> str:
        raise Stop

    bus = MessageBus([handles(Ask)(stop)], middleware=[named("a"), named("b")])
    with pytest.raises(Stop):
        await bus.execute(Ask())
    assert log == ["a in", "b in", "b out", "a out"]
