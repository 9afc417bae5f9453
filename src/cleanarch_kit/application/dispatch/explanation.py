"""Explanation: a pipeline as text that a person wants to read."""

from cleanarch_kit.application.dispatch.dependencies import Dependency, location_of
from cleanarch_kit.application.dispatch.pipeline import Pipeline, name_of
from cleanarch_kit.application.scope import MappedScope, key_name

__all__ = ["explained"]


def explained(pipeline: Pipeline) -> str:
    """Return what a message passes on its way, outermost first, and who handles it."""
    handler = pipeline.handler
    lines = [handler.subject.__qualname__]
    for step in pipeline.outer:
        note = " (not for messages that join an open scope)" if getattr(step, "needs_fresh_scope", False) else ""
        lines.append(f"  middleware  {name_of(step)}{note}")
    if isinstance(pipeline.scope, MappedScope):
        lines.append(f"  made by     {pipeline.scope!r}")
    elif pipeline.scope is not None:
        lines.append(f"  opens       {name_of(pipeline.scope)} ({location_of(pipeline.scope)})")
    lines += [f"  inside      {step.name}{_needs(step.dependencies)}" for step in pipeline.inner]
    lines.append(f"  handler     {handler.name}{_needs(handler.dependencies)}")
    lines.append(f"              {handler.location}")
    return "\n".join(lines)


def _needs(dependencies: tuple[Dependency, ...]) -> str:
    if not dependencies:
        return ""
    return " needs " + ", ".join(f"{needed.parameter}: {key_name(needed.key)}" for needed in dependencies)
