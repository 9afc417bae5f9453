"""`in_thread`: the one way to use a blocking function as a handler."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

__all__ = ["in_thread"]

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


def in_thread(function: Callable[P, ResultT], /) -> Callable[P, Coroutine[Any, Any, ResultT]]:
    """Make an async function that calls a blocking one in a thread of the event loop's pool.

        @handles(RenderInvoice)
        @in_thread
        def render_invoice(command: RenderInvoice, *, fonts: Fonts) -> Pdf: ...

    Context variables reach the thread. A thread cannot be cancelled: a caller that is cancelled goes on at once, while
    the function runs to its end and its result is lost. Objects that belong to the event loop, such as a unit of work,
    must not be used in it.

    Args:
        function: what blocks; a plain function.

    Returns:
        The async function, with the signature, name and docstring of `function`.
    """

    @functools.wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> ResultT:
        return await asyncio.to_thread(function, *args, **kwargs)

    return call
