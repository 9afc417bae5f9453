"""Containers that people have already fit the bus as they are.

The container makes the unit of work and the scope opens it: only there does the handler's exception arrive as one. A
container that is closed because of an exception does not raise it in what it opened (dishka sends it, svcs keeps it to
itself). Where the container has opened the unit of work too, the scope joins it, and a handler that failed is still not
committed.
"""

import warnings
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import dishka
import dishka.exceptions
import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.application import Command, CommandBus, MessageBus, Repository, Resolve, Scope, handles, provide
from cleanarch_kit.domain import AggregateRoot, EntityId

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # svcs imports the test client of every framework that is installed
    import svcs


class UserId(EntityId):
    pass


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    name: str


class Users(Repository[User, UserId]):
    pass


class InMemoryUsers(InMemoryRepository[User, UserId], Users):
    pass


@dataclass(frozen=True)
class Create(Command[UserId]):
    name: str


@dataclass(frozen=True)
class Import(Command):
    names: tuple[str, ...]


@handles(Create)
async def create(command: Create, *, users: Users) -> UserId:
    user = User(id=UserId.new(), name=command.name)
    await users.add(user)
    if not command.name:
        raise ValueError("a user needs a name")
    return user.id


class Importing:
    def __init__(self, users: Users, bus: CommandBus) -> None:
        self._users = users
        self._bus = bus

    @handles(Import)
    async def handle(self, command: Import) -> None:
        for name in command.names:
            await self._users.get(await self._bus.execute(Create(name)))


HANDLERS = (create, Importing)


async def names_in(store: InMemoryStore) -> list[str]:
    async with InMemoryUnitOfWork(store, read_only=True) as uow:
        return [user.name for user in await InMemoryUsers(uow).list(order_by=lambda user: user.name)]


async def prove(scope: Scope, store: InMemoryStore) -> None:
    bus = MessageBus(HANDLERS, scope=scope)
    await bus.verify()

    await bus.execute(Create("Ada"))
    await bus.execute(Import(("Grace", "Joan")))
    assert await names_in(store) == ["Ada", "Grace", "Joan"]
    with pytest.raises(ValueError, match="a user needs a name"):
        await bus.execute(Import(("Mary", "")))
    assert await names_in(store) == ["Ada", "Grace", "Joan"]


async def missing(scope: Scope) -> list[str]:
    with pytest.raises(ExceptionGroup) as caught:
        await MessageBus(HANDLERS, scope=scope).verify()
    assert all(error.__cause__ is not None for error in caught.value.exceptions)
    return [str(error).split("needs")[1] for error in caught.value.exceptions]


def in_memory_users(uow: InMemoryUnitOfWork) -> Users:
    return InMemoryUsers(uow)


def dishka_scope(container: dishka.AsyncContainer) -> Scope:
    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        async with container() as request, await request.get(InMemoryUnitOfWork):
            yield request.get

    return scope


async def test_dishka() -> None:
    store = InMemoryStore()

    def unit_of_work() -> InMemoryUnitOfWork:
        return InMemoryUnitOfWork(store)

    provider = dishka.Provider(scope=dishka.Scope.REQUEST)
    provider.provide(unit_of_work)
    provider.provide(in_memory_users)
    container = dishka.make_async_container(provider)

    await prove(dishka_scope(container), store)
    await container.close()


async def test_a_unit_of_work_that_dishka_opened_is_not_committed_when_the_handler_fails() -> None:
    store = InMemoryStore()

    async def unit_of_work() -> AsyncIterator[InMemoryUnitOfWork]:
        async with InMemoryUnitOfWork(store) as uow:
            yield uow

    provider = dishka.Provider(scope=dishka.Scope.REQUEST)
    provider.provide(unit_of_work)
    provider.provide(in_memory_users)
    container = dishka.make_async_container(provider)

    with pytest.raises(dishka.exceptions.ExitError):  # dishka's own word for it
        await MessageBus(HANDLERS, scope=dishka_scope(container)).execute(Create(""))
    assert await names_in(store) == []
    await container.close()


async def test_dishka_without_a_provider() -> None:
    container = dishka.make_async_container()

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        async with container() as request:
            yield request.get

    assert await missing(scope) == [" 'users', and the scope cannot resolve Users: provide it there"] * 2
    await container.close()


def svcs_registry(store: InMemoryStore, *, enter: bool) -> Any:
    registry: Any = svcs.Registry()

    async def users(container: svcs.Container) -> Users:
        return InMemoryUsers(await container.aget(InMemoryUnitOfWork))

    registry.register_factory(InMemoryUnitOfWork, lambda: InMemoryUnitOfWork(store), enter=enter)
    registry.register_factory(Users, users)
    return registry


def svcs_scope(registry: Any) -> Scope:
    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        async with svcs.Container(registry) as container, await container.aget(InMemoryUnitOfWork):
            yield container.aget

    return scope


async def test_svcs() -> None:
    store = InMemoryStore()
    registry = svcs_registry(store, enter=False)

    await prove(svcs_scope(registry), store)
    await registry.aclose()


async def test_a_unit_of_work_that_svcs_opened_is_not_committed_when_the_handler_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = InMemoryStore()
    registry = svcs_registry(store, enter=True)

    await prove(svcs_scope(registry), store)
    assert caplog.records  # svcs logs what the failing end of the unit of work raised
    await registry.aclose()


async def test_svcs_without_a_service() -> None:
    registry: Any = svcs.Registry()

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        async with svcs.Container(registry) as container:
            yield container.aget

    assert await missing(scope) == [" 'users', and the scope cannot resolve Users: provide it there"] * 2
    await registry.aclose()


async def test_provide_without_a_factory() -> None:
    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        yield provide({})

    assert await missing(scope) == [" 'users', and the scope cannot resolve Users: provide it there"] * 2
