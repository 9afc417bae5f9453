"""Recorders: a bus and a publisher for tests, which remember what passed and answer what they were told to."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Generic, TypeVar, overload

from cleanarch_kit.application.bus import MessageBus
from cleanarch_kit.application.dispatch.calls import Call
from cleanarch_kit.application.messages import Message, StreamQuery
from cleanarch_kit.application.ports.event_publisher import EventPublisher
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.errors import HandlerNotFoundError

__all__ = ["MessageStub", "RecordingBus", "RecordingEventPublisher", "StreamStub"]

ResultT = TypeVar("ResultT")
KindT = TypeVar("KindT")
MessageT = TypeVar("MessageT", bound=Message[object])
MessageT_co = TypeVar("MessageT_co", bound=Message[object], covariant=True)
StreamT = TypeVar("StreamT", bound=StreamQuery[object])
StreamT_co = TypeVar("StreamT_co", bound=StreamQuery[object], covariant=True)
EventT = TypeVar("EventT", bound=DomainEvent)


class RecordingBus:
    """Takes messages, remembers them and answers as told; a `CommandBus` and a `QueryBus`.

        bus = RecordingBus()
        bus.when(CreateUser).returns(user_id)
        await sign_up(bus, email)
        assert bus.sent_once(CreateUser).email == email

    Args:
        bus: handles what nothing was said about. Without it, such a message is a `HandlerNotFoundError`.
    """

    def __init__(self, bus: MessageBus | None = None) -> None:
        self.messages: list[Message[object] | StreamQuery[object]] = []
        """Everything that was sent, in order."""
        self._bus = bus
        self._answers: dict[type[object], Call] = {}

    @overload
    def when(self, message_type: type[MessageT], /) -> "MessageStub[MessageT]": ...
    @overload
    def when(self, message_type: type[StreamT], /) -> "StreamStub[StreamT]": ...
    def when(self, message_type: type[object], /) -> "MessageStub[Message[object]] | StreamStub[StreamQuery[object]]":
        """Say what becomes of messages of exactly this class; what is said last counts."""
        if Message in message_type.__mro__:
            return MessageStub(message_type, self._answers)
        return StreamStub(message_type, self._answers)

    async def execute(self, message: Message[ResultT], /) -> ResultT:
        """Remember a message and answer it. See `CommandBus` and `QueryBus`."""
        self.messages.append(message)
        answer = self._answers.get(type(message))
        if answer is not None:
            result: ResultT = await answer(message)
            return result
        if self._bus is not None:
            return await self._bus.execute(message)
        raise _unanswered(message)

    async def stream(self, query: StreamQuery[ResultT], /) -> AsyncGenerator[ResultT]:
        """Remember a stream query and answer it. See `QueryBus`."""
        self.messages.append(query)
        answer = self._answers.get(type(query), None if self._bus is None else self._bus.stream)
        if answer is None:
            raise _unanswered(query)
        items: AsyncGenerator[ResultT] = answer(query)
        async with aclosing(items):
            async for item in items:
                yield item

    def sent(self, kind: type[KindT], /) -> list[KindT]:
        """Return the messages of a class, or derived from it, in the order in which they were sent."""
        return [message for message in self.messages if isinstance(message, kind)]

    def sent_once(self, kind: type[KindT], /) -> KindT:
        """Return the one message of a class; any other number fails the test."""
        return _only(self.sent(kind), kind, "sent", self.messages)

    def clear(self) -> None:
        """Forget what was sent; what was said with `when` still holds."""
        self.messages.clear()


class MessageStub(Generic[MessageT_co]):
    """Says how messages of a class are answered; `RecordingBus.when` makes it."""

    def __init__(self, message_type: type[object], answers: dict[type[object], Call]) -> None:
        self._message_type = message_type
        self._answers = answers

    def returns(self: "MessageStub[Message[ResultT]]", result: ResultT, /) -> None:
        """Answer each message with this result."""

        async def answer(_: object) -> ResultT:
            return result

        self._answers[self._message_type] = answer

    def raises(self, error: BaseException, /) -> None:
        """Answer each message with this exception."""

        async def answer(_: object) -> None:
            raise error

        self._answers[self._message_type] = answer

    def runs(
        self: "MessageStub[Message[ResultT]]", handler: Callable[[MessageT_co], Coroutine[object, None, ResultT]], /
    ) -> None:
        """Answer each message with what an async function returns for it."""
        self._answers[self._message_type] = handler


class StreamStub(Generic[StreamT_co]):
    """Says how stream queries of a class are answered; `RecordingBus.when` makes it."""

    def __init__(self, query_type: type[object], answers: dict[type[object], Call]) -> None:
        self._query_type = query_type
        self._answers = answers

    def yields(self: "StreamStub[StreamQuery[ResultT]]", *items: ResultT) -> None:
        """Answer each query with these items."""

        async def answer(_: object) -> AsyncGenerator[ResultT]:
            for item in items:
                yield item

        self._answers[self._query_type] = answer

    def raises(self, error: BaseException, /) -> None:
        """Answer each query with this exception."""

        async def answer(_: object) -> AsyncGenerator[object]:
            raise error
            yield

        self._answers[self._query_type] = answer


class RecordingEventPublisher:
    """Takes events and remembers them; an `EventPublisher`.

    Args:
        publisher: is given them too.
    """

    def __init__(self, publisher: EventPublisher | None = None) -> None:
        self.events: list[DomainEvent] = []
        """Everything that was published, in order."""
        self._publisher = publisher

    async def publish(self, *events: DomainEvent) -> None:
        """Remember events. See `EventPublisher`."""
        self.events += events
        if self._publisher is not None:
            await self._publisher.publish(*events)

    def published(self, kind: type[EventT], /) -> list[EventT]:
        """Return the events of a class, or derived from it, in the order in which they were published."""
        return [event for event in self.events if isinstance(event, kind)]

    def published_once(self, kind: type[EventT], /) -> EventT:
        """Return the one event of a class; any other number fails the test."""
        return _only(self.published(kind), kind, "published", self.events)

    def clear(self) -> None:
        """Forget what was published."""
        self.events.clear()


def _unanswered(message: object) -> HandlerNotFoundError:
    error = HandlerNotFoundError(type(message).__qualname__)
    error.add_note("nothing was said about it with RecordingBus.when(), and there is no bus behind the recorder")
    return error


def _only(found: list[KindT], kind: type[object], done: str, everything: Iterable[object]) -> KindT:
    if len(found) != 1:
        names = ", ".join(type(each).__qualname__ for each in everything) or "nothing"
        raise AssertionError(f"{kind.__qualname__} was {done} {len(found)} times, not once; {done} was: {names}")
    return found[0]
