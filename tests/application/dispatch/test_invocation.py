"""The function that is written out for a handler does what a person would have written."""

import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from cleanarch_kit.application import Command, Resolve, handles, provide, scope_of
from cleanarch_kit.application.dispatch.calls import Call
from cleanarch_kit.application.dispatch.dependencies import Dependency
from cleanarch_kit.application.dispatch.discovery import Handler, discover
from cleanarch_kit.application.dispatch.invocation import ScopedStep, compile_invocation
from cleanarch_kit.application.handlers import MessageMark
from cleanarch_kit.errors import DefinitionError, DependencyError


class Users:
    pass


class Clock:
    pass


class Bus:
    pass


@dataclass(frozen=True)
class Do(Command[object]):
    pass


log: list[object] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


@asynccontextmanager
async def scope() -> AsyncGenerator[Resolve]:
    log.append("opened")
    try:
        yield provide({Users: Users, Clock: Clock})
    except BaseException as error:
        log.append(f"left with {type(error).__name__}")
        raise
    else:
        log.append("left")


def only_handler(candidate: object) -> Handler:
    (handler,) = discover([candidate], MessageMark)
    return handler


@handles(Do)
async def bare(command: Do) -> object:
    return command


@handles(Do)
async def needs_one(command: Do, *, users: Users) -> object:
    return [users]


@handles(Do)
async def needs_two(command: Do, *, users: Users, clock: Clock) -> object:
    return [users, clock]


@handles(Do)
async def fails(command: Do, *, users: Users) -> object:
    raise ValueError("broken")


class Needs:
    def __init__(self, users: Users, clock: Clock) -> None:
        self.needed = [users, clock]

    @handles(Do)
    async def handle(self, command: Do) -> object:
        return self.needed


class NeedsNothing:
    @handles(Do)
    async def handle(self, command: Do) -> object:
        return self


async def test_a_handler_that_needs_nothing_opens_no_scope() -> None:
    invocation = compile_invocation(only_handler(bare), (), scope, {})
    message = Do()

    assert await invocation.run(message) is message
    assert await invocation.join(message, provide({})) is message
    assert log == []


@pytest.mark.parametrize(
    ("handler", "kinds"), [(needs_one, [Users]), (needs_two, [Users, Clock]), (Needs, [Users, Clock])]
)
async def test_what_a_handler_needs_is_resolved_in_its_own_scope(handler: object, kinds: list[type]) -> None:
    needed: list[object] = await compile_invocation(only_handler(handler), (), scope, {}).run(Do())

    assert [type(each) for each in needed] == kinds
    assert log == ["opened", "left"]


@pytest.mark.parametrize("handler", [needs_one, needs_two, Needs])
async def test_or_in_a_scope_that_is_open_already(handler: object) -> None:
    users = Users()
    resolve = provide({Users: lambda: users, Clock: Clock})
    needed: list[object] = await compile_invocation(only_handler(handler), (), scope, {}).join(Do(), resolve)

    assert needed[0] is users
    assert log == []


async def make_clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    "factories",
    [
        {Users: Users, Clock: Clock},
        {Users: lambda: Users(), Clock: make_clock},
        {Users: Users, Clock: lambda: make_clock()},
    ],
)
@pytest.mark.parametrize(
    ("handler", "kinds"), [(needs_one, [Users]), (needs_two, [Users, Clock]), (Needs, [Users, Clock])]
)
async def test_of_a_mapping_it_is_made_for_each_message(handler: object, kinds: list[type], factories: Any) -> None:
    run = compile_invocation(only_handler(handler), (), scope_of(factories), {}).run
    first, second = await run(Do()), await run(Do())

    assert [type(each) for each in first] == [type(each) for each in second] == kinds
    assert all(one is not other for one, other in zip(first, second, strict=True))


async def test_of_a_mapping_it_is_made_once_for_all_who_need_it_in_one_message() -> None:
    asked: list[Users] = []

    async def ask(message: object, call_next: Call, users: Users) -> object:
        asked.append(users)
        return await call_next(message)

    mapped = scope_of({Users: Users})
    asking = ScopedStep("ask", ask, (Dependency("users", Users),))
    (users,) = await compile_invocation(only_handler(needs_one), (asking, asking), mapped, {}).run(Do())
    assert asked == [users, users]

    async def send(command: Do, *, users: Users, bus: Resolve) -> object:
        return users, await bus(Users)

    def itself(resolve: Resolve) -> Resolve:
        return resolve

    views: Any = {Resolve: itself}
    own, of_the_bus = await compile_invocation(only_handler(handles(Do)(send)), (), mapped, views).run(Do())
    assert own is of_the_bus


async def test_what_a_mapping_lacks_is_an_error_that_says_so() -> None:
    run = compile_invocation(only_handler(needs_two), (), scope_of({Users: Users}), {}).run
    with pytest.raises(DependencyError, match="nothing is provided for Clock") as caught:
        await run(Do())
    assert caught.value.__notes__ == [only_handler(needs_two).note]


async def test_a_stream_has_its_dependencies_made_of_a_mapping_too() -> None:
    run = compile_invocation(stream_handler(rows), (), scope_of({Users: Users}), {}, stream=True).run
    assert [item async for item in run(Do())] == [1, 2]


async def test_a_class_is_constructed_by_position_where_that_is_possible_and_else_by_name() -> None:
    class Mixed:
        def __init__(self, clock: Clock, unasked: int = 3, *, users: Users) -> None:
            self.needed = [users, clock, unasked]

        @handles(Do)
        async def handle(self, command: Do) -> object:
            return self.needed

    for made in (scope, scope_of({Users: Users, Clock: Clock})):
        users, clock, unasked = await compile_invocation(only_handler(Mixed), (), made, {}).run(Do())
        assert (type(users), type(clock), unasked) == (Users, Clock, 3)


async def test_a_class_is_constructed_for_each_message() -> None:
    run = compile_invocation(only_handler(NeedsNothing), (), None, {}).run

    assert await run(Do()) is not await run(Do())


async def test_a_view_is_made_of_the_resolver_instead_of_being_asked_from_it() -> None:
    resolvers: list[Resolve] = []

    async def handle(command: Do, *, bus: Bus, users: Users) -> object:
        return bus, users

    def view(resolve: Resolve) -> Bus:
        resolvers.append(resolve)
        return Bus()

    bus, users = await compile_invocation(only_handler(handles(Do)(handle)), (), scope, {Bus: view}).run(Do())

    assert (type(bus), type(users)) == (Bus, Users)
    assert await resolvers[0](Users) is users


def step(name: str, needs: Callable[..., object] | None = None) -> ScopedStep:
    async def target(message: object, call_next: Call, **dependencies: object) -> object:
        log.append((name, *(type(value).__name__ for value in dependencies.values())))
        return await call_next(message)

    dependencies = (Dependency("users", Users), Dependency("clock", Clock)) if needs else ()
    return ScopedStep(name, target, dependencies)


@pytest.mark.parametrize("handler", [bare, needs_one, Needs, NeedsNothing])
async def test_steps_run_inside_the_scope_from_the_outermost_to_the_handler(handler: object) -> None:
    steps = (step("first"), step("second", Users), step("third"))

    await compile_invocation(only_handler(handler), steps, scope, {}).run(Do())

    assert log == ["opened", ("first",), ("second", "Users", "Clock"), ("third",), "left"]


async def test_everything_is_resolved_before_the_first_step_runs_and_in_order() -> None:
    asked: list[object] = []

    async def resolve(key: Any) -> Any:
        asked.append(key)
        return key()

    async def first(message: object, call_next: Call) -> object:
        asked.append("first step")
        return await call_next(message)

    steps = (ScopedStep("first", first, ()), step("second", Users))
    await compile_invocation(only_handler(needs_one), steps, None, {}).join(Do(), resolve)

    assert asked == [Users, Clock, Users, "first step"]


async def test_an_exception_arrives_unchanged_with_a_note_and_leaves_the_scope() -> None:
    handler = only_handler(fails)

    with pytest.raises(ValueError, match="broken") as caught:
        await compile_invocation(handler, (), scope, {}).run(Do())

    assert caught.value.__notes__ == [handler.note]
    assert log == ["opened", "left with ValueError"]


async def test_the_traceback_leads_straight_to_the_handler() -> None:
    with pytest.raises(ValueError, match="broken") as caught:
        await compile_invocation(only_handler(fails), (), scope, {}).run(Do())

    frames = traceback.extract_tb(caught.value.__traceback__)[1:]
    assert [frame.name for frame in frames] == ["fails"]


async def test_where_the_function_itself_fails_its_line_can_be_read() -> None:
    def gives_no_coroutine(command: Do, users: Users) -> int:
        return 1

    handler = replace(only_handler(fails), target=gives_no_coroutine)
    with pytest.raises(TypeError, match="int can't be used in 'await'") as caught:
        await compile_invocation(handler, (), scope, {}).run(Do())

    (frame,) = traceback.extract_tb(caught.value.__traceback__)[1:]
    assert frame.name == "run"
    assert frame.line is not None
    assert frame.line.startswith("return await target(message, users=await resolve(key_")


async def test_a_base_exception_passes_without_a_note() -> None:
    class Stop(BaseException):
        pass

    async def stop(command: Do) -> object:
        raise Stop

    with pytest.raises(Stop) as caught:
        await compile_invocation(only_handler(handles(Do)(stop)), (), scope, {}).run(Do())
    assert not hasattr(caught.value, "__notes__")


async def test_an_exception_of_the_scope_gets_the_note_too() -> None:
    @asynccontextmanager
    async def refusing() -> AsyncGenerator[Resolve]:
        yield provide({Users: Users})
        raise OSError("commit failed")

    handler = only_handler(needs_one)
    with pytest.raises(OSError, match="commit failed") as caught:
        await compile_invocation(handler, (), refusing, {}).run(Do())
    assert caught.value.__notes__ == [handler.note]


async def test_a_scope_that_swallows_is_found_out() -> None:
    @asynccontextmanager
    async def swallowing() -> AsyncGenerator[Resolve]:
        with suppress(ValueError):
            yield provide({Users: Users})

    handler = only_handler(fails)
    with pytest.raises(DefinitionError) as caught:
        await compile_invocation(handler, (), swallowing, {}).run(Do())
    assert str(caught.value) == (
        f"the scope swallowed an exception raised {handler.note}: a scope must let exceptions through"
    )


async def test_without_a_scope_only_joining_works() -> None:
    handler = only_handler(needs_one)
    invocation = compile_invocation(handler, (), None, {})

    with pytest.raises(DependencyError) as caught:
        await invocation.run(Do())
    assert str(caught.value) == (
        f"{handler.name} ({handler.location}) needs something resolved and the bus has no scope:"
        " give it one with scope=, or use bus.bound(resolve)"
    )
    (users,) = await invocation.join(Do(), provide({Users: Users}))
    assert isinstance(users, Users)


async def rows(query: object, *, users: Users) -> AsyncIterator[object]:
    log.append("first")
    yield 1
    log.append("second")
    yield 2


async def failing_rows(query: object, *, users: Users) -> AsyncIterator[object]:
    yield 1
    raise ValueError("broken")


def stream_handler(function: Any) -> Handler:
    return Handler(
        subject=Do,
        target=function,
        construct=None,
        source=function,
        name="rows",
        location="here",
        dependencies=(Dependency("users", Users),),
    )


async def test_a_stream_keeps_its_scope_open_until_it_ends() -> None:
    run = compile_invocation(stream_handler(rows), (), scope, {}, stream=True).run

    assert [item async for item in run(Do())] == [1, 2]
    assert log == ["opened", "first", "second", "left"]


async def test_a_stream_that_is_left_early_leaves_its_scope() -> None:
    items = compile_invocation(stream_handler(rows), (), scope, {}, stream=True).run(Do())

    assert await anext(items) == 1
    await items.aclose()
    assert log == ["opened", "first", "left with GeneratorExit"]


async def test_an_exception_of_a_stream_gets_a_note() -> None:
    run = compile_invocation(stream_handler(failing_rows), (), scope, {}, stream=True).run

    with pytest.raises(ValueError, match="broken") as caught:
        [item async for item in run(Do())]
    assert caught.value.__notes__ == ["while handling Do by rows (here)"]


async def test_a_scope_that_swallows_the_exception_of_a_stream_is_found_out() -> None:
    @asynccontextmanager
    async def swallowing() -> AsyncGenerator[Resolve]:
        with suppress(ValueError):
            yield provide({Users: Users})

    run = compile_invocation(stream_handler(failing_rows), (), swallowing, {}, stream=True).run
    with pytest.raises(DefinitionError, match="the scope swallowed an exception raised while handling Do by rows"):
        [item async for item in run(Do())]


async def test_a_stream_without_a_scope_is_refused_when_it_is_iterated() -> None:
    invocation = compile_invocation(stream_handler(rows), (), None, {}, stream=True)

    with pytest.raises(DependencyError, match=r"rows \(here\) needs something resolved and the bus has no scope"):
        await anext(invocation.run(Do()))
    assert [item async for item in invocation.join(Do(), provide({Users: Users}))] == [1, 2]
