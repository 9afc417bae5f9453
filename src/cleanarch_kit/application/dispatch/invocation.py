"""Invocation: the innermost part of a pipeline, which opens the scope, resolves and calls the handler.

Its function is written out for each handler when the bus is built, as a person would write it for this one alone:

    async def run(message):
        try:
            async with scope() as resolve:
                return await target(message, users=await resolve(key_0))
        except BaseException as error:
            passed_on(error, note)
            raise
        raise swallowed(note)

So a message pays for what its handler needs and for nothing else. What the handler raises passes with a note and
without a frame of this function, whose lines can be read in every other traceback.
"""

import linecache
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence, Set
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache, partial
from textwrap import indent
from types import CodeType
from typing import TypeAlias, cast

from cleanarch_kit.application.dispatch.calls import Call, Join, Run
from cleanarch_kit.application.dispatch.dependencies import Dependency
from cleanarch_kit.application.dispatch.discovery import Handler
from cleanarch_kit.application.dispatch.tracebacks import passed_on
from cleanarch_kit.application.scope import MappedScope, Resolve, Scope
from cleanarch_kit.errors import DefinitionError, DependencyError

__all__ = ["Invocation", "ScopedStep", "Views", "compile_invocation"]

Views: TypeAlias = Mapping[type[object], Callable[[Resolve], object]]
"""Keys that stand for a bus within the running scope, each with what makes one of the scope's resolver."""

_Writer: TypeAlias = Callable[[Dependency], str]

_MESSAGE = "return await {call}"
_STREAM = "async with aclosing({call}) as items:\n    async for item in items:\n        yield item\nreturn"
_OWN_SCOPE = """
async def run(message):
    try:
        async with scope() as resolve:
{body}
    except BaseException as error:
        passed_on(error, note)
        raise
    raise swallowed(note)
"""
_OPEN_SCOPE = """
async def run(message, resolve=None):
    try:
{body}
    except BaseException as error:
        passed_on(error, note)
        raise
"""


@dataclass(frozen=True, slots=True)
class ScopedStep:
    """A middleware inside the scope.

    Attributes:
        name: module and qualified name of the middleware.
        target: called with message and next step, and with its dependencies by keyword.
        dependencies: what `target` needs.
    """

    name: str
    target: Call
    dependencies: tuple[Dependency, ...]


@dataclass(frozen=True, slots=True)
class Invocation:
    """The two ways to invoke a handler.

    Attributes:
        run: in a scope of its own, if it needs one.
        join: in a scope that is open already, whose resolver it is given with the message.
    """

    run: Run
    join: Join


def compile_invocation(
    handler: Handler, steps: Sequence[ScopedStep], scope: Scope | None, views: Views, *, stream: bool = False
) -> Invocation:
    """Write the functions for a handler and the middleware inside its scope.

    What the steps and the handler depend on is resolved before the first of them runs, in their order.

    Args:
        handler: what is invoked.
        steps: the middleware inside the scope, outermost first.
        scope: opens the scope; None where only a scope that is open already can be joined.
        views: the keys that are not asked from the resolver.
        stream: whether the handler is an async generator.
    """
    names: dict[str, object] = {
        "aclosing": aclosing,
        "around": _around,
        "construct": handler.construct,
        "note": handler.note,
        "passed_on": passed_on,
        "partial": partial,
        "scope": scope,
        "swallowed": _swallowed,
        "target": handler.target,
    }
    way = _STREAM if stream else _MESSAGE
    body = way.format(call=_call(handler, steps, _asking(views, names), names))
    join = _defined(_OPEN_SCOPE.format(body=indent(body, " " * 8)), names)
    needed = [*(dependency for step in steps for dependency in step.dependencies), *handler.dependencies]
    if not steps and not needed:
        return Invocation(join, join)
    if scope is None:
        return Invocation(_missing_scope(handler, stream=stream), join)
    if isinstance(scope, MappedScope) and _are_apart(needed, scope.factories.keys() - views.keys()):
        body = way.format(call=_call(handler, steps, _making(scope, names), names))
        return Invocation(_defined(_OPEN_SCOPE.format(body=indent(body, " " * 8)), names), join)
    own = _OWN_SCOPE.format(body=indent(body, " " * 12))
    return Invocation(_defined(own, names), join)


def _are_apart(needed: Sequence[Dependency], makeable: Set[type[object]]) -> bool:
    """Tell whether each dependency can be made where it is needed: none of them is needed twice, or by a bus."""
    return len(needed) == len({dependency.key for dependency in needed} & makeable)


def _asking(views: Views, names: dict[str, object]) -> _Writer:
    """Write how a dependency is asked from the scope's resolver."""

    def written(dependency: Dependency) -> str:
        name = f"key_{len(names)}"
        view = views.get(dependency.key)
        names[name] = view or dependency.key
        return f"{name}(resolve)" if view else f"await resolve({name})"

    return written


def _making(scope: MappedScope, names: dict[str, object]) -> _Writer:
    """Write how a dependency is made, where each is needed once and nobody else could ask for it."""

    def written(dependency: Dependency) -> str:
        value, make = f"value_{len(names)}", f"make_{len(names)}"
        names[make] = factory = scope.factories[dependency.key]
        if isinstance(factory, type) and not hasattr(factory, "__await__"):
            return f"{make}()"
        return f"await {value} if hasattr(type({value} := {make}()), '__await__') else {value}"

    return written


def _call(handler: Handler, steps: Sequence[ScopedStep], resolved: _Writer, names: dict[str, object]) -> str:
    """Write the call of the outermost step, or of the handler itself, and put what it refers to into `names`."""
    openings = ""
    for number, step in enumerate(steps):
        names[f"step_{number}"] = step.target
        pairs = (f"{needed.parameter!r}: {resolved(needed)}" for needed in step.dependencies)
        openings += f"around(step_{number}, {{{', '.join(pairs)}}}, "
    if handler.construct is not None:
        arguments = ["construct(" + ", ".join(_argument(each, resolved) for each in handler.dependencies) + ")"]
    else:
        arguments = [f"{each.parameter}={resolved(each)}" for each in handler.dependencies]
    if steps:
        return f"{openings}partial({', '.join(['target', *arguments])}){')' * len(steps)}(message)"
    if handler.construct is not None:
        return f"target({arguments[0]}, message)"
    return f"target({', '.join(['message', *arguments])})"


def _argument(dependency: Dependency, resolved: _Writer) -> str:
    return resolved(dependency) if dependency.by_position else f"{dependency.parameter}={resolved(dependency)}"


def _around(target: Call, values: dict[str, object], following: Run) -> Run:
    return lambda message: target(message, following, **values)


def _defined(source: str, names: dict[str, object]) -> Call:
    space = dict(names)
    exec(_compiled(source), space)  # noqa: S102 - text of our own, in which only names of parameters vary
    return cast("Call", space["run"])


@cache
def _compiled(source: str) -> CodeType:
    """Compile a function's text once for all handlers of the same shape, and let tracebacks show its lines."""
    name = f"<cleanarch_kit invocation {_compiled.cache_info().currsize}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return compile(source, name, "exec")


def _missing_scope(handler: Handler, *, stream: bool) -> Run:
    error = (
        f"{handler.name} ({handler.location}) needs something resolved and the bus has no scope:"
        " give it one with scope=, or use bus.bound(resolve)"
    )

    async def run(_: object) -> None:
        raise DependencyError(error)

    async def iterate(_: object) -> AsyncGenerator[None]:
        raise DependencyError(error)
        yield

    return iterate if stream else run


def _swallowed(note: str) -> DefinitionError:
    return DefinitionError(f"the scope swallowed an exception raised {note}: a scope must let exceptions through")
