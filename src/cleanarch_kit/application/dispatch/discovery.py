"""Discovery: the handlers among functions, classes, instances and modules that were given to a bus or a publisher."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

from cleanarch_kit.application.dispatch.calls import Call
from cleanarch_kit.application.dispatch.dependencies import (
    Dependency,
    constructor_dependencies,
    keyword_dependencies,
    location_of,
    qualified_name,
)
from cleanarch_kit.application.handlers import EventMark, MessageMark, marks_of
from cleanarch_kit.errors import DefinitionError

__all__ = ["Handler", "discover", "handler_of", "handlers_in", "written_in"]

_Mark: TypeAlias = type[MessageMark] | type[EventMark]


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler in the one form that is compiled, whatever it was written as.

    Attributes:
        subject: the message or event class.
        target: called with the message, and with its dependencies by keyword; where there is `construct`, with
            what that gives and the message.
        construct: the class whose constructor takes the dependencies, or None for a function or a ready instance.
        source: the function or method that carries the mark.
        name: module and qualified name of the source.
        location: its ``file:line``.
        dependencies: what `target` needs.
    """

    subject: type[object]
    target: Call
    construct: type[object] | None
    source: object
    name: str
    location: str
    dependencies: tuple[Dependency, ...]

    @property
    def note(self) -> str:
        """What an exception is told on its way through."""
        return f"while handling {self.subject.__qualname__} by {self.name} ({self.location})"


def discover(given: Iterable[object], mark: _Mark) -> list[Handler]:
    """Return the handlers in what was given, in order; what is given twice counts once.

    Args:
        given: marked functions, classes and instances with marked methods, and modules. Of a module count the functions
            and classes that are written in it, or in a module below it; what it imports from elsewhere does not.
        mark: the kind of handler to look for.

    Raises:
        DefinitionError: something given is no handler of this kind, or a module holds none.
    """
    found: list[Handler] = []
    for candidate in given:
        handlers = handlers_in(candidate, mark)
        if not handlers:
            decorator = "@handles" if mark is MessageMark else "@on"
            raise DefinitionError(
                f"{qualified_name(candidate)} ({location_of(candidate)}) is no handler:"
                f" mark a function or a method with {decorator}"
            )
        found += [handler for handler in handlers if handler not in found]
    return found


def handlers_in(candidate: object, mark: _Mark) -> list[Handler]:
    """Return the handlers of a kind in a function, a class, an instance or a module; none is no error."""
    members = written_in(candidate) if isinstance(candidate, ModuleType) else [candidate]
    return [handler for member in members for handler in _handlers_of(member, mark)]


def handler_of(function: Call, subject: type[object]) -> Handler:
    """Return the handler that a function, a bound method or a callable object is for one message or event class.

    Raises:
        DefinitionError: it does not take a message, or asks for what cannot be a dependency.
    """
    name = qualified_name(function)
    dependencies = keyword_dependencies(function, positional=1, owner=name)
    return Handler(
        subject=subject,
        target=function,
        construct=None,
        source=function,
        name=name,
        location=location_of(function),
        dependencies=dependencies,
    )


def _handlers_of(member: object, mark: _Mark) -> Iterator[Handler]:
    if isinstance(member, type):
        yield from _of_class(member, mark)
    elif callable(member) and marks_of(member):
        for subject in _subjects(member, mark):
            yield handler_of(member, subject)
    else:
        for function in _marked_methods(type(member)):
            method = function.__get__(member)
            if keyword_dependencies(method, positional=1, owner=qualified_name(function)):
                raise _dependency_of_method(function)
            for subject in _subjects(function, mark):
                yield handler_of(method, subject)


def _of_class(cls: type[object], mark: _Mark) -> Iterator[Handler]:
    dependencies: tuple[Dependency, ...] | None = None
    for function in _marked_methods(cls):
        subjects = _subjects(function, mark)
        if not subjects:
            continue
        if inspect.isabstract(cls):
            raise DefinitionError(
                f"{qualified_name(cls)} ({location_of(cls)}) is abstract: give the bus a class that can be constructed"
            )
        if dependencies is None:
            dependencies = constructor_dependencies(cls, owner=qualified_name(cls))
        if keyword_dependencies(function, positional=2, owner=qualified_name(function)):
            raise _dependency_of_method(function)
        for subject in subjects:
            yield Handler(
                subject=subject,
                target=function,
                construct=cls,
                source=function,
                name=qualified_name(function),
                location=location_of(function),
                dependencies=dependencies,
            )


def _marked_methods(cls: type[object]) -> Iterator[Any]:
    names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))  # in the order of writing
    for name in names:
        function: Any = inspect.getattr_static(cls, name)
        plain: Any = function.__func__ if type(function) in {staticmethod, classmethod} else None
        if marks_of(plain) or (plain and marks_of(function)):
            raise DefinitionError(
                f"{qualified_name(plain)} ({location_of(plain)}) is a {type(function).__name__}:"
                " make it a method, or a function of its own"
            )
        if marks_of(function):
            yield function


def _subjects(function: object, mark: _Mark) -> list[type[object]]:
    return [
        found.message if isinstance(found, MessageMark) else found.event
        for found in marks_of(function)
        if isinstance(found, mark)
    ]


def written_in(module: ModuleType) -> Iterator[object]:
    """Yield the classes and marked functions that are written in a module, or in one below it."""
    below = f"{module.__name__}."
    for member in vars(module).values():
        home = getattr(member, "__module__", None)
        here = isinstance(home, str) and (home == module.__name__ or home.startswith(below))
        if here and (isinstance(member, type) or marks_of(member)) and not inspect.isabstract(member):
            yield member


def _dependency_of_method(function: object) -> DefinitionError:
    return DefinitionError(
        f"{qualified_name(function)} ({location_of(function)}) asks for more than its message:"
        " let the constructor of its class ask for it"
    )
