"""Dependencies: what a handler asks for, read once from its signature when the bus is built."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cleanarch_kit.errors import DefinitionError

__all__ = ["Dependency", "constructor_dependencies", "keyword_dependencies", "location_of", "qualified_name"]


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing to resolve before a handler is called.

    Attributes:
        parameter: the parameter that receives it.
        key: the type that the resolver is asked for.
        by_position: whether it may be given by position, because everything before it is; a class is constructed in
            half the time that way.
    """

    parameter: str
    key: type[object]
    by_position: bool = field(default=False, compare=False)


def location_of(target: object) -> str:
    """Return ``file:line`` where a function, or the class that an object is of, is written."""
    plain = inspect.unwrap(target) if callable(target) else target
    code = getattr(plain, "__code__", None)
    if isinstance(code, types.CodeType):
        return f"{code.co_filename}:{code.co_firstlineno}"
    owner = plain if isinstance(plain, type) else type(plain)
    try:
        return f"{inspect.getfile(owner)}:{inspect.getsourcelines(owner)[1]}"
    except (OSError, TypeError):  # a class made in a shell, or in C
        return owner.__module__


def qualified_name(target: object) -> str:
    """Return module and qualified name of a function or a class, or of the class that an object is of."""
    if isinstance(target, types.ModuleType):
        return target.__name__
    plain = target if hasattr(target, "__qualname__") else type(target)
    return f"{plain.__module__}.{getattr(plain, '__qualname__', '')}"


def keyword_dependencies(
    function: Callable[..., object], *, positional: int, owner: str, taking: str = "its message"
) -> tuple[Dependency, ...]:
    """Return what the parameters of `function` after the first `positional` ones ask for.

    Args:
        function: a function, a bound method or a callable object.
        positional: how many parameters the caller fills by position.
        owner: how to name the function in an error.
        taking: how to name there what the caller gives.

    Raises:
        DefinitionError: it does not take that many by position, or one of the others cannot be a dependency.
    """
    parameters = list(inspect.signature(function).parameters.values())
    taken = [parameter for parameter in parameters[:positional] if parameter.kind in _BY_POSITION]
    if len(taken) < positional and not any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        raise DefinitionError(f"{owner} must take {taking} by position ({location_of(function)})")
    return _dependencies(parameters[positional:], function, owner)


def constructor_dependencies(cls: type[object], *, owner: str) -> tuple[Dependency, ...]:
    """Return what the constructor of `cls` asks for.

    Raises:
        DefinitionError: one of its parameters cannot be a dependency.
    """
    if cls.__init__ is object.__init__ and cls.__new__ is object.__new__:
        return ()
    return _dependencies(list(inspect.signature(cls).parameters.values()), cls.__init__, owner)


_BY_POSITION = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
_COLLECTING = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def _dependencies(
    parameters: list[inspect.Parameter], function: Callable[..., object], owner: str
) -> tuple[Dependency, ...]:
    found: list[Dependency] = []
    for position, parameter in enumerate(parameters):
        if parameter.default is not parameter.empty or parameter.kind in _COLLECTING:
            continue
        where = f"parameter {parameter.name!r} of {owner} ({location_of(function)})"
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise DefinitionError(f"{where} is positional only: make it a keyword parameter")
        if parameter.annotation is parameter.empty:
            raise DefinitionError(f"{where} has no annotation: annotate it with the type to resolve")
        by_position = len(found) == position and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        found.append(Dependency(parameter.name, _evaluated(parameter.annotation, function, where), by_position))
    return tuple(found)


def _evaluated(annotation: object, function: Callable[..., object], where: str) -> type[object]:
    """Evaluate one annotation, so that names which nobody needs at run time may be missing at run time."""
    plain = _function_of(function)
    holder = types.SimpleNamespace(__annotations__={"dependency": annotation})
    try:
        hints: Mapping[str, type[object]] = typing.get_type_hints(
            holder, globalns=getattr(plain, "__globals__", None), localns=_enclosing(plain)
        )
    except NameError as error:
        raise DefinitionError(
            f"{where} is annotated with {annotation!r}, and {error.name!r} does not exist at run time:"
            " import it outside of `if TYPE_CHECKING:`"
        ) from None
    return hints["dependency"]


def _function_of(target: Any) -> object:
    """Return the plain function below wrappers, partials, methods and callable objects."""
    plain = inspect.unwrap(target)
    while isinstance(plain, functools.partial):
        plain = inspect.unwrap(plain.func)
    plain = getattr(plain, "__func__", plain)
    return plain if hasattr(plain, "__globals__") else inspect.unwrap(type(plain).__call__)


def _enclosing(function: object) -> dict[str, object]:
    """Names of the functions around a nested one, as far as it closes over them."""
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    cells = getattr(function, "__closure__", None) or ()
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=False)}
