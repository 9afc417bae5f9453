"""Migrations whose columns are plain SQLAlchemy.

A column of a kit's type is written as what it stores, such as ``sa.String(length=254)``, so that a migration imports
nothing of the kit and still runs when the kit has changed. Alembic 1.18 and later find this by themselves, through an
entry point; `render_item` is for an ``env.py`` that names its ``autogenerate_plugins`` one by one.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Literal, TypeGuard

from sqlalchemy.types import TypeDecorator, TypeEngine

if TYPE_CHECKING:  # Alembic loads this module while it is half imported itself
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import UpgradeOps
    from alembic.runtime.plugins import Plugin
    from alembic.util import PriorityDispatchResult

__all__ = ["plugin", "render_item"]


def render_item(type_: str, obj: object, autogen_context: "AutogenContext") -> str | Literal[False]:
    """Write a kit's column type as the type it stores, with what it stores on single databases as variants.

    To be given to ``context.configure(render_item=render_item)``.

    Args:
        type_: what is being written; only ``"type"`` is answered.
        obj: the object that is being written.
        autogen_context: Alembic's context; it gets the imports that the written type needs.

    Returns:
        The Python text, or False for everything that is not a kit's column type.
    """
    if type_ != "type" or not _is_ours(obj):
        return False
    stored: TypeEngine[object] = obj
    variants: dict[str, TypeEngine[object]] = {}
    while _is_ours(stored):
        variants = {**stored._variant_mapping, **variants}  # noqa: SLF001 - there is no other way to ask
        stored = stored.impl_instance
    variants = {**stored._variant_mapping, **variants}  # noqa: SLF001
    write: Callable[..., str] = import_module("alembic.autogenerate.render")._repr_type  # noqa: SLF001 - no public one
    text = write(stored, autogen_context, _skip_variants=True)
    for dialect, variant in sorted(variants.items()):
        text += f".with_variant({write(variant, autogen_context)}, {dialect!r})"
    return text


def _is_ours(obj: object) -> TypeGuard[TypeDecorator[object]]:
    return type(obj).__module__.startswith("cleanarch_kit.") and isinstance(obj, TypeDecorator)


def _install(autogen_context: "AutogenContext", upgrade_ops: "UpgradeOps") -> "PriorityDispatchResult":  # noqa: ARG001
    """Let the user's hook answer first, and ours what it leaves."""
    from alembic.util import PriorityDispatchResult  # noqa: PLC0415 - see above

    users = autogen_context.opts.get("render_item")

    def render(type_: str, obj: object, context: "AutogenContext") -> str | Literal[False]:
        answer: str | Literal[False] = users(type_, obj, context) if users else False
        return render_item(type_, obj, context) if answer is False else answer

    autogen_context.opts = {**autogen_context.opts, "render_item": render}
    return PriorityDispatchResult.CONTINUE


class _PluginModule(ModuleType):
    """What the entry point names: the module that Alembic 1.20.1 expects and the modules that 1.18 iterates, in one."""

    def setup(self, plugin: "Plugin") -> None:
        plugin.add_autogenerate_comparator(_install, "autogenerate")

    def __iter__(self) -> Iterator[ModuleType]:
        yield self


plugin = _PluginModule(__name__, __doc__)
"""The plugin that Alembic loads."""
