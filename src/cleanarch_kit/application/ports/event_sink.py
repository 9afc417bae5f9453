"""Where a relay sends events to."""

from collections.abc import Sequence
from typing import Protocol

from cleanarch_kit.application.events.envelope import Envelope

__all__ = ["EventSink"]


class EventSink(Protocol):
    """Hands events over to whatever carries them on: a broker, a stream, another service.

    A relay calls it with one batch at a time and under a timeout. Every event may come again: after a crash, a
    timeout or a failure the whole batch is repeated, under the same ids.
    """

    async def send(self, batch: Sequence[Envelope]) -> None:
        """Send events and wait until all of them are confirmed.

        Events of one subject must arrive in the order of the batch. It may be cancelled at any time and must leave
        its connection usable then.

        Args:
            batch: at least one event.

        Raises:
            Exception: any of the events is not confirmed. Some may have arrived all the same; that does no harm.
        """
        ...
