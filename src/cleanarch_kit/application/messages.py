"""Messages: what a use case is asked for, typed by what it answers.

A message is plain data: a dataclass, a pydantic model, a msgspec struct or an attrs class that also derives from one of
the markers here. The marker's parameter is the type of the result, and the only thing a marker adds.

    @dataclass(frozen=True, slots=True)
    class RenameUser(Command[User]): ...

    class FindUser(BaseModel, Query[User | None]): ...      # pydantic: the model stands first
"""

from typing import Generic

from typing_extensions import TypeVar

__all__ = ["Command", "Message", "Query", "StreamQuery"]

ResultT_co = TypeVar("ResultT_co", covariant=True)
CommandResultT_co = TypeVar("CommandResultT_co", covariant=True, default=None)


class Message(Generic[ResultT_co]):
    """What a bus executes: a command or a query. Derive from `Command` or `Query`, not from here.

    A message class has exactly one handler on a bus, found by the exact class and never by a base class.
    """

    __slots__ = ()


class Command(Message[CommandResultT_co]):
    """Asks for a change. ``Command[UserId]`` answers a `UserId`; ``Command`` alone answers None."""

    __slots__ = ()


class Query(Message[ResultT_co]):
    """Asks for an answer and changes nothing. A bus may give it a scope of its own (``query_scope``)."""

    __slots__ = ()


class StreamQuery(Generic[ResultT_co]):
    """Asks for answers one by one; ``StreamQuery[Row]`` is handled by an async generator of `Row`.

    It is no `Message`: it is consumed with ``bus.stream(query)`` and cannot be executed by mistake.
    """

    __slots__ = ()
