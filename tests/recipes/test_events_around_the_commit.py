"""Event handlers before the commit belong to it; those after it are told, and change nothing of the result."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from cleanarch_kit.adapters.memory import (
    InMemoryEventPublisher,
    InMemoryRepository,
    InMemoryStore,
    InMemoryUnitOfWork,
)
from cleanarch_kit.application import Command, MessageBus, Repository, Resolve, Scope, handles, on, provide
from cleanarch_kit.domain import AggregateRoot, DomainEvent, EntityId


class UserId(EntityId):
    pass


@dataclass(frozen=True, kw_only=True)
class UserCreated(DomainEvent, name="around-the-commit.user-created"):
    name: str


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    name: str


class Users(Repository[User, UserId]):
    pass


class InMemoryUsers(InMemoryRepository[User, UserId], Users):
    pass


@dataclass(frozen=True)
class Create(Command[str]):
    name: str


@handles(Create)
async def create(command: Create, *, users: Users) -> str:
    user = User(id=UserId.new(), name=command.name)
    user.record_event(UserCreated(name=user.name))
    await users.add(user)
    return user.name


@on(UserCreated)
async def refuse_empty_names(event: UserCreated, *, users: Users) -> None:
    if not event.name:
        raise ValueError("a user needs a name")


@on(UserCreated)
async def send_mail(event: UserCreated) -> None:
    raise OSError("no mail today")


def scope_over(store: InMemoryStore, reported: list[BaseException]) -> Scope:
    before, after = InMemoryEventPublisher([refuse_empty_names]), InMemoryEventPublisher([send_mail])

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        async with InMemoryUnitOfWork(store, publisher=after, on_after_commit_error=reported.append) as uow:
            resolve = provide({Users: lambda: InMemoryUsers(uow)})
            uow.before_commit(before.bound(resolve).publish)
            yield resolve

    return scope


async def names_in(store: InMemoryStore) -> list[str]:
    async with InMemoryUnitOfWork(store, read_only=True) as uow:
        return [user.name for user in await InMemoryUsers(uow).list()]


async def test_a_handler_that_fails_after_the_commit_is_reported_and_the_result_returns() -> None:
    store, reported = InMemoryStore(), list[BaseException]()

    assert await MessageBus([create], scope=scope_over(store, reported)).execute(Create("Ada")) == "Ada"

    assert await names_in(store) == ["Ada"]
    (group,) = reported
    with pytest.raises(ExceptionGroup) as caught:
        raise group
    assert [str(error) for error in caught.value.exceptions] == ["no mail today"]
    assert "send_mail" in caught.value.exceptions[0].__notes__[0]


async def test_a_handler_that_fails_before_the_commit_undoes_everything() -> None:
    store, reported = InMemoryStore(), list[BaseException]()

    with pytest.raises(ExceptionGroup) as caught:
        await MessageBus([create], scope=scope_over(store, reported)).execute(Create(""))

    assert [str(error) for error in caught.value.exceptions] == ["a user needs a name"]
    assert await names_in(store) == []
    assert reported == []
