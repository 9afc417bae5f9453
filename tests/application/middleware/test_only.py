"""`only` decides when the bus is built."""

from dataclasses import dataclass
from typing import TypeVar

from cleanarch_kit.application import Command, Message, Next, Query, Retry, StreamQuery, Timeout, only

R = TypeVar("R")


@dataclass(frozen=True)
class Do(Command):
    pass


@dataclass(frozen=True)
class Ask(Query[int]):
    pass


@dataclass(frozen=True)
class Rows(StreamQuery[int]):
    pass


async def pass_on(message: Message[R], call_next: Next[R]) -> R:
    return await call_next(message)


def test_it_applies_to_a_class_and_what_derives_from_it() -> None:
    assert only(Command, pass_on).middleware_for(Do) is pass_on
    assert only(Do, pass_on).middleware_for(Do) is pass_on
    assert only(Command, pass_on).middleware_for(Ask) is None
    assert only(Message, pass_on).middleware_for(Rows) is None
    assert only(StreamQuery, pass_on).middleware_for(Rows) is pass_on


def test_a_middleware_that_chooses_for_itself_is_asked() -> None:
    retry, timeout = Retry(), Timeout(1)

    assert only(Command, retry).middleware_for(Do) is retry
    assert only(StreamQuery, timeout).middleware_for(Rows) is None
    assert only(Command, only(Query, timeout)).middleware_for(Do) is None
