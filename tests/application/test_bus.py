"""The bus brings each message to its handler, once, through what was put around it, in a scope of its own."""

import asyncio
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar, assert_type

import pytest

from cleanarch_kit.application import (
    Command,
    CommandBus,
    Correlation,
    Logging,
    Message,
    MessageBus,
    Next,
    Query,
    QueryBus,
    Resolve,
    Retry,
    StreamQuery,
    Timeout,
    current_context,
    handles,
    only,
    provide,
    scope_of,
)
from cleanarch_kit.errors import DefinitionError, DependencyError, DuplicateHandlerError, HandlerNotFoundError
from cleanarch_kit.testing import CancellationStyle, cancel_everywhere

R = TypeVar("R")
PythonCalls = Callable[[Callable[[], Coroutine[Any, Any, object]]], list[str]]


class Users:
    def __init__(self) -> None:
        self.names: list[str] = []


@dataclass(frozen=True, slots=True)
class Create(Command[int]):
    name: str


@dataclass(frozen=True, slots=True)
class Import(Command):
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Count(Query[int]):
    pass


@dataclass(frozen=True, slots=True)
class Names(StreamQuery[str]):
    pass


@dataclass(frozen=True, slots=True)
class Fail(Command):
    pass


@dataclass(frozen=True, slots=True)
class Unknown(Command):
    pass


@dataclass(frozen=True, slots=True)
class UnknownRows(StreamQuery[str]):
    pass


@handles(Create)
async def create(command: Create, *, users: Users) -> int:
    users.names.append(command.name)
    return len(users.names)


@handles(Import)
async def import_names(command: Import, *, bus: CommandBus, users: Users) -> None:
    users.names.append("imported:")
    for name in command.names:
        await bus.execute(Create(name))


class Reading:
    def __init__(self, users: Users) -> None:
        self._users = users

    @handles(Count)
    async def count(self, query: Count) -> int:
        return len(self._users.names)

    @handles(Names)
    async def names(self, query: Names) -> AsyncIterator[str]:
        for name in self._users.names:
            yield name


@handles(Fail)
async def fail(command: Fail) -> None:
    raise ValueError("broken")


HANDLERS = (create, import_names, Reading, fail)


class Scopes:
    """Opens scopes around one repository, and tells what happened to them."""

    def __init__(self, users: Users | None = None) -> None:
        self.users = users or Users()
        self.log: list[str] = []

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[Resolve]:
        self.log.append("open")
        try:
            yield provide({Users: lambda: self.users})
        except BaseException:
            self.log.append("roll back")
            raise
        else:
            self.log.append("commit")


async def pass_on(message: Message[R], call_next: Next[R]) -> R:
    return await call_next(message)


async def test_a_message_is_handled_in_a_scope_of_its_own() -> None:
    scope = Scopes()
    bus = MessageBus(HANDLERS, scope=scope)

    assert_type(await bus.execute(Create("Ada")), int)
    assert await bus.execute(Create("Grace")) == 2
    assert await bus.execute(Count()) == 2
    assert scope.log == ["open", "commit"] * 3


async def test_a_handler_that_needs_nothing_opens_none() -> None:
    scope = Scopes()

    with pytest.raises(ValueError, match="broken"):
        await MessageBus(HANDLERS, scope=scope).execute(Fail())
    assert scope.log == []


async def test_a_message_that_is_sent_by_a_handler_joins_its_scope() -> None:
    scope = Scopes()

    assert_type(await MessageBus(HANDLERS, scope=scope).execute(Import(("Ada", "Grace"))), None)

    assert scope.users.names == ["imported:", "Ada", "Grace"]
    assert scope.log == ["open", "commit"]


async def test_every_key_of_the_bus_gives_one_within_the_scope() -> None:
    seen: list[object] = []

    @handles(Fail)
    async def ask(command: Fail, *, bus: MessageBus, commands: CommandBus, queries: QueryBus) -> None:
        seen.extend((bus, commands, queries))
        seen.append([await commands.execute(Create("Ada")), await queries.execute(Count())])
        seen.append([name async for name in queries.stream(Names())])

    scope = Scopes()
    await MessageBus([ask, create, Reading], scope=scope).execute(Fail())

    assert all(isinstance(bus, MessageBus) for bus in seen[:3])
    assert seen[3:] == [[1, 1], ["Ada"]]
    assert scope.log == ["open", "commit"]


async def test_queries_and_streams_open_the_scope_for_queries_where_there_is_one() -> None:
    scope = Scopes()
    reading = Scopes(scope.users)
    bus = MessageBus(HANDLERS, scope=scope, query_scope=reading)

    await bus.execute(Create("Ada"))
    assert await bus.execute(Count()) == 1
    assert [name async for name in bus.stream(Names())] == ["Ada"]

    assert scope.log == ["open", "commit"]
    assert reading.log == ["open", "commit"] * 2


async def test_an_exception_arrives_as_it_was_raised_with_a_note_and_rolls_back() -> None:
    error = ValueError("broken")

    @handles(Create)
    async def broken(command: Create, *, users: Users) -> int:
        raise error

    scope = Scopes()
    with pytest.raises(ValueError, match="broken") as caught:
        await MessageBus([broken], scope=scope).execute(Create("Ada"))

    assert caught.value is error
    function: Any = broken
    assert error.__notes__ == [
        f"while handling Create by {__name__}.{function.__qualname__} ({__file__}:{function.__code__.co_firstlineno})"
    ]
    assert error.__cause__ is None
    assert scope.log == ["open", "roll back"]


async def test_one_exception_that_is_raised_again_and_again_does_not_collect_notes() -> None:
    error = ValueError("always the same")

    @handles(Fail)
    async def reuse(command: Fail) -> None:
        raise error

    bus = MessageBus([reuse])
    for _ in range(3):
        with pytest.raises(ValueError, match="always the same"):
            await bus.execute(Fail())
    assert len(error.__notes__) == 1


class FailingClass:
    def __init__(self, users: Users) -> None:
        self._users = users

    @handles(Fail)
    async def fail(self, command: Fail) -> None:
        raise ValueError("broken")


@handles(Fail)
async def fail_with(command: Fail, *, users: Users, bus: CommandBus) -> None:
    raise ValueError("broken")


@pytest.mark.parametrize(("outside", "inside"), [(0, 0), (1, 0), (0, 1), (3, 0), (0, 3), (3, 2)])
@pytest.mark.parametrize("handler", [fail, fail_with, FailingClass, FailingClass(Users())])
async def test_between_caller_and_handler_lies_one_frame_per_middleware_and_no_other(
    handler: object, outside: int, inside: int
) -> None:
    scope = Scopes()
    bus = MessageBus([handler], middleware=[pass_on] * outside, scoped_middleware=[pass_on] * inside, scope=scope)

    async def joining() -> None:
        async with scope() as resolve:
            await bus.bound(resolve).execute(Fail())

    for execute in (lambda: bus.execute(Fail()), joining):
        with pytest.raises(ValueError, match="broken") as caught:
            await execute()
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        between = names[names.index("joining") + 1 : -1] if "joining" in names else names[1:-1]
        assert between == ["pass_on"] * (outside + inside)
        assert names[-1].startswith("fail")


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt()])
async def test_that_holds_for_what_is_no_exception_too(error: BaseException) -> None:
    @handles(Fail)
    async def end(command: Fail, *, users: Users) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await MessageBus([end], middleware=[pass_on], scope=Scopes()).execute(Fail())
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][1:] == ["pass_on", "end"]
    assert not hasattr(error, "__notes__")


async def test_a_nested_message_adds_no_frame_of_the_bus_either() -> None:
    @handles(Create)
    async def outer(command: Create, *, bus: CommandBus) -> int:
        await bus.execute(Fail())
        return 1

    with pytest.raises(ValueError, match="broken") as caught:
        await MessageBus([outer, fail_with], middleware=[pass_on], scope=Scopes()).execute(Create("Ada"))
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[1:] == ["pass_on", "outer", "pass_on", "fail_with"]
    assert [note.split(" by ")[0] for note in caught.value.__notes__] == [
        "while handling Fail",
        "while handling Create",
    ]


async def test_between_consumer_and_stream_lies_no_frame_of_the_bus() -> None:
    @handles(Names)
    async def names(query: Names, *, users: Users) -> AsyncIterator[str]:
        yield "Ada"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken") as caught:
        async for _ in MessageBus([names], scope=Scopes()).stream(Names()):
            pass
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][1:] == ["names"]


async def test_an_exception_that_takes_no_note_arrives_as_it_is() -> None:
    @dataclass(frozen=True)
    class FrozenError(Exception):
        reason: str

    @handles(Fail)
    async def frozen(command: Fail) -> None:
        raise FrozenError("broken")

    with pytest.raises(FrozenError):
        await MessageBus([frozen], middleware=[pass_on]).execute(Fail())


async def test_what_nobody_handles_is_an_error_that_says_so() -> None:
    scope = Scopes()
    bus = MessageBus(HANDLERS, scope=scope)
    async with scope() as resolve:
        for each in (bus, bus.bound(resolve)):
            with pytest.raises(HandlerNotFoundError) as caught:
                await each.execute(Unknown())
            assert str(caught.value) == (
                f"no handler for {__name__}.Unknown: give the bus one that is marked with @handles"
            )
            with pytest.raises(HandlerNotFoundError, match="UnknownRows"):
                await anext(each.stream(UnknownRows()))
            with pytest.raises(HandlerNotFoundError, match="Unknown"):
                each.explain(Unknown)


async def test_a_subclass_of_a_message_is_another_message() -> None:
    @dataclass(frozen=True, slots=True)
    class CreateAdmin(Create):
        pass

    with pytest.raises(HandlerNotFoundError, match="CreateAdmin"):
        await MessageBus(HANDLERS, scope=Scopes()).execute(CreateAdmin("Ada"))


def test_two_handlers_of_one_message_are_refused_and_all_are_named() -> None:
    @handles(Create)
    async def again(command: Create) -> int:
        return 1

    @handles(Count)
    async def count_again(query: Count) -> int:
        return 1

    with pytest.raises(DuplicateHandlerError) as caught:
        MessageBus([create, Reading, again, count_again])
    text = str(caught.value)
    assert text.startswith(f"Create has 2 handlers: {__name__}.create ({__file__}:")
    assert "Count has 2 handlers: " in text
    assert text.endswith("give the bus one handler for each message")


async def test_call_names_the_handler_and_does_what_execute_does() -> None:
    scope = Scopes()
    bus = MessageBus(HANDLERS, scope=scope)

    assert_type(await bus.call(create, Create("Ada")), int)
    assert await bus.call(create, Create("Grace")) == 2
    assert scope.log == ["open", "commit"] * 2

    async with scope() as resolve:
        assert await bus.bound(resolve).call(create, Create("Joan")) == 3
    assert scope.log == ["open", "commit"] * 3


async def test_call_takes_the_method_of_an_instance_that_the_bus_was_given() -> None:
    reading = Reading(Users())
    bus = MessageBus([reading])

    assert await bus.call(reading.count, Count()) == 0


async def test_call_refuses_a_handler_that_the_bus_was_not_given() -> None:
    async def other(command: Create) -> int:
        return 1

    bus = MessageBus(HANDLERS, scope=Scopes())

    with pytest.raises(
        HandlerNotFoundError, match=r"no handler for Create by .*other: give the bus one that is marked"
    ):
        await bus.call(other, Create("Ada"))
    with pytest.raises(HandlerNotFoundError, match="no handler for Unknown by"):
        await bus.call(other, untyped(Unknown()))


def untyped(value: object) -> Any:
    return value


async def test_a_bound_bus_opens_nothing_and_is_bound_again_anew() -> None:
    scope, other = Scopes(), Scopes()
    bus = MessageBus(HANDLERS, scope=scope)

    async with other() as resolve:
        bound = bus.bound(provide({})).bound(resolve)
        assert await bound.execute(Create("Ada")) == 1
        await bound.execute(Import(("Grace",)))
        assert [name async for name in bound.stream(Names())] == ["Ada", "imported:", "Grace"]
        with pytest.raises(ValueError, match="broken"):
            await bound.execute(Fail())

    assert scope.log == []


async def test_a_bus_without_a_scope_says_what_to_do() -> None:
    bus = MessageBus(HANDLERS)

    with pytest.raises(DependencyError, match=r"create .* the bus has no scope: give it one with scope=, or use"):
        await bus.execute(Create("Ada"))
    assert await bus.bound(provide({Users: Users})).execute(Create("Ada")) == 1


async def test_without_a_scope_a_handler_may_send_messages_and_middleware_stand_inside() -> None:
    @handles(Create)
    async def outer(command: Create, *, bus: CommandBus) -> int:
        with pytest.raises(ValueError, match="broken"):
            await bus.execute(Fail())
        return 7

    bus = MessageBus([outer, fail], scoped_middleware=[pass_on])
    await bus.verify()
    assert await bus.execute(Create("Ada")) == 7
    assert "made by" not in bus.explain(Create)


async def test_override_gives_a_bus_with_stand_ins_and_leaves_this_one_alone() -> None:
    @handles(Create)
    async def stand_in(command: Create) -> int:
        return -1

    scope = Scopes()
    bus = MessageBus(HANDLERS, scope=scope, middleware=[only(Message, pass_on)])
    overridden = bus.override(stand_in)

    assert await overridden.execute(Create("Ada")) == -1
    assert await bus.execute(Create("Ada")) == 1
    assert await overridden.execute(Count()) == 1
    await overridden.execute(Import(("Grace",)))
    assert scope.users.names == ["Ada", "imported:"]
    async with scope() as resolve:
        assert await bus.bound(resolve).override(stand_in).execute(Create("Ada")) == -1
        assert await bus.bound(resolve).override(stand_in).execute(Count()) == 2


def test_override_refuses_a_stand_in_for_what_nobody_handles() -> None:
    @handles(Unknown)
    async def stand_in(command: Unknown) -> None: ...

    with pytest.raises(HandlerNotFoundError, match="Unknown"):
        MessageBus(HANDLERS).override(stand_in)
    with pytest.raises(DuplicateHandlerError, match="Fail has 2 handlers"):
        MessageBus(HANDLERS).override(fail, create, another_fail)


@handles(Fail)
async def another_fail(command: Fail) -> None: ...


async def test_a_stream_is_handled_as_far_as_it_is_consumed() -> None:
    scope = Scopes()
    scope.users.names = ["Ada", "Grace"]
    bus = MessageBus(HANDLERS, scope=scope)

    assert_type(bus.stream(Names()), AsyncGenerator[str])
    async with aclosing(bus.stream(Names())) as names:
        async for name in names:
            assert name == "Ada"
            break
    assert scope.log == ["open", "roll back"]


async def test_the_variables_of_a_streams_scope_are_not_seen_by_its_consumer() -> None:
    unit: ContextVar[str] = ContextVar("unit", default="none")

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        unit.set("of the stream")
        yield provide({Users: Users})

    @handles(Names)
    async def names(query: Names, *, users: Users) -> AsyncIterator[str]:
        yield unit.get()
        yield unit.get()

    bus = MessageBus([names], scope=scope)
    async for seen in bus.stream(Names()):
        assert (seen, unit.get()) == ("of the stream", "none")
    async with scope() as resolve:
        unit.set("none")
        async for seen in bus.bound(resolve).stream(Names()):
            assert (seen, unit.get()) == ("none", "none")


async def test_cancellation_reaches_the_handler_and_leaves_the_scope() -> None:
    running = asyncio.Event()

    @handles(Create)
    async def wait(command: Create, *, users: Users) -> int:
        running.set()
        await asyncio.Event().wait()
        return 1

    scope = Scopes()
    task = asyncio.create_task(MessageBus([wait], scope=scope).execute(Create("Ada")))
    await running.wait()
    task.cancel("enough")

    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert scope.log == ["open", "roll back"]


async def test_a_bus_is_shared_by_tasks_and_threads_of_events_loops() -> None:
    bus = MessageBus(HANDLERS, scope=Scopes())

    first = await bus.execute(Create("Ada"))
    second = await asyncio.to_thread(lambda: asyncio.run(bus.execute(Create("Grace"))))

    assert (first, second) == (1, 2)


async def test_10_000_concurrent_messages_never_mix() -> None:
    @handles(Create)
    async def echo(command: Create, *, users: Users) -> int:
        await asyncio.sleep(0)
        users.names.append(command.name)
        await asyncio.sleep(0)
        assert users.names == [command.name]
        return int(command.name)

    @asynccontextmanager
    async def scope() -> AsyncGenerator[Resolve]:
        yield provide({Users: Users})

    bus = MessageBus([echo], middleware=[pass_on], scope=scope)
    results = await asyncio.gather(*(bus.execute(Create(str(number))) for number in range(10_000)))

    assert results == list(range(10_000))


async def test_narrower_results_and_wider_variables_type_check() -> None:
    class Animal: ...

    class Dog(Animal): ...

    @dataclass(frozen=True)
    class GetDog(Query[Dog]): ...

    @handles(GetDog)
    async def get_dog(query: GetDog) -> Dog:
        return Dog()

    animal: Animal = await MessageBus([get_dog]).execute(GetDog())
    assert isinstance(animal, Dog)


async def test_messages_can_be_gathered_and_keep_their_types() -> None:
    bus = MessageBus(HANDLERS, scope=Scopes())

    created, counted = assert_type(
        await asyncio.gather(bus.execute(Create("Ada")), bus.execute(Count())), tuple[int, int]
    )

    assert (created, counted) == (1, 1)


def test_what_is_no_handler_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is no handler"):
        MessageBus([Users])


@pytest.mark.parametrize("style", CancellationStyle)
async def test_cancelled_at_any_suspension_every_scope_is_left_once_and_nothing_stays_behind(
    style: CancellationStyle,
) -> None:
    scope = Scopes()
    inside: list[str] = []

    async def waiting(message: Message[R], call_next: Next[R]) -> R:
        inside.append("in")
        try:
            await asyncio.sleep(0)
            return await call_next(message)
        finally:
            inside.append("out")

    @handles(Create)
    async def slow(command: Create, *, users: Users) -> int:
        await asyncio.sleep(0)
        users.names.append(command.name)
        await asyncio.sleep(0)
        return 1

    bus = MessageBus(
        [slow, import_names],
        middleware=[Correlation(), Logging(), Retry(), Timeout(60), waiting],
        scoped_middleware=[waiting],
        scope=scope,
    )

    async def verify() -> None:
        assert scope.log.count("open") == scope.log.count("commit") + scope.log.count("roll back") <= 1
        assert inside.count("in") == inside.count("out")
        assert current_context() is None
        scope.log.clear()
        inside.clear()

    points = await cancel_everywhere(lambda: bus.execute(Import(("Ada", "Grace"))), verify, style=style)
    assert points >= 10


def test_a_message_costs_so_many_python_calls_and_no_more(python_calls: PythonCalls) -> None:
    """Deterministic, unlike time: whoever adds one has to come here and say so."""
    bare = MessageBus([echo])
    layered = MessageBus([echo], middleware=[pass_on] * 3)
    bound = MessageBus([create]).bound(provide({Users: Users}))

    mapped = MessageBus([create, Reading], scope=scope_of({Users: Users}))

    assert python_calls(lambda: bare.execute(Echo())) == ["run", "echo"]
    assert python_calls(lambda: mapped.execute(Create("Ada"))) == ["run", "__init__", "create"]
    assert python_calls(lambda: mapped.execute(Count())) == ["run", "__init__", "__init__", "count"]
    assert python_calls(lambda: layered.execute(Echo())) == ["pass_on", "<lambda>"] * 2 + ["pass_on", "run", "echo"]
    python_calls(lambda: bound.execute(Create("Ada")))  # what it needs is made once
    assert python_calls(lambda: bound.execute(Create("Ada"))) == ["run", "__call__", "create"]


@dataclass(frozen=True, slots=True)
class Echo(Command[int]):
    pass


@handles(Echo)
async def echo(command: Echo) -> int:
    return 1
