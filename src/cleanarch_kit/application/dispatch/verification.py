"""Verification: everything that would keep a message from being handled, found before the first one is sent."""

from collections.abc import Iterable, Mapping
from types import ModuleType

from cleanarch_kit.application.dispatch.dependencies import Dependency, location_of
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
    problems: list[CleanArchError] = []
    messages: dict[type[object], None] = {}
    handlers: dict[int, Handler] = {}
    for module in modules:
        for member in written_in(module):
            if isinstance(member, type) and issubclass(member, Message | StreamQuery):
                messages[member] = None
        handlers |= {id(handler.source): handler for handler in handlers_in(module, MessageMark)}
    for message in messages:
        is_base = any(message in other.__mro__[1:] for other in messages)
        if message not in pipelines and not is_base and not getattr(message, "__parameters__", ()):
            problems.append(
                HandlerNotFoundError(f"{message.__module__}.{message.__qualname__} ({location_of(message)})")
            )
    for handler in handlers.values():
        known = pipelines.get(handler.subject)
        if known is None:
            problems.append(
                DefinitionError(
                    f"{handler.name} ({handler.location}) handles {handler.subject.__qualname__} and was not given to"
                    " the bus: give it, or take its mark away"
                )
            )
        elif known.handler.source != handler.source:
            problems.append(
                DuplicateHandlerError(
                    f"{handler.name} ({handler.location}) handles {handler.subject.__qualname__} like"
                    f" {known.handler.name} ({known.handler.location}), which the bus was given: take one of the marks"
                    " away"
                )
            )
    return problems


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
    for pipeline in pipelines:
        for dependency in pipeline.needed:
            if dependency.key in failures:
                problems.append(_failed(pipeline.handler, dependency, failures[dependency.key]))
    return problems


def _without_scope(pipeline: Pipeline) -> CleanArchError:
    handler = pipeline.handler
    return DependencyError(
        f"{handler.name} ({handler.location}) needs {pipeline.needed[0].parameter!r} resolved and the bus has no"
        " scope: give it one with scope=, or verify bus.bound(resolve)"
    )


def _failed(handler: Handler, dependency: Dependency, error: Exception) -> CleanArchError:
    problem = DependencyError(
        f"{handler.name} ({handler.location}) needs {dependency.parameter!r}, and the scope cannot resolve"
        f" {key_name(dependency.key)}: provide it there"
    )
    problem.__cause__ = error
    return problem
