"""Without any container: a plain composition root, FastAPI's dependencies, and no bus at all."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI

from cleanarch_kit.application import Command, MessageBus, Resolve, handles, provide


class Users:
    def __init__(self, log: list[str]) -> None:
        self.log = log

    async def add(self, name: str) -> int:
        self.log.append(f"added {name}")
        return 7


class Mailer:
    pass


@dataclass(frozen=True)
class Create(Command[int]):
    name: str


@dataclass(frozen=True)
class Welcome(Command[str]):
    name: str


@handles(Create)
async def create(command: Create, *, users: Users) -> int:
    return await users.add(command.name)


class Welcoming:
    def __init__(self, users: Users, mailer: Mailer) -> None:
        self._users = users
        self.mailer = mailer

    @handles(Welcome)
    async def handle(self, command: Welcome) -> str:
        await self._users.add(command.name)
        return type(self.mailer).__name__


async def test_a_plain_composition_root() -> None:
    log: list[str] = []
    mailer = Mailer()  # one for the whole program

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        users = Users(log)  # one for each message
        log.append("opened")
        yield provide({Users: lambda: users, Mailer: lambda: mailer})
        log.append("closed")

    bus = MessageBus([create, Welcoming], scope=scope)
    await bus.verify()
    log.clear()

    assert await bus.execute(Create("Ada")) == 7
    assert await bus.execute(Welcome("Ada")) == "Mailer"
    assert log == ["opened", "added Ada", "closed"] * 2


async def test_an_instance_may_be_given_ready_made() -> None:
    log: list[str] = []
    bus = MessageBus([Welcoming(Users(log), Mailer())])

    assert await bus.execute(Welcome("Ada")) == "Mailer"


async def test_dependencies_of_fastapi() -> None:
    log: list[str] = []
    bus = MessageBus([create, Welcoming])  # has no scope: each request has one already
    app = FastAPI()

    async def users() -> AsyncIterator[Users]:
        log.append("opened")
        yield Users(log)
        log.append("closed")

    async def request_bus(users: Annotated[Users, Depends(users)]) -> MessageBus:
        return bus.bound(provide({Users: lambda: users, Mailer: Mailer}))

    async def post_user(name: str, bus: Annotated[MessageBus, Depends(request_bus)]) -> int:
        return await bus.execute(Create(name))

    app.post("/users")(post_user)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post("/users", params={"name": "Ada"})

    assert answer.json() == 7
    assert log == ["opened", "added Ada", "closed"]


async def test_the_same_handlers_without_a_bus() -> None:
    log: list[str] = []
    users = Users(log)

    assert await create(Create("Ada"), users=users) == 7
    assert await Welcoming(users, Mailer()).handle(Welcome("Ada")) == "Mailer"
    assert log == ["added Ada"] * 2
