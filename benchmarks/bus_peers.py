"""Other buses, publishers and containers, each given the same work; those that are not installed are left out.

They are imported by name, untyped: none of them is needed, and most of them carry no types.
"""

import logging
import warnings
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import make_dataclass
from importlib import import_module
from types import SimpleNamespace, new_class
from typing import Any

from ratios import Operation

Prepare = Callable[[AsyncExitStack, int], Awaitable[Operation]]


def calling(operation: Operation) -> Operation:
    """The call as it stands in a program: awaited in an async function."""

    async def call() -> object:
        return await operation()

    return call


async def _installed(prepared: Mapping[str, Prepare], stack: AsyncExitStack, number: int) -> dict[str, Operation]:
    found: dict[str, Operation] = {}
    logging.disable(logging.CRITICAL)
    for name, prepare in prepared.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                operation = calling(await prepare(stack, number))
                await operation()
        except ImportError:
            print(f"({name} is not installed)")
        else:
            found[name] = operation
    return found


async def dispatchers(stack: AsyncExitStack, middlewares: int) -> dict[str, Operation]:
    """One command to one handler, through so many middlewares that only pass it on."""
    prepared: dict[str, Prepare] = {
        "diator": _diator,
        "mediatr": _mediatr,
        "python-cqrs": _python_cqrs,
        "lato": _lato,
        "waku": _waku,
    }
    if not middlewares:  # bubus has none
        prepared["bubus"] = _bubus
    return await _installed(prepared, stack, middlewares)


async def containers(stack: AsyncExitStack) -> dict[str, Operation]:
    """A class with one dependency, from a container that is opened for each message."""
    return await _installed({"dishka": _dishka, "svcs": _svcs}, stack, 0)


async def emitters(stack: AsyncExitStack, handlers: int) -> dict[str, Operation]:
    """One event to so many handlers; all of them awaited, but for waku, which only queues the event."""
    prepared = {
        "blinker": _blinker,
        "diator": _diator_events,
        "pyee": _pyee,
        "python-cqrs": _python_cqrs_events,
        "lato": _lato_events,
        "waku": _waku_events,
        "bubus": _bubus_events,
    }
    return await _installed(prepared, stack, handlers)


class _Built:
    """A container that constructs what it is asked for, where one has to be given."""

    external_container = None

    def attach_external_container(self, container: object) -> None:
        pass

    async def resolve(self, kind: Callable[[], object]) -> object:
        return kind()


class _PassOn:
    async def __call__(self, request: object, handle: Callable[[object], Awaitable[object]]) -> object:
        return await handle(request)


def _class(name: str, base: Any, **members: object) -> Any:
    return new_class(name, (base,), exec_body=lambda space: space.update(members))


def _handling(answer: object, base: type[object] = object) -> Any:
    """A handler class in the form of diator and python-cqrs."""

    async def handle(self: object, request: object) -> object:
        return answer

    return _class("Handler", base, handle=handle, events=())


async def _diator(_: AsyncExitStack, middlewares: int) -> Operation:
    requests: Any = import_module("diator.requests")
    chain: Any = import_module("diator.middlewares").MiddlewareChain()
    response = make_dataclass("Sum", [("total", int)], bases=(import_module("diator.response").Response,), frozen=True)
    command = make_dataclass("Add", [("left", int)], bases=(requests.Request,), frozen=True, kw_only=True)
    bound = requests.RequestMap()
    bound.bind(command, _handling(response(3)))
    for _number in range(middlewares):
        chain.add(_PassOn())
    mediator: Any = import_module("diator.mediator").Mediator(
        request_map=bound, container=_Built(), middleware_chain=chain
    )
    message = command(left=1)
    return lambda: mediator.send(message)


async def _python_cqrs(_: AsyncExitStack, middlewares: int) -> Operation:
    cqrs: Any = import_module("cqrs")
    chain: Any = import_module("cqrs.middlewares.base").MiddlewareChain()
    response = make_dataclass("Sum", [("total", int)], bases=(cqrs.DCResponse,))
    command = make_dataclass("Add", [("left", int)], bases=(cqrs.DCRequest,))
    bound = cqrs.RequestMap()
    bound.bind(command, _handling(response(total=3), cqrs.RequestHandler))
    for _number in range(middlewares):
        chain.add(_PassOn())
    mediator = cqrs.RequestMediator(request_map=bound, container=_Built(), middleware_chain=chain)
    message = command(left=1)
    return lambda: mediator.send(message)


async def _mediatr(_: AsyncExitStack, middlewares: int) -> Operation:
    mediator: Any = import_module("mediatr").Mediator
    command = make_dataclass("Add", [("left", int)])

    async def handle(request: Any) -> int:
        return 3

    def behaviour() -> Callable[..., Any]:
        async def pass_on(request: Any, next: Any) -> Any:  # noqa: A002 - found by this name
            return await next()

        pass_on.__annotations__["request"] = command
        return pass_on

    handle.__annotations__["request"] = command
    mediator.register_handler(handle)
    for _number in range(middlewares):
        mediator.register_behavior(behaviour())
    sender, message = mediator(), command(1)
    return lambda: sender.send_async(message)


async def _lato(_: AsyncExitStack, middlewares: int) -> Operation:
    lato: Any = import_module("lato")
    application = lato.Application("bench")
    command: Any = _class("Add", lato.Command, __annotations__={"left": int})

    async def handle(message: Any) -> int:
        return 3

    async def pass_on(context: object, call_next: Callable[[], Awaitable[object]]) -> object:
        return await call_next()

    application.handler(command)(handle)
    for _number in range(middlewares):
        application.transaction_middleware(pass_on)
    message = command(left=1)
    return lambda: application.execute_async(message)


async def _waku(stack: AsyncExitStack, middlewares: int) -> Operation:
    messaging: Any = import_module("waku.messaging")
    command: Any = _class("Add", messaging.IRequest[int])

    async def handle(self: object, request: object, /) -> int:
        return 3

    async def pass_on(self: object, message: object, /, call_next: Callable[[], Awaitable[object]]) -> object:
        return await call_next()

    extension = messaging.MessagingExtension()
    bind = getattr(extension, "bind_request", None) or extension.bind
    bind(command, _class("Handler", messaging.RequestHandler[command, int], handle=handle))
    behaviours = [
        _class(f"PassOn{number}", messaging.IPipelineBehavior[Any, Any], handle=pass_on)
        for number in range(middlewares)
    ]
    bus, message = (
        await _waku_bus(stack, extension, messaging.MessagingConfig(pipeline_behaviors=behaviours)),
        command(),
    )
    return lambda: bus.invoke(message)


async def _waku_events(stack: AsyncExitStack, handlers: int) -> Operation:
    messaging: Any = import_module("waku.messaging")
    added: Any = _class("Added", messaging.IEvent)

    async def handle(self: object, event: object, /) -> None:
        pass

    listeners = [_class(f"Handler{number}", messaging.EventHandler[added], handle=handle) for number in range(handlers)]
    extension = messaging.MessagingExtension()
    if hasattr(extension, "bind_event"):
        extension.bind_event(added, listeners)
    else:
        extension.bind(added, *listeners)
    bus, event = await _waku_bus(stack, extension), added()
    return lambda: bus.publish(event)


async def _waku_bus(stack: AsyncExitStack, extension: object, *configured: object) -> Any:
    waku: Any = import_module("waku")
    messaging: Any = import_module("waku.messaging")
    feature = waku.module(extensions=[extension])(_class("Feature", object))
    module = messaging.MessagingModule.register(*configured)
    application = waku.WakuFactory(waku.module(imports=[feature, module])(_class("App", object))).create()
    await application.initialize()
    container = await stack.enter_async_context(application.container())
    return await container.get(messaging.IMessageBus)


async def _bubus(stack: AsyncExitStack, _: int) -> Operation:
    bubus: Any = import_module("bubus")
    command: Any = _class("Add", bubus.BaseEvent[int], __annotations__={"left": int}, left=1)
    bus = bubus.EventBus(name="bench")
    stack.push_async_callback(bus.stop, timeout=0, clear=True)

    async def handle(event: object) -> int:
        return 3

    async def send() -> object:
        return await bus.dispatch(command()).event_result()

    bus.on(command, handle)
    return send


async def _bubus_events(stack: AsyncExitStack, handlers: int) -> Operation:
    bubus: Any = import_module("bubus")
    added: Any = _class("Added", bubus.BaseEvent[None])
    bus = bubus.EventBus(name=f"bench_{handlers}")
    stack.push_async_callback(bus.stop, timeout=0, clear=True)
    for number in range(handlers):
        listener = _listener()
        listener.__name__ = f"listen_{number}"
        bus.on(added, listener)

    async def publish() -> None:
        await bus.dispatch(added())

    return publish


async def _lato_events(_: AsyncExitStack, handlers: int) -> Operation:
    lato: Any = import_module("lato")
    application = lato.Application("bench")
    added: Any = _class("Added", lato.Event)
    for _number in range(handlers):
        application.handler(added)(_listener())
    event = added()
    return lambda: application.publish_async(event)


class _Ledger:
    pass


class _Adding:
    def __init__(self, ledger: _Ledger) -> None:
        self.ledger = ledger

    async def handle(self, message: object) -> int:
        return 3


async def _dishka(stack: AsyncExitStack, _: int) -> Operation:
    dishka: Any = import_module("dishka")
    provider = dishka.Provider(scope=dishka.Scope.REQUEST)
    provider.provide(_Ledger, scope=dishka.Scope.APP)
    provider.provide(_Adding)
    container = dishka.make_async_container(provider)
    stack.push_async_callback(container.close)
    message = SimpleNamespace()

    async def send() -> int:
        async with container() as request:
            handler: _Adding = await request.get(_Adding)
            return await handler.handle(message)

    return send


async def _svcs(_: AsyncExitStack, __: int) -> Operation:
    svcs: Any = import_module("svcs")
    registry = svcs.Registry()
    registry.register_value(_Ledger, _Ledger())

    async def adding(svcs_container: Any) -> _Adding:  # told by its name that it takes the container
        return _Adding(await svcs_container.aget(_Ledger))

    registry.register_factory(_Adding, adding)
    message = SimpleNamespace()

    async def send() -> int:
        async with svcs.Container(registry) as container:
            handler: _Adding = await container.aget(_Adding)
            return await handler.handle(message)

    return send


def _listener() -> Callable[[object], Awaitable[None]]:
    async def listen(event: object) -> None:
        pass

    return listen


async def _blinker(_: AsyncExitStack, handlers: int) -> Operation:
    signal: Any = import_module("blinker").Signal()
    for _number in range(handlers):
        signal.connect(_listener(), weak=False)
    event = SimpleNamespace()
    return lambda: signal.send_async(event)


async def _pyee(_: AsyncExitStack, handlers: int) -> Operation:
    emitter: Any = import_module("pyee.asyncio").AsyncIOEventEmitter()
    for _number in range(handlers):
        emitter.on("added", _listener())
    event = SimpleNamespace()

    async def emit() -> None:
        emitter.emit("added", event)
        await emitter.wait_for_complete()

    return emit


async def _diator_events(_: AsyncExitStack, handlers: int) -> Operation:
    events: Any = import_module("diator.events")
    added = make_dataclass("Added", [("total", int)], bases=(events.DomainEvent,), frozen=True, kw_only=True)
    bound = events.EventMap()
    for _number in range(handlers):
        bound.bind(added, _handling(None))
    emitter, event = events.EventEmitter(bound, _Built()), added(total=3)
    return lambda: emitter.emit(event)


async def _python_cqrs_events(_: AsyncExitStack, handlers: int) -> Operation:
    cqrs: Any = import_module("cqrs")
    added = _class("Added", cqrs.DCDomainEvent)
    bound = cqrs.EventMap()
    for _number in range(handlers):
        bound.bind(added, _handling(None, cqrs.EventHandler))
    emitter, event = cqrs.EventEmitter(bound, _Built()), added()
    return lambda: emitter.emit(event)
