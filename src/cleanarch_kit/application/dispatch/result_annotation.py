"""The type of a message's result, as its class states it."""

import sys
from typing import Any, ForwardRef, TypeVar, get_args, get_origin, get_type_hints

from cleanarch_kit.application.dispatch.dependencies import location_of
from cleanarch_kit.application.messages import Command, Message
from cleanarch_kit.errors import DefinitionError

__all__ = ["result_annotation"]


def result_annotation(message_type: type[object]) -> object:
    """Return what handling a message gives: ``Page[User]`` for a ``Query[Page[User]]``, None for a bare `Command`.

    Raises:
        DefinitionError: the class leaves it open, or names a type that does not exist at run time.
    """
    found = _argument(message_type)
    if found is None or isinstance(found, TypeVar):
        raise DefinitionError(
            f"{message_type.__qualname__} ({location_of(message_type)}) does not say what its result is: derive it"
            " from Command[...] or Query[...] with the type of the result"
        )
    if not isinstance(found, str | ForwardRef):
        return found
    holder = type("_Holder", (), {"__annotations__": {"result": found}})
    try:
        return get_type_hints(holder, globalns=vars(sys.modules[message_type.__module__]))["result"]
    except NameError as error:
        raise DefinitionError(
            f"{message_type.__qualname__} ({location_of(message_type)}) has a result of type {error.name!r}, which does"
            " not exist at run time: import it outside of `if TYPE_CHECKING:`"
        ) from None


def _argument(cls: Any) -> Any:
    """Follow the marker's parameter down from the marker to `cls`; None where `cls` has nothing to do with it."""
    for base in getattr(cls, "__dict__", {}).get("__orig_bases__", getattr(cls, "__bases__", ())):
        origin, arguments = get_origin(base) or base, get_args(base)
        if origin is Message:
            return arguments[0]
        if origin is Command and not arguments:
            return type(None)
        found = _argument(origin)
        if isinstance(found, TypeVar):
            given: dict[object, object] = dict(zip(getattr(origin, "__parameters__", ()), arguments, strict=False))
            return given.get(found, found)
        if found is not None:
            return found
    return None
