"""Verification: everything that would keep a message from being handled, found before the first one is sent."""

from collections.abc import Iterable
from contextlib import AsyncExitStack

from cleanarch_kit.application.dependencies import Dependency
from cleanarch_kit.application.pipeline import Pipeline
from cleanarch_kit.application.scope import Scope
from cleanarch_kit.errors import DependencyError

__all__ = ["unresolvable"]


async def unresolvable(pipelines: Iterable[Pipeline]) -> list[DependencyError]:
    """Resolve everything that the pipelines need, entering each scope once, and return what failed."""
    problems: list[DependencyError] = []
    by_scope: dict[Scope | None, list[Pipeline]] = {}
    for pipeline in pipelines:
        if pipeline.needed:
            by_scope.setdefault(pipeline.scope, []).append(pipeline)
    for scope, members in by_scope.items():
        if scope is None:
            problems += [_without_scope(pipeline) for pipeline in members]
            continue
        failures: dict[type[object], Exception] = {}
        async with AsyncExitStack() as stack:
            resolve = await stack.enter_async_context(scope())
            for key in dict.fromkeys(dependency.key for pipeline in members for dependency in pipeline.needed):
                try:
                    await resolve(key)
                except Exception as error:
                    failures[key] = error
        problems += [
            _failed(pipeline, dependency, failures[dependency.key])
            for pipeline in members
            for dependency in pipeline.needed
            if dependency.key in failures
        ]
    return problems


def _without_scope(pipeline: Pipeline) -> DependencyError:
    handler = pipeline.handler
    return DependencyError(
        f"{handler.name} ({handler.location}) needs {pipeline.needed[0].parameter!r} and the bus has no scope:"
        " give it one with scope="
    )


def _failed(pipeline: Pipeline, dependency: Dependency, error: Exception) -> DependencyError:
    handler = pipeline.handler
    problem = DependencyError(
        f"{handler.name} ({handler.location}) needs {dependency.parameter!r}, and the scope cannot resolve"
        f" {getattr(dependency.key, '__qualname__', dependency.key)}: provide it there"
    )
    problem.__cause__ = error
    return problem
