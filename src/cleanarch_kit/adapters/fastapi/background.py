"""What runs beside the requests, from the start of an application to its end."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

__all__ = ["BackgroundService", "running"]

_GRACE_SECONDS = 10.0
_logger = logging.getLogger(__name__)


class BackgroundService(Protocol):
    """Something that runs until it is stopped; a `Relay` is one."""

    async def run(self) -> None:
        """Run until `stop` is called."""
        ...

    def stop(self) -> None:
        """Ask it to finish what it has begun and to return."""
        ...


@asynccontextmanager
async def running(services: Iterable[BackgroundService]) -> AsyncGenerator[None]:
    """Run services for the time of the block, each in a task of its own.

    At the end they are asked to stop; what has not finished ten seconds later is cancelled. One that fails is logged
    at once and does not take the others, or the application, with it.
    """
    running_services = tuple(services)
    tasks = [
        asyncio.create_task(_run(service), name=f"background {type(service).__name__}") for service in running_services
    ]
    try:
        yield
    finally:
        for service in running_services:
            service.stop()
        await _finish(tasks)


async def _finish(tasks: Sequence[asyncio.Task[None]]) -> None:
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(service: BackgroundService) -> None:
    try:
        await service.run()
    except Exception:
        _logger.critical("background service %s failed and is not running", type(service).__name__, exc_info=True)
