"""What `explain` tells, to the letter."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from cleanarch_kit.adapters.memory import InMemoryCacheBackend, InMemoryIdempotencyStore
from cleanarch_kit.application import (
    Authorization,
    Cache,
    Command,
    Correlation,
    Idempotency,
    Logging,
    Message,
    MessageBus,
    Next,
    Query,
    QueryCache,
    Resolve,
    Retry,
    Timeout,
    Validation,
    anyone,
    cached_query,
    handles,
    idempotent,
    only,
    policy,
    provide,
    rule,
    scope_of,
)

R = TypeVar("R")


class Users:
    pass


class Caller:
    pass


@dataclass(frozen=True)
class Create(Command[int]):
    name: str


@dataclass(frozen=True)
class Find(Query[int]):
    pass


@handles(Create)
async def create(command: Create, *, users: Users, names: list[str]) -> int:
    return 1


@handles(Find)
async def find(query: Find) -> int:
    return 1


def not_empty(command: Create) -> None: ...


async def admin(command: Create, *, caller: Caller) -> bool:
    return True


async def audit(message: Message[R], call_next: Next[R]) -> R:
    return await call_next(message)


class Opaque:
    async def __call__(self, message: Message[R], call_next: Next[R], /) -> R:
        return await call_next(message)


@asynccontextmanager
async def scope() -> AsyncGenerator[Resolve]:
    yield provide({})


def line_of(function: Any) -> str:
    return f"{__file__}:{function.__code__.co_firstlineno}"


def test_a_scope_that_is_a_mapping_is_told_by_what_it_gives() -> None:
    assert (
        MessageBus([create], scope=scope_of({Users: Users, Caller: Caller})).explain(Create)
        == f"""\
Create
  made by     scope_of(Users, Caller)
  handler     {__name__}.create needs users: Users, names: list[str]
              {line_of(create)}"""
    )


def test_the_whole_way_is_told_from_the_outermost_to_the_handler() -> None:
    cache = Cache(InMemoryCacheBackend(), namespace="explained")
    bus = MessageBus(
        [create, find],
        middleware=[
            Correlation(),
            Logging(),
            Validation([rule(Create, not_empty)]),
            Authorization([policy(Message, anyone)]),
            Idempotency([idempotent(Create, lambda command: command.name)], store=InMemoryIdempotencyStore()),
            QueryCache(cache, [cached_query(Find, ttl=timedelta(minutes=1))]),
            Retry(),
            Timeout(5),
            only(Command, audit),
            Opaque(),
        ],
        scope=scope,
    )
    scoped = MessageBus(
        [create],
        scoped_middleware=[
            Authorization([policy(Create, admin)]),
            Idempotency([idempotent(Create, lambda command: command.name)]),
        ],
        scope=scope,
    )
    wrapped: Any = scope
    opens = line_of(wrapped.__wrapped__)

    assert (
        bus.explain(Create)
        == f"""\
Create
  middleware  Correlation()
  middleware  Logging(cleanarch_kit.messages)
  middleware  Validation({__name__}.not_empty)
  middleware  Authorization(cleanarch_kit.application.middleware.authorization.anyone)
  middleware  Idempotency(InMemoryIdempotencyStore)
  middleware  Retry(3 attempts on TransientError) (not for messages that join an open scope)
  middleware  Timeout(5 s)
  middleware  {__name__}.audit
  middleware  {__name__}.Opaque
  opens       {__name__}.scope ({opens})
  handler     {__name__}.create needs users: Users, names: list[str]
              {line_of(create)}"""
    )
    assert (
        bus.explain(Find)
        == f"""\
Find
  middleware  Correlation()
  middleware  Logging(cleanarch_kit.messages)
  middleware  Authorization(cleanarch_kit.application.middleware.authorization.anyone)
  middleware  QueryCache(60 s)
  middleware  Retry(3 attempts on TransientError) (not for messages that join an open scope)
  middleware  Timeout(5 s)
  middleware  {__name__}.Opaque
  handler     {__name__}.find
              {line_of(find)}"""
    )
    assert (
        scoped.explain(Create)
        == f"""\
Create
  opens       {__name__}.scope ({opens})
  inside      Authorization({__name__}.admin) needs caller: Caller
  inside      Idempotency(in the transaction) needs store: IdempotencyStore
  handler     {__name__}.create needs users: Users, names: list[str]
              {line_of(create)}"""
    )
