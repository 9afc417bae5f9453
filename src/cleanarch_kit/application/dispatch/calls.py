"""The types of what is called on the way of a message.

They are loose, because a bus holds the ways of all messages in one table. Which message each takes, and what it gives,
was checked where its handler was marked, and is stated again where the bus is used.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from cleanarch_kit.application.scope import Resolve

__all__ = ["Call", "Join", "Run"]

Call: TypeAlias = Callable[..., Any]
"""A handler or a middleware, with whatever it takes."""

Run: TypeAlias = Callable[[Any], Any]
"""A compiled way to the handler of a message: gives a coroutine, or a stream's async generator."""

Join: TypeAlias = Callable[[Any, Resolve], Any]
"""The same within a scope that is open already, whose resolver it takes with the message."""
