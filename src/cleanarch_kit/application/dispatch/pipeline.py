"""Pipelines: all the way from a message to its handler, compiled when the bus is built."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MethodType

from cleanarch_kit.application.dispatch.calls import Call, Join, Run
from cleanarch_kit.application.dispatch.dependencies import (
    Dependency,
    keyword_dependencies,
    location_of,
    qualified_name,
)
from cleanarch_kit.application.dispatch.discovery import Handler
from cleanarch_kit.application.dispatch.invocation import ScopedStep, Views, compile_invocation
from cleanarch_kit.application.dispatch.isolation import isolated
from cleanarch_kit.application.messages import StreamQuery
from cleanarch_kit.application.middleware.protocol import (
    Middleware,
    MiddlewareFactory,
    Placement,
    ScopedMiddleware,
)
from cleanarch_kit.application.scope import Resolve, Scope, scope_of
from cleanarch_kit.errors import DefinitionError

__all__ = ["Pipeline", "compile_pipeline", "name_of"]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The compiled way of one message type.

    Attributes:
        handler: where it leads.
        outer: the middleware outside the scope that applies to the message, outermost first.
        inner: the middleware inside the scope.
        scope: what `run` opens, if anything.
        needed: what the scope's resolver is asked for.
        run: the way in a scope of its own.
        join: the way in a scope that is open already, whose resolver it is given with the message.
    """

    handler: Handler
    outer: tuple[Call, ...]
    inner: tuple[ScopedStep, ...]
    scope: Scope | None
    needed: tuple[Dependency, ...]
    run: Run
    join: Join


def compile_pipeline(
    handler: Handler,
    middleware: Iterable[Middleware | MiddlewareFactory],
    scoped_middleware: Iterable[ScopedMiddleware | MiddlewareFactory],
    scope: Scope | None,
    views: Views,
) -> Pipeline:
    """Compile the way to a handler.

    Raises:
        DefinitionError: a middleware stands on the wrong side of the scope, or cannot be called as one.
    """
    stream = StreamQuery in handler.subject.__mro__
    outer = _applying(middleware, handler.subject)
    targets = [_outside(step, stream=stream) for step in outer]
    chosen = _applying(scoped_middleware, handler.subject)
    inner = tuple(_inside(step, stream=stream) for step in chosen)
    _check_order(handler, [*outer, *chosen])
    asked = [*(dependency for step in inner for dependency in step.dependencies), *handler.dependencies]
    needed = tuple(dependency for dependency in asked if dependency.key not in views)
    opened = scope or (None if needed else scope_of({}))  # a bus within the running scope needs none in particular
    invocation = compile_invocation(handler, inner, opened, views, stream=stream)
    run = _wrapped(targets, invocation.run)
    joining = [
        target for step, target in zip(outer, targets, strict=True) if not getattr(step, "needs_fresh_scope", False)
    ]
    join = _joining(joining, invocation.join)
    return Pipeline(
        handler=handler,
        outer=outer,
        inner=inner,
        scope=scope if asked or inner else None,
        needed=needed,
        run=(lambda query: isolated(run(query))) if stream else run,
        join=(lambda query, resolve: isolated(join(query, resolve))) if stream else join,
    )


def name_of(middleware: object) -> str:
    """Return how a middleware, or a scope, is called in explanations and errors."""
    if not hasattr(middleware, "__qualname__") and type(middleware).__repr__ is not object.__repr__:
        return repr(middleware)
    return qualified_name(middleware)


def _check_order(handler: Handler, steps: Sequence[object]) -> None:
    """Refuse what answers in the handler's place before it is known whether the caller may have the answer."""
    answering = None
    for step in steps:
        if answering is not None and getattr(step, "guards", False):
            raise DefinitionError(
                f"{handler.subject.__qualname__} passes {name_of(answering)} before {name_of(step)}, so that it would"
                " answer who is not allowed: put the guard first"
            )
        if getattr(step, "answers_itself", False):
            answering = step


def _applying(middleware: Iterable[Call | MiddlewareFactory], message_type: type[object]) -> tuple[Call, ...]:
    chosen = (step.middleware_for(message_type) if isinstance(step, MiddlewareFactory) else step for step in middleware)
    return tuple(step for step in chosen if step is not None)


def _wrapped(targets: Sequence[Call], run: Run) -> Run:
    for target in reversed(targets):
        run = _around(target, run)
    return run


def _around(target: Call, following: Run) -> Run:
    return lambda message: target(message, following)


def _joining(targets: Sequence[Call], join: Join) -> Join:
    if not targets:
        return join

    def joined(message: object, resolve: Resolve) -> object:
        return _wrapped(targets, lambda passed: join(passed, resolve))(message)

    return joined


def _outside(middleware: Call, *, stream: bool) -> Call:
    """Return what is called of a middleware outside the scope."""
    target = _target(middleware, stream=stream)
    if getattr(middleware, "placement", Placement.ANYWHERE) is Placement.INSIDE:
        raise DefinitionError(f"{name_of(middleware)} belongs {Placement.INSIDE.value}")
    dependencies = _dependencies(middleware, target)
    if dependencies:
        raise DefinitionError(
            f"{name_of(middleware)} ({location_of(middleware)}) asks for {dependencies[0].parameter!r}, and outside the"
            " scope nothing can be resolved: give it to the bus as `scoped_middleware`"
        )
    return target


def _inside(middleware: Call, *, stream: bool) -> ScopedStep:
    target = _target(middleware, stream=stream)
    placement = getattr(middleware, "placement", Placement.ANYWHERE)
    if placement is Placement.OUTSIDE or getattr(middleware, "needs_fresh_scope", False):
        raise DefinitionError(f"{name_of(middleware)} belongs {Placement.OUTSIDE.value}")
    return ScopedStep(name_of(middleware), target, _dependencies(middleware, target))


def _dependencies(middleware: Call, target: Call) -> tuple[Dependency, ...]:
    """Return what a middleware says that it depends on, or else what its signature says."""
    stated: tuple[Dependency, ...] | None = getattr(middleware, "dependencies", None)
    if stated is not None:
        return stated
    return keyword_dependencies(target, positional=2, owner=name_of(middleware), taking="a message and the next step")


def _target(middleware: Call, *, stream: bool) -> Call:
    """Look up once what is called for a message."""
    target: Call | None = middleware
    if stream:
        target = getattr(middleware, "stream", None)
    elif not hasattr(middleware, "__qualname__"):
        target = MethodType(type(middleware).__call__, middleware)
    if target is None:
        raise DefinitionError(
            f"{name_of(middleware)} ({location_of(middleware)}) does not say what it does to a stream: give it a method"
            " `stream`, or apply it with only(Message, ...)"
        )
    return target
