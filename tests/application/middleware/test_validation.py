"""Rules run before the handler, in order, for the messages they are for."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from cleanarch_kit.application import (
    Command,
    MessageBus,
    Query,
    Resolve,
    StreamQuery,
    Validation,
    handles,
    provide,
    rule,
)
from cleanarch_kit.errors import InvalidValueError


@dataclass(frozen=True)
class Book(Command[str]):
    start: int
    end: int


@dataclass(frozen=True)
class Rows(StreamQuery[int]):
    upto: int


@dataclass(frozen=True)
class Ask(Query[str]):
    pass


class Users:
    pass


log: list[str] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


@handles(Book)
async def book(command: Book, *, users: Users) -> str:
    log.append("handled")
    return "booked"


@handles(Rows)
async def rows(query: Rows) -> AsyncIterator[int]:
    for number in range(query.upto):
        yield number


@handles(Ask)
async def ask(query: Ask) -> str:
    return "answer"


@asynccontextmanager
async def scope() -> AsyncGenerator[Resolve]:
    log.append("opened")
    yield provide({Users: Users})


def starts_before_it_ends(command: Book) -> None:
    log.append("first")
    if command.start >= command.end:
        raise InvalidValueError("Book", "must start before it ends")


def is_short(command: Book) -> None:
    log.append("second")
    if command.end - command.start > 10:
        raise InvalidValueError("Book", "must not be longer than 10")


def is_bounded(query: Rows) -> None:
    if query.upto > 3:
        raise InvalidValueError("Rows", "must not be more than 3")


VALIDATION = Validation(
    [
        rule(Book, starts_before_it_ends),
        rule(Command, lambda _: log.append("every")),
        rule(Book, is_short),
        rule(Rows, is_bounded),
    ]
)


async def test_a_message_that_keeps_all_rules_is_handled() -> None:
    bus = MessageBus([book, rows, ask], middleware=[VALIDATION], scope=scope)

    assert await bus.execute(Book(1, 2)) == "booked"
    assert log == ["first", "every", "second", "opened", "handled"]


async def test_the_first_rule_that_is_broken_counts_and_no_scope_is_opened() -> None:
    bus = MessageBus([book], middleware=[VALIDATION], scope=scope)

    with pytest.raises(InvalidValueError, match="must start before it ends"):
        await bus.execute(Book(100, 2))
    assert log == ["first"]
    with pytest.raises(InvalidValueError, match="must not be longer than 10"):
        await bus.execute(Book(1, 20))


async def test_it_may_stand_inside_the_scope() -> None:
    bus = MessageBus([book], scoped_middleware=[VALIDATION], scope=scope)

    with pytest.raises(InvalidValueError):
        await bus.execute(Book(2, 1))
    assert log == ["opened", "first"]


async def test_streams_are_checked_before_the_first_item() -> None:
    bus = MessageBus([rows], middleware=[VALIDATION])

    assert [item async for item in bus.stream(Rows(3))] == [0, 1, 2]
    with pytest.raises(InvalidValueError, match="must not be more than 3"):
        await anext(bus.stream(Rows(4)))


def test_a_message_without_a_rule_does_not_pass_at_all() -> None:
    assert "Validation" not in MessageBus([ask], middleware=[VALIDATION]).explain(Ask)
