"""Mistakes that buses and publishers elsewhere make, each pinned so that it is never made here."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cleanarch_kit.adapters.memory import (
    InMemoryEventPublisher,
    InMemoryRepository,
    InMemoryStore,
    InMemoryUnitOfWork,
)
from cleanarch_kit.application import (
    Command,
    CommandBus,
    Concurrent,
    Correlation,
    MessageBus,
    MessageContext,
    Repository,
    Resolve,
    current_context,
    handles,
    on,
    provide,
    scope_of,
)
from cleanarch_kit.domain import AggregateRoot, DomainEvent, EntityId
from cleanarch_kit.errors import DefinitionError, DuplicateHandlerError, HandlerNotFoundError


@dataclass(frozen=True)
class Create(Command[int]):
    number: int = 0


@dataclass(frozen=True, kw_only=True)
class Created(DomainEvent, name="peers.created"):
    number: int


@dataclass(frozen=True, kw_only=True)
class AdminCreated(Created, name="peers.admin-created"):
    pass


@handles(Create)
async def create(command: Create) -> int:
    return command.number


log: list[object] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


@on(Created)
async def remember(event: Created) -> None:
    log.append(event.number)


# --- order, completeness and failures of events -------------------------------------------------------
async def test_events_are_not_delivered_in_reverse() -> None:
    await InMemoryEventPublisher([remember]).publish(*(Created(number=number) for number in (1, 2, 3)))
    assert log == [1, 2, 3]


async def test_handlers_are_called_in_the_order_given_and_not_in_that_of_a_set() -> None:
    def named(number: int) -> Callable[..., Any]:
        @on(Created)
        async def handle(event: Created) -> None:
            log.append(number)

        return handle

    await InMemoryEventPublisher([named(number) for number in range(50)]).publish(Created(number=0))
    assert log == list(range(50))


async def test_publish_does_not_return_before_the_handlers_ran() -> None:
    @on(Created)
    async def slow(event: Created) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        log.append("done")

    await InMemoryEventPublisher([slow]).publish(Created(number=0))
    assert log == ["done"]


async def test_a_failing_handler_is_neither_swallowed_nor_does_it_keep_others_from_running() -> None:
    @on(Created)
    async def broken(event: Created) -> None:
        raise ValueError("broken")

    with pytest.raises(ExceptionGroup):
        await InMemoryEventPublisher([broken, remember]).publish(Created(number=1))
    assert log == [1]


async def test_a_derived_event_reaches_the_handlers_of_its_base() -> None:
    await InMemoryEventPublisher([remember]).publish(AdminCreated(number=1))
    assert log == [1]


async def test_the_limit_of_concurrency_bounds_the_handlers_of_one_event() -> None:
    running = 0

    @on(Created)
    async def handle(event: Created) -> None:
        nonlocal running
        running += 1
        log.append(running)
        await asyncio.sleep(0)
        running -= 1

    publisher = InMemoryEventPublisher(policy=Concurrent(limit=2))
    for _ in range(8):
        publisher.subscribe(Created, handle)
    await publisher.publish(Created(number=0))
    assert max(int(str(count)) for count in log) == 2


def test_handlers_that_run_at_once_never_share_a_unit_of_work() -> None:
    with pytest.raises(DefinitionError, match="concurrent event handlers cannot share a scope"):
        InMemoryEventPublisher([remember], policy=Concurrent()).bound(provide({}))


# --- registration ---------------------------------------------------------------------------------------
def test_a_second_handler_is_neither_ignored_nor_does_it_replace_the_first() -> None:
    @handles(Create)
    async def again(command: Create) -> int:
        return -1

    with pytest.raises(DuplicateHandlerError):
        MessageBus([create, again])


async def test_two_buses_share_nothing() -> None:
    @handles(Create)
    async def other(command: Create) -> int:
        return -1

    first, second, empty = MessageBus([create]), MessageBus([other]), MessageBus([])

    assert (await first.execute(Create(1)), await second.execute(Create(1))) == (1, -1)
    with pytest.raises(HandlerNotFoundError):
        await empty.execute(Create(1))


async def test_two_publishers_share_nothing() -> None:
    first, second = InMemoryEventPublisher([remember]), InMemoryEventPublisher()
    await second.publish(Created(number=1))
    assert log == []
    await first.publish(Created(number=1))
    assert log == [1]


async def test_classes_of_one_name_are_told_apart() -> None:
    def another_create() -> type[Command[int]]:
        @dataclass(frozen=True)
        class Create(Command[int]):
            number: int = 0

        return Create

    def another_created() -> type[DomainEvent]:
        @dataclass(frozen=True, kw_only=True)
        class Created(DomainEvent, name="peers.another-created"):
            number: int = 0

        return Created

    with pytest.raises(HandlerNotFoundError):
        await MessageBus([create]).execute(another_create()())
    await InMemoryEventPublisher([remember]).publish(another_created()())
    assert log == []


# --- nesting and sharing ----------------------------------------------------------------------------------
async def test_a_nested_message_does_not_overwrite_the_one_that_is_being_handled() -> None:
    @dataclass(frozen=True)
    class Outer(Command[list[int]]):
        number: int

    @handles(Outer)
    async def outer(command: Outer, *, bus: CommandBus) -> list[int]:
        nested = await bus.execute(Create(command.number + 1))
        return [command.number, nested]

    bus = MessageBus([outer, create]).bound(provide({}))
    assert await asyncio.gather(*(bus.execute(Outer(number)) for number in (10, 20, 30))) == [
        [10, 11],
        [20, 21],
        [30, 31],
    ]


async def test_a_nested_publication_does_not_overwrite_what_a_message_is_handled_with() -> None:
    @on(Created)
    async def send(event: Created, *, bus: CommandBus) -> None:
        log.append(await bus.execute(Create(event.number + 1)))

    @dataclass(frozen=True)
    class Outer(Command[tuple[int, MessageContext | None, MessageContext | None]]):
        number: int

    @handles(Outer)
    async def outer(command: Outer) -> tuple[int, MessageContext | None, MessageContext | None]:
        before = current_context()
        await publisher.publish(Created(number=command.number))
        return command.number, before, current_context()

    bus = MessageBus([outer, create], middleware=[Correlation()])
    publisher = InMemoryEventPublisher([send], scope=scope_of({CommandBus: lambda: bus}))
    for number, before, after in await asyncio.gather(*(bus.execute(Outer(number)) for number in (10, 20))):
        assert number in {10, 20}
        assert before is after is not None
    assert sorted(log, key=str) == [11, 21]


async def test_a_handler_is_not_shared_by_two_messages() -> None:
    class Handler:
        def __init__(self) -> None:
            self.seen: list[int] = []

        @handles(Create)
        async def handle(self, command: Create) -> int:
            await asyncio.sleep(0)
            self.seen.append(command.number)
            return len(self.seen)

    bus = MessageBus([Handler])
    assert await asyncio.gather(*(bus.execute(Create(number)) for number in range(5))) == [1] * 5


# --- after the commit, and only then ----------------------------------------------------------------------
class AccountId(EntityId):
    pass


@dataclass(kw_only=True)
class Account(AggregateRoot[AccountId]):
    name: str


class Accounts(Repository[Account, AccountId]):
    pass


class InMemoryAccounts(InMemoryRepository[Account, AccountId], Accounts):
    pass


@dataclass(frozen=True)
class Open(Command[AccountId]):
    fail: bool = False


@handles(Open)
async def open_account(command: Open, *, accounts: Accounts) -> AccountId:
    account = Account(id=AccountId.new(), name="Ada")
    account.record_event(Created(number=7))
    await accounts.add(account)
    if command.fail:
        raise ValueError("too late")
    log.append("handled")
    return account.id


async def test_events_are_published_after_the_commit_and_not_without_one() -> None:
    store = InMemoryStore()

    @on(Created)
    async def look(event: Created) -> None:
        async with InMemoryUnitOfWork(store, read_only=True) as uow:
            (account,) = await InMemoryAccounts(uow).list()
            log.append(account.name)

    publisher = InMemoryEventPublisher([look])

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        async with InMemoryUnitOfWork(store, publisher=publisher) as uow:
            yield provide({Accounts: lambda: InMemoryAccounts(uow)})

    bus = MessageBus([open_account], scope=scope)
    with pytest.raises(ValueError, match="too late"):
        await bus.execute(Open(fail=True))
    assert log == []
    await bus.execute(Open())
    assert log == ["handled", "Ada"]


def test_a_dependency_that_is_not_there_is_not_none() -> None:
    @handles(Create)
    async def needs(command: Create, *, accounts: Accounts) -> int:
        return 1

    async def run() -> None:
        await MessageBus([needs]).bound(provide({})).execute(Create())

    with pytest.raises(DefinitionError, match="nothing is provided for Accounts"):
        asyncio.run(run())
