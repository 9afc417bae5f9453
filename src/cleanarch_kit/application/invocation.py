"""Invocation: the innermost part of a pipeline, which opens the scope, resolves and calls the handler.

What can be decided when the bus is built is decided here, once, by choosing one of a few closures: a message whose
handler needs nothing pays for nothing. Whichever is chosen is one frame in a traceback.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from cleanarch_kit.application.dependencies import Dependency
from cleanarch_kit.application.discovery import Handler
from cleanarch_kit.application.scope import Resolve, Scope
from cleanarch_kit.errors import DefinitionError, DependencyError

__all__ = ["Invocation", "Run", "ScopedStep", "Views", "compile_invocation", "noted"]

Run: TypeAlias = Callable[[Any], Coroutine[object, None, Any]]
"""A compiled way to the handler, for messages of one type."""
Views: TypeAlias = Mapping[type[object], Callable[[Resolve], Any]]
"""Keys that stand for a bus within the running scope, each with what makes one of the scope's resolver."""

_Keys: TypeAlias = Sequence[tuple[type[object], Callable[[Resolve], Any] | None]]
_Assemble: TypeAlias = Callable[[list[Any]], Run]


@dataclass(frozen=True, slots=True)
class ScopedStep:
    """A middleware inside the scope.

    Attributes:
        name: module and qualified name of the middleware.
        target: called with message and next step, and with its dependencies by keyword.
        dependencies: what `target` needs.
    """

    name: str
    target: Callable[..., Coroutine[object, None, Any]]
    dependencies: tuple[Dependency, ...]


@dataclass(frozen=True, slots=True)
class Invocation:
    """The two ways to invoke a handler.

    Attributes:
        run: in a scope of its own, if it needs one.
        join: given the resolver of a scope that is open already, the way within that scope.
    """

    run: Run
    join: Callable[[Resolve], Run]


def noted(error: BaseException, note: str) -> None:
    """Add a note to an exception, once: one object that is raised again and again does not collect them."""
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def compile_invocation(handler: Handler, steps: Sequence[ScopedStep], scope: Scope | None, views: Views) -> Invocation:
    """Choose the closures for a handler and the middleware inside its scope.

    What the steps and the handler depend on is resolved before the first of them runs, in their order.

    Args:
        handler: what is invoked.
        steps: the middleware inside the scope, outermost first.
        scope: opens the scope; None where only a scope that is open already can be joined.
        views: the keys that are not asked from the resolver.
    """
    note, target = handler.note, handler.target
    needed = [*(dependency for step in steps for dependency in step.dependencies), *handler.dependencies]
    if not steps and not needed:
        run = _without_scope(target, note)
        return Invocation(run, lambda _: run)
    missing = _missing_scope(handler)
    if not steps and len(needed) == 1 and needed[0].key not in views:
        one = needed[0]
        return Invocation(
            _one_in_own_scope(target, one, scope, note) if scope else missing,
            lambda resolve: _one_in_open_scope(target, one, resolve, note),
        )
    keys = [(dependency.key, views.get(dependency.key)) for dependency in needed]
    assemble = _assembler(handler, steps)
    return Invocation(
        _many_in_own_scope(assemble, keys, scope, note) if scope else missing,
        lambda resolve: _many_in_open_scope(assemble, keys, resolve, note),
    )


def _without_scope(target: Run, note: str) -> Run:
    async def run(message: Any) -> Any:
        try:
            return await target(message)
        except Exception as error:
            noted(error, note)
            raise

    return run


def _one_in_own_scope(target: Callable[..., Any], dependency: Dependency, scope: Scope, note: str) -> Run:
    parameter, key = dependency.parameter, dependency.key

    async def run(message: Any) -> Any:
        try:
            async with scope() as resolve:
                return await target(message, **{parameter: await resolve(key)})
        except Exception as error:
            noted(error, note)
            raise
        raise _swallowed(note)

    return run


def _one_in_open_scope(target: Callable[..., Any], dependency: Dependency, resolve: Resolve, note: str) -> Run:
    parameter, key = dependency.parameter, dependency.key

    async def run(message: Any) -> Any:
        try:
            return await target(message, **{parameter: await resolve(key)})
        except Exception as error:
            noted(error, note)
            raise

    return run


def _many_in_own_scope(assemble: _Assemble, keys: _Keys, scope: Scope, note: str) -> Run:
    async def run(message: Any) -> Any:
        try:
            async with scope() as resolve:
                values = [view(resolve) if view else await resolve(key) for key, view in keys]
                return await assemble(values)(message)
        except Exception as error:
            noted(error, note)
            raise
        raise _swallowed(note)

    return run


def _many_in_open_scope(assemble: _Assemble, keys: _Keys, resolve: Resolve, note: str) -> Run:
    async def run(message: Any) -> Any:
        try:
            values = [view(resolve) if view else await resolve(key) for key, view in keys]
            return await assemble(values)(message)
        except Exception as error:
            noted(error, note)
            raise

    return run


def _assembler(handler: Handler, steps: Sequence[ScopedStep]) -> _Assemble:
    """Return what puts resolved values into their places, step by step from the outermost to the handler."""
    parameters = [[dependency.parameter for dependency in step.dependencies] for step in steps]
    names = [dependency.parameter for dependency in handler.dependencies]
    offset = sum(map(len, parameters))

    def assemble(values: list[Any]) -> Run:
        following: Run = partial(handler.target, **dict(zip(names, values[offset:], strict=True)))
        end = offset
        for step, inner in zip(reversed(steps), reversed(parameters), strict=True):
            start = end - len(inner)
            following = _around(step.target, following, dict(zip(inner, values[start:end], strict=True)))
            end = start
        return following

    return assemble


def _around(target: Callable[..., Any], following: Run, values: dict[str, Any]) -> Run:
    def run(message: Any) -> Coroutine[object, None, Any]:
        coroutine: Coroutine[object, None, Any] = target(message, following, **values)
        return coroutine

    return run


def _missing_scope(handler: Handler) -> Run:
    async def run(_: Any) -> Any:
        raise DependencyError(
            f"{handler.name} ({handler.location}) needs something resolved and the bus has no scope:"
            " give it one with scope=, or execute on bus.bound(resolve)"
        )

    return run


def _swallowed(note: str) -> DefinitionError:
    return DefinitionError(f"the scope swallowed an exception raised {note}: a scope must let exceptions through")
