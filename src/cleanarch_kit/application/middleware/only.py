"""`only`: applies a middleware to some messages."""

from cleanarch_kit.application.middleware.protocol import MiddlewareFactory, ScopedMiddleware

__all__ = ["Only", "only"]


class Only:
    """A middleware for messages of some classes; `only` makes it."""

    def __init__(
        self, message_types: tuple[type[object], ...], middleware: ScopedMiddleware | MiddlewareFactory
    ) -> None:
        self._message_types = message_types
        self._middleware = middleware

    def middleware_for(self, message_type: type[object], /) -> ScopedMiddleware | None:
        """Return the middleware where the message is of one of the classes. See `MiddlewareFactory`."""
        if not issubclass(message_type, self._message_types):
            return None
        if isinstance(self._middleware, MiddlewareFactory):
            return self._middleware.middleware_for(message_type)
        return self._middleware


def only(message_type: type[object], middleware: ScopedMiddleware | MiddlewareFactory, /) -> Only:
    """Apply a middleware to the messages of one class and of those derived from it.

    Whether it applies is decided when the bus is built; other messages do not pass it at all.

        MessageBus(handlers, middleware=[log, only(Command, audit)])

    Args:
        message_type: `Command`, `Query`, `Message` for both, `StreamQuery`, or a base class of your own.
        middleware: what to apply.
    """
    return Only((message_type,), middleware)
