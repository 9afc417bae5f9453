"""Every message has a policy, and it decides before anything else happens."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cleanarch_kit.application import (
    Authorization,
    Command,
    CommandBus,
    MessageBus,
    Query,
    Resolve,
    StreamQuery,
    anyone,
    handles,
    policy,
    provide,
)
from cleanarch_kit.errors import AccessDeniedError, DefinitionError


@dataclass(frozen=True)
class Close(Command[str]):
    owner: str


@dataclass(frozen=True)
class CloseAll(Command[str]):
    pass


@dataclass(frozen=True)
class Ask(Query[str]):
    pass


@dataclass(frozen=True)
class Rows(StreamQuery[int]):
    owner: str


@dataclass(frozen=True)
class Caller:
    name: str


handled: list[object] = []


@pytest.fixture(autouse=True)
def nothing_handled() -> None:
    handled.clear()


@handles(Close)
async def close(command: Close) -> str:
    handled.append(command)
    return "closed"


@handles(CloseAll)
async def close_all(command: CloseAll, *, bus: CommandBus) -> str:
    return await bus.execute(Close("Grace"))


@handles(Ask)
async def ask(query: Ask) -> str:
    return "answer"


@handles(Rows)
async def rows(query: Rows) -> AsyncIterator[int]:
    handled.append(query)
    yield 1


async def owner(message: Close | Rows, *, caller: Caller) -> bool:
    return message.owner == caller.name


@asynccontextmanager
async def scope() -> AsyncGenerator[Resolve]:
    yield provide({Caller: lambda: Caller("Ada")})


AUTHORIZATION = Authorization(
    [policy(Close, owner), policy(Rows, owner), policy(Query, anyone), policy(Command, anyone)]
)


def bus() -> MessageBus:
    return MessageBus([close, close_all, ask, rows], scoped_middleware=[AUTHORIZATION], scope=scope)


async def test_the_policy_decides_with_what_it_asks_for() -> None:
    assert await bus().execute(Close("Ada")) == "closed"
    with pytest.raises(AccessDeniedError) as caught:
        await bus().execute(Close("Grace"))
    assert caught.value.message_type == "Close"
    assert handled == [Close("Ada")]


async def test_the_policy_of_the_nearest_class_counts() -> None:
    assert await bus().execute(Ask()) == "answer"


async def test_a_nested_message_is_decided_about_by_itself() -> None:
    with pytest.raises(AccessDeniedError):
        await bus().execute(CloseAll())
    assert handled == []


async def test_a_stream_is_decided_about_before_its_first_item() -> None:
    assert [item async for item in bus().stream(Rows("Ada"))] == [1]
    with pytest.raises(AccessDeniedError):
        await anext(bus().stream(Rows("Grace")))
    assert handled == [Rows("Ada")]


async def test_an_error_of_a_policy_arrives_unchanged() -> None:
    error = OSError("no directory")

    async def fail(message: object) -> bool:
        raise error

    with pytest.raises(OSError, match="no directory") as caught:
        await MessageBus([ask], middleware=[Authorization([policy(Query, fail)])]).execute(Ask())
    assert caught.value is error


async def test_policies_that_need_nothing_may_stand_outside_the_scope() -> None:
    async def nobody(message: object) -> bool:
        return False

    with pytest.raises(AccessDeniedError):
        await MessageBus([ask], middleware=[Authorization([policy(Query, nobody)])]).execute(Ask())


def test_policies_that_need_something_are_refused_outside_the_scope() -> None:
    outside: Any = [AUTHORIZATION]
    with pytest.raises(DefinitionError, match=r"asks for 'caller', and outside the scope nothing can be resolved"):
        MessageBus([close], middleware=outside, scope=scope)


def test_a_message_without_a_policy_is_refused_when_the_bus_is_built() -> None:
    with pytest.raises(DefinitionError) as caught:
        MessageBus([ask], scoped_middleware=[Authorization([policy(Close, owner)])])
    assert str(caught.value).startswith(f"Ask ({__file__}:")
    assert str(caught.value).endswith(
        "has no policy: give Authorization one for it, policy(..., anyone) if everybody may have it handled"
    )


def test_two_policies_of_one_class_are_refused() -> None:
    with pytest.raises(DefinitionError, match="Close has two policies: keep one"):
        Authorization([policy(Close, owner), policy(Close, anyone)])
