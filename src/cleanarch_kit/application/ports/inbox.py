"""The inbox: what was handled already."""

from typing import Protocol
from uuid import UUID

__all__ = ["Inbox"]


class Inbox(Protocol):
    """Remembers, in the handler's own unit of work, which events a consumer has handled.

    Delivery is at least once. Where the effect of an event and its row in the inbox are committed together, the
    effect happens once.
    """

    async def once(self, consumer: str, event_id: UUID) -> bool:
        """Claim an event for a consumer. Call it before anything else; where it says False, do nothing.

        The claim is committed or rolled back with the unit of work. Where another unit of work holds a claim on the
        same event that is neither yet, this waits for its end, so that nobody takes an event for handled whose
        handler may still fail.

        Args:
            consumer: name of the consumer, 1 to 200 characters: another consumer handles the same event once more.
            event_id: identity of the event.

        Returns:
            True the first time, False if the consumer has handled the event.
        """
        ...
