"""Explanation: a pipeline as text that a person wants to read."""

from cleanarch_kit.application.dispatch.dependencies import Dependency, location_of
from cleanarch_kit.application.dispatch.pipeline import Pipeline, name_of
from cleanarch_kit.application.scope import key_name

__all__ = ["explained"]


def explained(pipeline: Pipeline) -> str:
    """Return who handles a message, and what it passes on its way, outermost first."""
    handler = pipeline.handler
    lines = [handler.subject.__qualname__]
    lines += [f"  {name_of(step)}" for step in pipeline.outer]
    if pipeline.scope is not None:
        lines.append(f"  scope {name_of(pipeline.scope)} ({location_of(pipeline.scope)})")
    lines += [f"  {step.name}{_listed(step.dependencies)}" for step in pipeline.inner]
    lines.append(f"  {handler.name}{_listed(handler.dependencies)}")
    lines.append(f"    {handler.location}")
    return "\n".join(lines)


def _listed(dependencies: tuple[Dependency, ...]) -> str:
    asked = (f"{dependency.parameter}: {key_name(dependency.key)}" for dependency in dependencies)
    return f"({', '.join(asked)})"
