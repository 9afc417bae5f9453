"""Handlers: `@handles` says which message a function or method handles, `@on` which event.

Both decorators only put a mark on what they decorate. They register nothing, so a handler exists for a bus or a
publisher only where it is given to one, and stays what it was everywhere else: call it in a test like any function.

A handler takes its message positionally. What else it needs it says by type: a function by keyword parameters, a class
by the parameters of its constructor. A parameter with a default is left alone.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, Never, TypeAlias, cast, overload

from typing_extensions import ParamSpec, TypeVar

from cleanarch_kit.application.dispatch.dependencies import qualified_name
from cleanarch_kit.application.messages import Message, StreamQuery
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.errors import DefinitionError

__all__ = ["EventMark", "MessageMark", "handles", "marks_of", "on"]

ResultT = TypeVar("ResultT")
MessageT = TypeVar("MessageT", bound=Message[object])
MessageT_co = TypeVar("MessageT_co", bound=Message[object], covariant=True)
StreamT = TypeVar("StreamT", bound=StreamQuery[object])
StreamT_co = TypeVar("StreamT_co", bound=StreamQuery[object], covariant=True)
EventT = TypeVar("EventT", bound=DomainEvent)
# What the handler takes beside the event it is marked with: another event of the stack, or their common base.
OtherT = TypeVar("OtherT", bound=DomainEvent, default=DomainEvent)
P = ParamSpec("P", default=...)

_Returning: TypeAlias = Coroutine[object, None, ResultT]  # what `async def` makes of its result
_Self: TypeAlias = Any  # the class that is being defined, which has no name yet

_MARKS = "__cleanarch_kit_marks__"


@dataclass(frozen=True, slots=True)
class MessageMark:
    """What `@handles` leaves on a handler.

    Attributes:
        message: the class that is handled, a `Message` or a `StreamQuery`.
    """

    message: type[object]


@dataclass(frozen=True, slots=True)
class EventMark:
    """What `@on` leaves on a handler.

    Attributes:
        event: the class that is handled, with everything derived from it.
    """

    event: type[DomainEvent]


def marks_of(candidate: object) -> tuple[MessageMark | EventMark, ...]:
    """Return the marks on a function or method, the one written topmost first; empty where there are none."""
    marks = getattr(candidate, _MARKS, ())
    return cast("tuple[MessageMark | EventMark, ...]", marks)


def _put(mark: MessageMark | EventMark, handler: Callable[..., object]) -> None:
    try:
        setattr(handler, _MARKS, (mark, *marks_of(handler)))
    except AttributeError:
        raise DefinitionError(
            f"{handler!r} cannot be marked as a handler: write an async function that calls it, and mark that"
        ) from None


def _is_async(handler: Callable[..., object], test: Callable[[object], bool]) -> bool:
    plain = inspect.unwrap(handler)
    return test(handler) or test(plain) or test(type(plain).__call__)


class _Handles(Generic[MessageT_co]):
    """The decorator that `handles` gives for a message."""

    __slots__ = ("_message",)

    def __init__(self, message: type[MessageT_co]) -> None:
        self._message = message

    # Never takes the `self` of every method, and no message.
    @overload
    def __call__(
        self: "_Handles[Message[ResultT]]", handler: Callable[Concatenate[MessageT_co, P], _Returning[ResultT]], /
    ) -> Callable[Concatenate[MessageT_co, P], _Returning[ResultT]]: ...
    @overload
    def __call__(
        self: "_Handles[Message[ResultT]]", handler: Callable[[Never, MessageT_co], _Returning[ResultT]], /
    ) -> Callable[[_Self, MessageT_co], _Returning[ResultT]]: ...
    def __call__(self, handler: Callable[..., _Returning[object]], /) -> Callable[..., _Returning[object]]:
        if not _is_async(handler, inspect.iscoroutinefunction):
            raise DefinitionError(
                f"{qualified_name(handler)} handles {self._message.__qualname__} and is not async:"
                " write `async def`, or wrap it in in_thread()"
            )
        if marks_of(handler):
            raise DefinitionError(f"{qualified_name(handler)} is marked twice: give each message a handler of its own")
        _put(MessageMark(self._message), handler)
        return handler


class _HandlesStream(Generic[StreamT_co]):
    """The decorator that `handles` gives for a stream query."""

    __slots__ = ("_message",)

    def __init__(self, message: type[StreamT_co]) -> None:
        self._message = message

    @overload
    def __call__(
        self: "_HandlesStream[StreamQuery[ResultT]]",
        handler: Callable[Concatenate[StreamT_co, P], AsyncIterator[ResultT]],
        /,
    ) -> Callable[Concatenate[StreamT_co, P], AsyncIterator[ResultT]]: ...
    @overload
    def __call__(
        self: "_HandlesStream[StreamQuery[ResultT]]", handler: Callable[[Never, StreamT_co], AsyncIterator[ResultT]], /
    ) -> Callable[[_Self, StreamT_co], AsyncIterator[ResultT]]: ...
    def __call__(self, handler: Callable[..., AsyncIterator[object]], /) -> Callable[..., AsyncIterator[object]]:
        if not _is_async(handler, inspect.isasyncgenfunction):
            raise DefinitionError(
                f"{qualified_name(handler)} handles {self._message.__qualname__} and is no async generator:"
                " write `async def` with `yield`"
            )
        if marks_of(handler):
            raise DefinitionError(f"{qualified_name(handler)} is marked twice: give each message a handler of its own")
        _put(MessageMark(self._message), handler)
        return handler


class _On(Generic[EventT]):
    """The decorator that `on` gives for an event."""

    __slots__ = ("_mark",)

    def __init__(self, mark: EventMark) -> None:
        self._mark = mark

    @overload
    def __call__(
        self, handler: Callable[Concatenate[EventT | OtherT, P], _Returning[None]], /
    ) -> Callable[Concatenate[EventT | OtherT, P], _Returning[None]]: ...
    @overload
    def __call__(
        self, handler: Callable[Concatenate[EventT, P], _Returning[None]], /
    ) -> Callable[Concatenate[EventT, P], _Returning[None]]: ...
    @overload
    def __call__(
        self, handler: Callable[[Never, EventT | OtherT], _Returning[None]], /
    ) -> Callable[[_Self, EventT | OtherT], _Returning[None]]: ...
    @overload
    def __call__(
        self, handler: Callable[[Never, EventT], _Returning[None]], /
    ) -> Callable[[_Self, EventT], _Returning[None]]: ...
    def __call__(self, handler: Callable[..., _Returning[None]], /) -> Callable[..., _Returning[None]]:
        if not _is_async(handler, inspect.iscoroutinefunction):
            raise DefinitionError(
                f"{qualified_name(handler)} handles {self._mark.event.__qualname__} and is not async:"
                " write `async def`, or wrap it in in_thread()"
            )
        _put(self._mark, handler)
        return handler


def _is_class_of(candidate: object, base: type[object]) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, base)


@overload
def handles(message: type[MessageT], /) -> _Handles[MessageT]: ...
@overload
def handles(message: type[StreamT], /) -> _HandlesStream[StreamT]: ...
def handles(message: type[Any], /) -> _Handles[Message[object]] | _HandlesStream[StreamQuery[object]]:
    """Mark an async function, or a method of a class, as the handler of a message.

    Both type checkers compare the handler with the message at the decorator's line: the message it takes, the result it
    returns, and that it is async. The function itself is returned, so it can be called directly, with its dependencies
    as keyword arguments.

    Args:
        message: the command, query or stream query that is handled. Subclasses of it are not.

    Returns:
        The decorator.

    Raises:
        DefinitionError: `message` is not a message class, or what is decorated is not async (for a `StreamQuery`: no
            async generator) or is marked already.
    """
    if _is_class_of(message, Message):
        return _Handles[Message[object]](message)
    if _is_class_of(message, StreamQuery):
        return _HandlesStream[StreamQuery[object]](message)
    raise DefinitionError(f"{message!r} is no message: derive its class from Command, Query or StreamQuery")


def on(event: type[EventT], /) -> _On[EventT]:
    """Mark an async function, or a method of a class, as a handler of an event and of everything derived from it.

    The decorator may be stacked, one for each event; the function then takes their union or a common base class.

    Args:
        event: the event class; `DomainEvent` itself stands for every event.

    Returns:
        The decorator.

    Raises:
        DefinitionError: `event` is no event class, or what is decorated is not async.
    """
    if not _is_class_of(event, DomainEvent):
        raise DefinitionError(f"{event!r} is no event: derive its class from DomainEvent")
    return _On(EventMark(event))
