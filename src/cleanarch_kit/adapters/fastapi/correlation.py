"""Correlation ids: one name for everything that a request causes, in answers, logs, messages and events."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cleanarch_kit.application.context import MessageContext, message_context
from cleanarch_kit.domain.identity import uuid7

__all__ = ["CORRELATION_HEADER", "CorrelationMiddleware", "correlation_id_of"]

CORRELATION_HEADER = "X-Correlation-ID"
_KEY = "cleanarch_kit.correlation_id"
_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


class CorrelationMiddleware:
    """Gives each request a correlation id, which its answer, its messages and their events carry too.

    The client's own is taken if it is there once, with 1 to 64 letters, digits and ``. _ : -``; anything else is
    replaced, so that a header can neither forge log lines nor fill them.

    Args:
        app: the application inside.
        header: name of the header, read and written.
    """

    def __init__(self, app: ASGIApp, header: str = CORRELATION_HEADER) -> None:
        self._app = app
        self._header = header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI says."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).getlist(self._header)
        if len(given) == 1 and _ACCEPTED.fullmatch(given[0]):
            scope[_KEY] = given[0]
        correlation_id = correlation_id_of(scope)

        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[self._header] = correlation_id
            await send(message)

        with message_context(MessageContext.new(correlation_id)):
            await self._app(scope, receive, send_with_header)


def correlation_id_of(scope: Scope) -> str:
    """The correlation id of a request; a request that has none yet gets one."""
    if _KEY not in scope:
        scope[_KEY] = str(uuid7())
    known: str = scope[_KEY]
    return known
