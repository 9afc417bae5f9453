"""Isolation of streams: an async generator that runs in a context of its own.

A generator runs in the context of whoever asks for its next item, so what it puts into context variables would be seen
by the code between two items: the consumer would find itself in the stream's unit of work. Here each step runs in one
copy of the consumer's context, made when the first item is asked for.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import Context, copy_context
from typing import Any, Generic, TypeVar

from cleanarch_kit.application.dispatch.tracebacks import without_frames

__all__ = ["isolated"]

ItemT = TypeVar("ItemT")


async def isolated(items: AsyncGenerator[ItemT]) -> AsyncGenerator[ItemT]:
    """Yield the items of a generator that runs in a context of its own. It is closed when this one is."""
    context = copy_context()
    try:
        while True:
            try:
                item = await _InContext(items.__anext__(), context)
            except StopAsyncIteration:
                return
            except BaseException as error:
                without_frames(error, 2)  # this one, and that of `__await__`
                raise
            yield item
    finally:
        await _InContext(items.aclose(), context)


class _InContext(Generic[ItemT]):
    """Awaits something in a given context, step by step, within the task that awaits it."""

    __slots__ = ("_awaitable", "_context")

    def __init__(self, awaitable: Awaitable[ItemT], context: Context) -> None:
        self._awaitable = awaitable
        self._context = context

    def __await__(self) -> Generator[Any, Any, ItemT]:
        steps = self._context.run(self._awaitable.__await__)
        advance: Callable[..., Any] = steps.send
        argument: object = None
        while True:
            try:
                waiting_for = self._context.run(advance, argument)
            except StopIteration as done:
                result: ItemT = done.value
                return result
            try:
                argument = yield waiting_for
                advance = steps.send
            except BaseException as error:
                advance, argument = steps.throw, error
