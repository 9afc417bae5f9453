"""Verification: everything that would keep a message from being handled, found before the first one is sent."""

from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from cleanarch_kit.application.dispatch.dependencies import Dependency, location_of, qualified_name
from cleanarch_kit.application.dispatch.discovery import Handler, handlers_in, written_in
from cleanarch_kit.application.dispatch.pipeline import Pipeline, name_of
from cleanarch_kit.application.handlers import MessageMark
from cleanarch_kit.application.messages import Message, StreamQuery
from cleanarch_kit.application.scope import Scope, key_name
from cleanarch_kit.errors import (
    CleanArchError,
    DefinitionError,
    DependencyError,
    DuplicateHandlerError,
    HandlerNotFoundError,
)

__all__ = ["overlooked", "unresolvable"]


def overlooked(pipelines: Mapping[type[object], Pipeline], modules: Iterable[ModuleType]) -> list[CleanArchError]:
    """Return an error for each message in the modules that nobody handles, and each handler that was not given."""
    searched = list(modules)
    members = [member for module in searched for member in written_in(module)]
    classes = [member for member in members if isinstance(member, type)]
    messages = [cls for cls in classes if not {Message, StreamQuery}.isdisjoint(cls.__mro__)]
    handlers = [handler for module in searched for handler in handlers_in(module, MessageMark)]
    handled = pipelines.keys() | {handler.subject for handler in handlers}
    problems: list[CleanArchError] = [
        HandlerNotFoundError(f"{qualified_name(message)} ({location_of(message)})")
        for message in messages
        if message not in handled and not _is_base(message, messages)
    ]
    problems += [
        _not_given(handler, pipelines.get(handler.subject))
        for handler in handlers
        if not _is_given(handler, pipelines.get(handler.subject))
    ]
    return problems


def _is_base(message: type[object], messages: Iterable[type[object]]) -> bool:
    """Tell whether a class is there to derive messages from: it is generic, or one of the others derives from it."""
    return bool(getattr(message, "__parameters__", ())) or any(message in other.__mro__[1:] for other in messages)


def _is_given(handler: Handler, known: Pipeline | None) -> bool:
    """Tell whether the bus was given this function, be it as a method of an instance."""
    return known is not None and getattr(known.handler.source, "__func__", known.handler.source) is handler.source


def _not_given(handler: Handler, known: Pipeline | None) -> CleanArchError:
    handles = f"{handler.name} ({handler.location}) handles {handler.subject.__qualname__}"
    if known is None:
        return DefinitionError(f"{handles} and was not given to the bus: give it, or take its mark away")
    return DuplicateHandlerError(
        f"{handles} like {known.handler.name} ({known.handler.location}), which the bus was given:"
        " take one of the marks away"
    )


async def unresolvable(pipelines: Iterable[Pipeline], joined: Scope | None) -> list[CleanArchError]:
    """Resolve everything that the pipelines need, and return an error for each thing that fails.

    Args:
        pipelines: whose needs are tried. Each of their scopes is entered once.
        joined: entered instead, where the pipelines are to join a scope that is open already.
    """
    problems: list[CleanArchError] = []
    by_scope: dict[Scope | None, list[Pipeline]] = {}
    for pipeline in pipelines:
        if pipeline.needed:
            by_scope.setdefault(joined or pipeline.scope, []).append(pipeline)
    for scope, members in by_scope.items():
        if scope is None:
            problems += [_without_scope(pipeline) for pipeline in members]
        else:
            problems += await _tried(scope, members)
    return problems


async def _tried(scope: Scope, pipelines: list[Pipeline]) -> list[CleanArchError]:
    failures: dict[type[object], Exception] = {}
    problems: list[CleanArchError] = []
    try:
        async with scope() as resolve:
            for key in dict.fromkeys(dependency.key for pipeline in pipelines for dependency in pipeline.needed):
                try:
                    await resolve(key)
                except Exception as error:
                    failures[key] = error
    except Exception as error:
        problem = DependencyError(
            f"the scope {name_of(scope)} ({location_of(scope)}) cannot be entered and left: mend it first"
        )
        problem.__cause__ = error
        problems.append(problem)
    problems += [
        _failed(asker, dependency, failures[dependency.key])
        for pipeline in pipelines
        for asker, dependency in _needs(pipeline)
        if dependency.key in failures
    ]
    return problems


def _needs(pipeline: Pipeline) -> Iterator[tuple[str, Dependency]]:
    """Yield what has to be resolved, each with who needs it: the handler, or a middleware in front of it."""
    handler = f"{pipeline.handler.name} ({pipeline.handler.location})"
    askers = [(f"{step.name} in front of {handler}", step.dependencies) for step in pipeline.inner]
    for asker, dependencies in [*askers, (handler, pipeline.handler.dependencies)]:
        yield from ((asker, dependency) for dependency in dependencies if dependency in pipeline.needed)


def _without_scope(pipeline: Pipeline) -> CleanArchError:
    asker, dependency = next(_needs(pipeline))
    return DependencyError(
        f"{asker} needs {dependency.parameter!r} resolved and there is no scope:"
        " give one with scope=, or verify what is bound to one with bound(resolve)"
    )


def _failed(asker: str, dependency: Dependency, error: Exception) -> CleanArchError:
    problem = DependencyError(
        f"{asker} needs {dependency.parameter!r}, and the scope cannot resolve {key_name(dependency.key)}:"
        " provide it there"
    )
    problem.__cause__ = error
    return problem
