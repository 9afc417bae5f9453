from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from cleanarch_kit.domain import Email

__all__ = ["Mail", "Mailer"]


@dataclass(frozen=True, slots=True)
class Mail:
    """A message to one person.

    Attributes:
        id: the same for every attempt to send this mail, so that a mail server can drop a repetition.
        to: the recipient.
        subject: one line of text.
        text: the body.
    """

    id: UUID
    to: Email
    subject: str
    text: str


class Mailer(Protocol):
    """Sends mail."""

    async def send(self, mail: Mail) -> None:
        """Hand the mail over. After an exception it may or may not be sent: sending it again is right."""
        ...
