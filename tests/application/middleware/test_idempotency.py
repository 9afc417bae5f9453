"""A request that is sent again is answered with its first result, and its effect happens once."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from cleanarch_kit.adapters.memory import InMemoryIdempotencyStore
from cleanarch_kit.application import (
    Command,
    Idempotency,
    IdempotencyClaim,
    IdempotencyStore,
    MessageBus,
    Resolve,
    Retry,
    handles,
    idempotent,
    provide,
)
from cleanarch_kit.domain import EntityId
from cleanarch_kit.errors import (
    CommitOutcomeUnknownError,
    DefinitionError,
    HandlerTimeoutError,
    IdempotencyConflictError,
)


class OrderId(EntityId):
    pass


@dataclass(frozen=True)
class Order(Command[OrderId]):
    request_id: str | None
    sender: str = "ada"


@dataclass(frozen=True)
class Cancel(Command):
    request_id: str


handled: list[str | None] = []


@pytest.fixture(autouse=True)
def nothing_handled() -> None:
    handled.clear()


@handles(Order)
async def order(command: Order) -> OrderId:
    handled.append(command.request_id)
    return OrderId.new()


@handles(Cancel)
async def cancel(command: Cancel) -> None:
    handled.append(command.request_id)


KEYS = [
    idempotent(Order, lambda command: command.request_id and f"{command.sender}:{command.request_id}"),
    idempotent(Cancel, lambda command: command.request_id),
]


def bus(*handlers: object, store: IdempotencyStore | None = None) -> MessageBus:
    return MessageBus(
        handlers or (order, cancel), middleware=[Idempotency(KEYS, store=store or InMemoryIdempotencyStore())]
    )


async def test_a_repetition_gets_the_first_result_and_is_not_handled() -> None:
    shop = bus()
    first, second = await shop.execute(Order("r-1")), await shop.execute(Order("r-1"))

    assert first == second
    assert isinstance(second, OrderId)
    assert await shop.execute(Order("r-2")) != first
    assert await shop.execute(Order("r-1", sender="grace")) != first
    assert handled == ["r-1", "r-2", "r-1"]


async def test_none_is_a_result() -> None:
    shop = bus()
    await shop.execute(Cancel("r-1"))
    await shop.execute(Cancel("r-1"))
    assert handled == ["r-1"]


async def test_one_key_for_two_messages_is_two_requests() -> None:
    shop = bus()
    await shop.execute(Order("ada:r-1"))
    await shop.execute(Cancel("ada:r-1"))
    assert handled == ["ada:r-1", "ada:r-1"]


async def test_without_a_key_a_message_is_always_handled() -> None:
    shop = bus()
    assert await shop.execute(Order(None)) != await shop.execute(Order(None))


async def test_the_store_never_sees_what_a_sender_wrote() -> None:
    keys: list[str] = []

    class Spying(InMemoryIdempotencyStore):
        async def claim(self, key: str, /) -> Any:
            keys.append(key)
            return await super().claim(key)

    await bus(store=Spying()).execute(Order("x" * 10_000 + "\0\ud800"))

    (key,) = keys
    assert key.startswith("Order:")
    assert len(key) == len("Order:") + 64
    assert "x" * 10 not in key


async def test_a_second_call_while_the_first_is_under_way_is_refused() -> None:
    running, released = asyncio.Event(), asyncio.Event()

    @handles(Order)
    async def slow(command: Order) -> OrderId:
        running.set()
        await released.wait()
        return OrderId.new()

    shop = bus(slow)
    first = asyncio.create_task(shop.execute(Order("r-1")))
    await running.wait()
    with pytest.raises(IdempotencyConflictError):
        await shop.execute(Order("r-1"))
    released.set()
    assert await first == await shop.execute(Order("r-1"))


async def test_after_a_failure_the_request_may_be_sent_again() -> None:
    errors = [ValueError("broken")]

    @handles(Order)
    async def flaky(command: Order) -> OrderId:
        if errors:
            raise errors.pop()
        return OrderId.new()

    shop = bus(flaky)
    with pytest.raises(ValueError, match="broken"):
        await shop.execute(Order("r-1"))
    assert isinstance(await shop.execute(Order("r-1")), OrderId)


@pytest.mark.parametrize(
    "error", [CommitOutcomeUnknownError(), HandlerTimeoutError("Order", 5.0), asyncio.CancelledError()]
)
async def test_what_may_have_taken_effect_is_not_handled_again(error: BaseException) -> None:
    @handles(Order)
    async def uncertain(command: Order) -> OrderId:
        raise error

    shop = bus(uncertain)
    with pytest.raises(type(error)):
        await shop.execute(Order("r-1"))
    with pytest.raises(IdempotencyConflictError):
        await shop.execute(Order("r-1"))


class Claim:
    """A claim that fails at one of its methods."""

    result: bytes | None = None

    async def complete(self, result: bytes, /) -> None:
        raise OSError("ada@example.com")

    async def release(self) -> None:
        raise OSError("ada@example.com")


class BrokenStore:
    async def claim(self, key: str, /) -> Claim:
        return Claim()


async def test_a_result_that_cannot_be_kept_does_not_make_a_committed_command_fail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR, logger="cleanarch_kit.idempotency")

    assert isinstance(await bus(store=BrokenStore()).execute(Order("r-1")), OrderId)

    assert caplog.messages == [
        "Order: the result could not be kept, so that a repetition will be handled again (OSError)"
    ]


async def test_a_handler_that_outlived_its_claim_is_reported_and_does_not_fail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = InMemoryIdempotencyStore(lease=timedelta(0))
    nested = bus(store=store)

    @handles(Order)
    async def slow(command: Order) -> OrderId:
        return await nested.execute(command)  # somebody else, who found the claim ended

    first = await bus(slow, store=store).execute(Order("r-1"))

    assert await bus(store=store).execute(Order("r-1")) == first
    assert caplog.messages == [
        "Order: it took longer than its claim held, and was handled by somebody else too (IdempotencyConflictError)"
    ]


async def test_a_caller_that_is_cancelled_after_the_commit_leaves_the_result_behind() -> None:
    store, completing, may_complete = InMemoryIdempotencyStore(), asyncio.Event(), asyncio.Event()

    class SlowClaim:
        result = None

        def __init__(self, claim: IdempotencyClaim) -> None:
            self.release = claim.release
            self._claim = claim

        async def complete(self, result: bytes, /) -> None:
            completing.set()
            await may_complete.wait()
            await self._claim.complete(result)

    class SlowStore:
        async def claim(self, key: str, /) -> SlowClaim:
            return SlowClaim(await store.claim(key))

    caller = asyncio.create_task(bus(store=SlowStore()).execute(Order("r-1")))
    await completing.wait()
    caller.cancel()
    await asyncio.sleep(0)
    may_complete.set()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert isinstance(await bus(store=store).execute(Order("r-1")), OrderId)
    assert handled == ["r-1"]


async def test_a_claim_that_cannot_be_released_does_not_hide_the_handlers_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = ValueError("broken")

    @handles(Order)
    async def fail(command: Order) -> OrderId:
        raise error

    with pytest.raises(ValueError, match="broken") as caught:
        await bus(fail, store=BrokenStore()).execute(Order("r-1"))
    assert caught.value is error
    assert caplog.messages == ["Order: the claim could not be released and ends by itself (OSError)"]


class TransactionalStore:
    """A store whose claims are committed with the scope, or not at all."""

    def __init__(self) -> None:
        self.committed: dict[str, bytes] = {}
        self.pending: dict[str, bytes] = {}

    async def claim(self, key: str, /) -> Any:
        store = self

        class Pending:
            result = store.committed.get(key)

            async def complete(self, result: bytes, /) -> None:
                store.pending[key] = result

            async def release(self) -> None:
                raise AssertionError("the rollback releases it")

        return Pending()

    @asynccontextmanager
    async def scope(self) -> AsyncGenerator[Resolve]:
        self.pending = {}
        yield provide({IdempotencyStore: lambda: self})
        self.committed |= self.pending


async def test_in_the_transaction_result_and_effect_are_committed_together_or_not_at_all() -> None:
    store = TransactionalStore()
    errors = [ValueError("broken")]

    @handles(Order)
    async def flaky(command: Order) -> OrderId:
        handled.append(command.request_id)
        if errors:
            raise errors.pop()
        return OrderId.new()

    shop = MessageBus([flaky], scoped_middleware=[Idempotency(KEYS)], scope=store.scope)
    with pytest.raises(ValueError, match="broken"):
        await shop.execute(Order("r-1"))
    assert store.committed == {}
    first = await shop.execute(Order("r-1"))
    assert first == await shop.execute(Order("r-1"))
    assert await shop.execute(Order(None)) != first
    assert handled == ["r-1", "r-1", None]


@pytest.mark.parametrize("committed", [True, False])
async def test_in_the_transaction_an_unknown_outcome_may_be_tried_again(committed: bool) -> None:
    store = TransactionalStore()
    lost = [CommitOutcomeUnknownError()]

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        async with store.scope() as resolve:
            yield resolve
            if lost and not committed:
                raise lost.pop()
        if lost:
            raise lost.pop()

    retry = Retry(on=CommitOutcomeUnknownError, backoff=lambda _: 0.0)
    shop = MessageBus([order], middleware=[retry], scoped_middleware=[Idempotency(KEYS)], scope=scope)
    first = await shop.execute(Order("r-1"))
    assert first == await shop.execute(Order("r-1"))
    assert len(store.committed) == 1
    assert handled == (["r-1"] if committed else ["r-1", "r-1"])  # the effect of one of them was taken back


async def test_in_the_transaction_a_result_that_cannot_be_kept_fails_the_command() -> None:
    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        yield provide({IdempotencyStore: BrokenStore})

    with pytest.raises(OSError, match="ada"):
        await MessageBus([order], scoped_middleware=[Idempotency(KEYS)], scope=scope).execute(Order("r-1"))


def test_each_form_has_its_side_of_the_scope() -> None:
    outside: Any = [Idempotency(KEYS)]
    with pytest.raises(DefinitionError, match=r"Idempotency\(in the transaction\) belongs inside the scope"):
        MessageBus([order], middleware=outside)
    with pytest.raises(DefinitionError, match=r"Idempotency\(InMemoryIdempotencyStore\) belongs outside the scope"):
        MessageBus([order], scoped_middleware=[Idempotency(KEYS, store=InMemoryIdempotencyStore())])


def test_two_keys_for_one_message_are_refused() -> None:
    with pytest.raises(DefinitionError, match="Order has two idempotency keys: keep one"):
        Idempotency([KEYS[0], KEYS[0]])


def test_a_result_without_a_json_form_is_refused_when_the_bus_is_built() -> None:
    class Opaque:
        pass

    @dataclass(frozen=True)
    class Make(Command[Opaque]):
        pass

    @handles(Make)
    async def make(command: Make) -> Opaque:
        return Opaque()

    with pytest.raises(DefinitionError, match="no JSON form can be derived from"):
        MessageBus(
            [make], middleware=[Idempotency([idempotent(Make, lambda _: "x")], store=InMemoryIdempotencyStore())]
        )
