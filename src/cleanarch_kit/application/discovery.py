"""Discovery: the handlers among functions, classes, instances and modules that were given to a bus or a publisher."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from cleanarch_kit.application.dependencies import (
    Dependency,
    constructor_dependencies,
    keyword_dependencies,
    location_of,
)
from cleanarch_kit.application.handlers import EventMark, MessageMark, marks_of
from cleanarch_kit.errors import DefinitionError

__all__ = ["Handler", "discover", "handler_of"]


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler in the one form that is compiled, whatever it was written as.

    Attributes:
        subject: the message or event class.
        target: called with the message, and with its dependencies by keyword.
        source: the function or method that carries the mark.
        given: what was given to the bus for it: a function, a class or an instance.
        name: module and qualified name of the source.
        location: its ``file:line``.
        dependencies: what `target` needs.
    """

    subject: type[object]
    target: Callable[..., Any]
    source: object
    given: object
    name: str
    location: str
    dependencies: tuple[Dependency, ...]

    @property
    def note(self) -> str:
        """What an exception is told on its way through."""
        return f"while handling {self.subject.__qualname__} by {self.name} ({self.location})"


def discover(given: Iterable[object], mark: type[MessageMark] | type[EventMark]) -> list[Handler]:
    """Return the handlers in what was given, in order; one that is given twice counts once.

    Args:
        given: marked functions, classes and instances with marked methods, and modules. Of a module count the functions
            and classes that are written in it, or in a module below it; what it imports from elsewhere does not.
        mark: the kind of handler to look for.

    Raises:
        DefinitionError: something given is no handler of this kind, or a module holds none.
    """
    found: list[Handler] = []
    seen: set[int] = set()
    for candidate in given:
        members = list(_written_in(candidate)) if isinstance(candidate, ModuleType) else [candidate]
        handlers = [handler for member in members for handler in _handlers_of(member, mark)]
        if not handlers:
            decorator = "@handles" if mark is MessageMark else "@on"
            raise DefinitionError(
                f"{_name_of(candidate)} ({location_of(candidate)}) is no handler:"
                f" mark a function or a method with {decorator}"
            )
        found += [handler for handler in handlers if id(handler.given) not in seen]
        seen.update(map(id, members))
    return found


def handler_of(function: Callable[..., Any], subject: type[object]) -> Handler:
    """Return the handler that a function, a bound method or a callable object is for one message or event class.

    Raises:
        DefinitionError: it does not take a message, or asks for what cannot be a dependency.
    """
    name = _name_of(function)
    dependencies = keyword_dependencies(function, positional=1, owner=name)
    return Handler(subject, function, function, function, name, location_of(function), dependencies)


def _handlers_of(member: object, mark: type[MessageMark] | type[EventMark]) -> Iterator[Handler]:
    if isinstance(member, type):
        yield from _of_class(member, mark)
    elif callable(member) and marks_of(member):
        for subject in _subjects(member, mark):
            yield handler_of(member, subject)
    else:
        for function in _marked_methods(type(member)):
            method = function.__get__(member)
            if keyword_dependencies(method, positional=1, owner=_name_of(function)):
                raise _dependency_of_method(function)
            for subject in _subjects(function, mark):
                yield Handler(subject, method, method, member, _name_of(function), location_of(function), ())


def _of_class(cls: type[object], mark: type[MessageMark] | type[EventMark]) -> Iterator[Handler]:
    dependencies: tuple[Dependency, ...] | None = None
    for function in _marked_methods(cls):
        subjects = _subjects(function, mark)
        if not subjects:
            continue
        if dependencies is None:
            dependencies = constructor_dependencies(cls, owner=f"{cls.__module__}.{cls.__qualname__}")
        if keyword_dependencies(function, positional=2, owner=_name_of(function)):
            raise _dependency_of_method(function)
        target = _through_constructor(cls, function)
        for subject in subjects:
            yield Handler(subject, target, function, cls, _name_of(function), location_of(function), dependencies)


def _through_constructor(cls: Callable[..., object], function: Callable[..., Any]) -> Callable[..., Any]:
    def target(message: object, **dependencies: object) -> Any:
        return function(cls(**dependencies), message)

    return target


def _marked_methods(cls: type[object]) -> Iterator[Any]:
    names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))  # in the order of writing
    for name in names:
        function = inspect.getattr_static(cls, name)
        if marks_of(function):
            yield function


def _subjects(function: object, mark: type[MessageMark] | type[EventMark]) -> list[type[object]]:
    return [
        found.message if isinstance(found, MessageMark) else found.event
        for found in marks_of(function)
        if isinstance(found, mark)
    ]


def _written_in(module: ModuleType) -> Iterator[object]:
    below = f"{module.__name__}."
    for member in vars(module).values():
        home = getattr(member, "__module__", None)
        here = isinstance(home, str) and (home == module.__name__ or home.startswith(below))
        if here and (isinstance(member, type) or marks_of(member)) and not inspect.isabstract(member):
            yield member


def _dependency_of_method(function: object) -> DefinitionError:
    return DefinitionError(
        f"{_name_of(function)} ({location_of(function)}) asks for more than its message:"
        " let the constructor of its class ask for it"
    )


def _name_of(candidate: object) -> str:
    if isinstance(candidate, ModuleType):
        return candidate.__name__
    plain = candidate if hasattr(candidate, "__qualname__") else type(candidate)
    return f"{plain.__module__}.{getattr(plain, '__qualname__', '')}"
