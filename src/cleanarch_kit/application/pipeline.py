"""Pipelines: all the way from a message to its handler, compiled when the bus is built."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cleanarch_kit.application.dependencies import Dependency, keyword_dependencies, location_of
from cleanarch_kit.application.discovery import Handler
from cleanarch_kit.application.invocation import Run, ScopedStep, Views, compile_invocation
from cleanarch_kit.application.middleware.protocol import (
    Middleware,
    MiddlewareFactory,
    Placement,
    ScopedMiddleware,
)
from cleanarch_kit.application.scope import Resolve, Scope
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
        run: the way in a scope of its own.
        join: given the resolver of an open scope, the way within that.
        needed: what the resolver is asked for.
    """

    handler: Handler
    outer: tuple[Any, ...]
    inner: tuple[ScopedStep, ...]
    scope: Scope | None
    run: Run
    join: Callable[[Resolve], Run]
    needed: tuple[Dependency, ...]


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
    outer = _applying(middleware, handler.subject)
    inner = _applying(scoped_middleware, handler.subject)
    for step in outer:
        _check_outside(step)
    steps = tuple(ScopedStep(name_of(step), _callable(step), _dependencies_inside(step)) for step in inner)
    invocation = compile_invocation(handler, steps, scope, views)
    asked = [*(needed for step in steps for needed in step.dependencies), *handler.dependencies]
    joining = [step for step in outer if not getattr(step, "needs_fresh_scope", False)]
    return Pipeline(
        handler=handler,
        outer=outer,
        inner=steps,
        scope=scope if steps or handler.dependencies else None,
        needed=tuple(dependency for dependency in asked if dependency.key not in views),
        run=_wrapped(outer, invocation.run),
        join=lambda resolve: _wrapped(joining, invocation.join(resolve)),
    )


def name_of(middleware: object) -> str:
    """Return how a middleware is called in explanations and errors."""
    plain: object = middleware if hasattr(middleware, "__qualname__") else type(middleware)
    return f"{plain.__module__}.{getattr(plain, '__qualname__', '')}"


def _applying(middleware: Iterable[object], message_type: type[object]) -> tuple[Any, ...]:
    chosen = (step.middleware_for(message_type) if isinstance(step, MiddlewareFactory) else step for step in middleware)
    return tuple(step for step in chosen if step is not None)


def _wrapped(middleware: Sequence[Any], run: Run) -> Run:
    for step in reversed(middleware):
        run = _around(_callable(step), run)
    return run


def _around(target: Callable[..., Any], following: Run) -> Run:
    def run(message: Any) -> Coroutine[object, None, Any]:
        coroutine: Coroutine[object, None, Any] = target(message, following)
        return coroutine

    return run


def _callable(middleware: Any) -> Callable[..., Any]:
    """Look up ``__call__`` once, where the middleware is an object."""
    target: Callable[..., Any] = middleware if hasattr(middleware, "__qualname__") else middleware.__call__
    return target


def _check_outside(middleware: Any) -> None:
    name = name_of(middleware)
    if getattr(middleware, "placement", Placement.ANYWHERE) is Placement.INSIDE:
        raise DefinitionError(f"{name} belongs {Placement.INSIDE.value}")
    dependencies = keyword_dependencies(_callable(middleware), positional=2, owner=name)
    if dependencies:
        raise DefinitionError(
            f"{name} ({location_of(middleware)}) asks for {dependencies[0].parameter!r}, and outside the scope nothing"
            " can be resolved: give it to `scoped_middleware`"
        )


def _dependencies_inside(middleware: Any) -> Any:
    name = name_of(middleware)
    if getattr(middleware, "placement", Placement.ANYWHERE) is Placement.OUTSIDE:
        raise DefinitionError(f"{name} belongs {Placement.OUTSIDE.value}")
    return keyword_dependencies(_callable(middleware), positional=2, owner=name)
