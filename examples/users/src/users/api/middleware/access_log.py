import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["AccessLogMiddleware"]

logger = logging.getLogger(__name__)


class AccessLogMiddleware:
    """Logs each request by method, route, status and duration: never its query, headers or body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = 500, perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            milliseconds = (perf_counter() - begun) * 1000
            logger.info("%s %s %d %.1f ms", scope["method"], _template(scope), status, milliseconds)


def _template(scope: Scope) -> str:
    """The path with the names of its parameters in the place of their values, which may be personal data."""
    if "route" not in scope:
        return "(no route)"
    path: str = scope["path"]
    for name, value in scope["path_params"].items():
        path = path.replace(str(value), f"{{{name}}}")
    return path
