"""The inbox: what was handled already."""

from typing import Protocol
from uuid import UUID

from cleanarch_kit.errors import InvalidValueError

__all__ = ["Inbox", "checked_consumer"]

_LONGEST_NAME = 200


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
            consumer: name of the consumer, with 1 to 200 printable characters and no spaces around them. Another
                consumer handles the same event once more.
            event_id: identity of the event.

        Returns:
            True the first time, False if the consumer has handled the event.

        Raises:
            InvalidValueError: the name of the consumer breaks the rule above.
            UnitOfWorkStateError: the unit of work is not open, or read-only.
            StorageError: the store refused or failed.
        """
        ...


def checked_consumer(consumer: str) -> str:
    """The name of a consumer, for adapters that store it.

    Raises:
        InvalidValueError: it does not have 1 to 200 printable characters without spaces around them.
    """
    if not 0 < len(consumer) <= _LONGEST_NAME or not consumer.isprintable() or consumer != consumer.strip():
        raise InvalidValueError(
            "consumer", f"must have 1 to {_LONGEST_NAME} printable characters and no spaces around them"
        )
    return consumer
