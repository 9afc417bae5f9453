"""`verify` finds everything that would keep a message from being handled, before one is sent."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

import pytest

from cleanarch_kit.application import Command, CommandBus, Message, MessageBus, Next, Query, Resolve, handles, provide
from cleanarch_kit.errors import DefinitionError, DependencyError, DuplicateHandlerError, HandlerNotFoundError

WriteModule = Callable[[str, str], ModuleType]
R = TypeVar("R")


class Users:
    pass


class Clock:
    pass


@dataclass(frozen=True)
class Create(Command):
    pass


@dataclass(frozen=True)
class Rename(Command):
    pass


@dataclass(frozen=True)
class Find(Query[int]):
    pass


@handles(Create)
async def create(command: Create, *, users: Users, clock: Clock, bus: CommandBus) -> None: ...


@handles(Rename)
async def rename(command: Rename, *, users: Users) -> None: ...


class Finding:
    def __init__(self, clock: Clock) -> None: ...

    @handles(Find)
    async def handle(self, query: Find) -> int:
        return 1


class Counting:
    """Counts how often a scope is entered and what is asked from it."""

    def __init__(self, resolve: Resolve) -> None:
        self.entered = 0
        self.left = 0
        self._resolve = resolve

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[Resolve]:
        self.entered += 1
        yield self._resolve
        self.left += 1


async def texts(bus: MessageBus, *modules: ModuleType) -> list[str]:
    with pytest.raises(ExceptionGroup) as caught:
        await bus.verify(*modules)
    assert str(caught.value).startswith("the bus is not ready (")
    return [str(error) for error in caught.value.exceptions]


async def test_a_bus_that_is_ready_passes_and_each_scope_is_entered_once() -> None:
    scope = Counting(provide({Users: Users, Clock: Clock}))
    reading = Counting(provide({Clock: Clock}))

    await MessageBus([create, rename, Finding], scope=scope, query_scope=reading).verify()

    assert (scope.entered, scope.left, reading.entered, reading.left) == (1, 1, 1, 1)


async def test_a_bus_whose_handlers_need_nothing_enters_nothing() -> None:
    scope = Counting(provide({}))

    @handles(Create)
    async def handle(command: Create) -> None: ...

    await MessageBus([handle], scope=scope).verify()

    assert scope.entered == 0


async def test_everything_that_cannot_be_resolved_is_told_at_once_with_file_line_and_fix() -> None:
    bus = MessageBus([create, rename, Finding], scope=Counting(provide({})))

    with pytest.raises(ExceptionGroup) as caught:
        await bus.verify()

    errors = caught.value.exceptions
    assert [type(error) for error in errors] == [DependencyError] * 4
    assert [str(error) for error in errors] == [
        f"{__name__}.create ({__file__}:{create_line()}) needs 'users', and the scope cannot resolve Users:"
        " provide it there",
        f"{__name__}.create ({__file__}:{create_line()}) needs 'clock', and the scope cannot resolve Clock:"
        " provide it there",
        f"{__name__}.rename ({__file__}:{create_line() + 4}) needs 'users', and the scope cannot resolve Users:"
        " provide it there",
        f"{__name__}.Finding.handle ({__file__}:{create_line() + 11}) needs 'clock', and the scope cannot resolve"
        " Clock: provide it there",
    ]
    assert str(errors[0].__cause__) == "nothing is provided for Users: give provide() a factory for it"


def create_line() -> int:
    code: object = getattr(create, "__code__", None)
    return int(getattr(code, "co_firstlineno", 0))


async def test_what_middleware_needs_is_resolved_too() -> None:
    async def audit(message: Message[R], call_next: Next[R], *, users: Users) -> R:
        return await call_next(message)

    @handles(Create)
    async def handle(command: Create) -> None: ...

    bus = MessageBus([handle], scoped_middleware=[audit], scope=Counting(provide({})))

    (text,) = await texts(bus)
    name = f"{__name__}.test_what_middleware_needs_is_resolved_too.<locals>"
    assert text.startswith(f"{name}.audit in front of {name}.handle ({__file__}:")
    assert text.endswith(") needs 'users', and the scope cannot resolve Users: provide it there")


async def test_without_a_scope_everything_that_needs_one_is_told() -> None:
    found = await texts(MessageBus([rename, Finding]))

    assert len(found) == 2
    assert found[0].startswith(f"{__name__}.rename ({__file__}:")
    assert found[0].endswith(
        "needs 'users' resolved and there is no scope: give one with scope=,"
        " or verify what is bound to one with bound(resolve)"
    )


async def test_a_bound_bus_is_verified_with_its_resolver() -> None:
    bus = MessageBus([rename, Finding])

    await bus.bound(provide({Users: Users, Clock: Clock})).verify()
    (text,) = await texts(bus.bound(provide({Users: Users})))
    assert "the scope cannot resolve Clock" in text


async def test_a_scope_that_cannot_be_entered_or_left_is_told() -> None:
    @asynccontextmanager
    async def closed() -> AsyncGenerator[Resolve]:
        raise OSError("no database")
        yield

    @asynccontextmanager
    async def sticky() -> AsyncGenerator[Resolve]:
        yield provide({Clock: Clock})
        raise OSError("stuck")

    bus = MessageBus([rename, Finding], scope=closed, query_scope=sticky)
    with pytest.raises(ExceptionGroup) as caught:
        await bus.verify()

    found = [str(error) for error in caught.value.exceptions]
    assert len(found) == 2
    assert found[0].startswith(
        f"the scope {__name__}.test_a_scope_that_cannot_be_entered_or_left_is_told.<locals>.clos"
    )
    assert all(text.endswith("cannot be entered and left: mend it first") for text in found)
    assert [str(error.__cause__) for error in caught.value.exceptions] == ["no database", "stuck"]


SHOP = """
    from dataclasses import dataclass
    from typing import Generic, TypeVar
    from cleanarch_kit.application import Command, Query, StreamQuery, handles

    T = TypeVar("T")

    @dataclass(frozen=True)
    class Open(Command): ...

    @dataclass(frozen=True, slots=True)
    class Close(Command): ...

    @dataclass(frozen=True)
    class Rows(StreamQuery[int]): ...

    class ShopCommand(Command): ...

    @dataclass(frozen=True)
    class Sell(ShopCommand): ...

    class Page(Query[list[T]], Generic[T]): ...

    @handles(Open)
    async def open_shop(command: Open) -> None: ...

    @handles(Sell)
    async def sell(command: Sell) -> None: ...

    @handles(Sell)
    async def sell_again(command: Sell) -> None: ...
    """


async def test_modules_are_searched_for_what_was_forgotten(write_module: WriteModule) -> None:
    shop = write_module("shop", SHOP)

    with pytest.raises(ExceptionGroup) as caught:
        await MessageBus([shop.sell]).verify(shop)

    path = shop.__file__
    assert [(type(error), str(error)) for error in caught.value.exceptions] == [
        (
            HandlerNotFoundError,
            f"no handler for shop.Close ({path}:11): give the bus one that is marked with @handles",
        ),
        (
            HandlerNotFoundError,
            f"no handler for shop.Rows ({path}:14): give the bus one that is marked with @handles",
        ),
        (
            DefinitionError,
            f"shop.open_shop ({path}:24) handles Open and was not given to the bus: give it, or take its mark away",
        ),
        (
            DuplicateHandlerError,
            f"shop.sell_again ({path}:30) handles Sell like shop.sell ({path}:27), which the bus was given:"
            " take one of the marks away",
        ),
    ]


async def test_a_module_of_which_nothing_is_missing_passes(write_module: WriteModule) -> None:
    shop = write_module("shop", SHOP.replace("@handles(Sell)\n    async def sell_again", "async def other"))
    rest = write_module(
        "rest",
        """
        from cleanarch_kit.application import handles
        from shop import Close, Rows

        @handles(Rows)
        async def rows(query: Rows):
            yield 1

        class Closing:
            @handles(Close)
            async def handle(self, command: Close) -> None: ...
        """,
    )

    await MessageBus([shop, rest]).verify(shop, rest)
    await MessageBus([shop, rest.rows, rest.Closing()]).verify(shop, rest)
