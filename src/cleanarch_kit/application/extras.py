"""What an adapter says when its technology is not installed."""

from importlib.util import find_spec

from cleanarch_kit.errors import MissingExtraError

__all__ = ["require"]


def require(*modules: str, extra: str) -> None:
    """Make sure that an extra is installed; the first statement of an adapter's module.

    The modules are looked for, not imported: where one is found and its import fails, the adapter's own import
    statement shows that failure as it is, and a broken installation is never reported as a missing one.

    Args:
        modules: top-level modules that the extra installs.
        extra: the extra of cleanarch-kit that installs them.

    Raises:
        MissingExtraError: one of them is not there; the text names the command that installs it.
    """
    if any(find_spec(module) is None for module in modules):
        raise MissingExtraError(extra)
