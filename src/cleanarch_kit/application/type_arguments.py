"""Which types a class gave to its generic base."""

from typing import TypeVar, get_args, get_origin

__all__ = ["type_argument"]


def type_argument(cls: type, base: type, position: int) -> type | None:
    """The class that ``cls`` puts at a position of a generic base, however many classes stand between the two.

    Args:
        cls: the class that is asked about.
        base: the generic base.
        position: position of the type argument, from 0.

    Returns:
        The class, or None where ``cls`` leaves it open.
    """
    argument = _argument(cls, base, position)
    return argument if isinstance(argument, type) else None


def _argument(cls: type, base: type, position: int) -> object:
    for parent in cls.__dict__.get("__orig_bases__", cls.__bases__):
        origin = get_origin(parent) or parent
        if not (isinstance(origin, type) and issubclass(origin, base)):
            continue
        arguments = get_args(parent)
        if origin is base:
            found = arguments[position] if arguments else None
        else:
            found = _argument(origin, base, position)
            parameters: tuple[object, ...] = getattr(origin, "__parameters__", ())
            found = dict(zip(parameters, arguments, strict=False)).get(found, found)
        if found is not None:
            return found if isinstance(found, TypeVar) else get_origin(found) or found
    return None
