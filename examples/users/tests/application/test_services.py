from uuid import UUID

import pytest

from cleanarch_kit.application import Message
from cleanarch_kit.domain import Email
from cleanarch_kit.errors import DuplicateError
from users.application.commands.activate_user import ActivateUser
from users.application.interfaces.mailer import Mail
from users.application.services.unique_email import refuse_taken_email
from users.application.services.welcome import send_welcome
from users.domain.events.user_events import UserRegistered
from users.domain.value_objects.user_id import UserId
from users.domain.value_objects.user_name import UserName


class RecordingMailer:
    def __init__(self) -> None:
        self.sent: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.sent.append(mail)


class RememberingInbox:
    def __init__(self) -> None:
        self._seen: set[tuple[str, UUID]] = set()

    async def once(self, consumer: str, event_id: UUID) -> bool:
        new = (consumer, event_id) not in self._seen
        self._seen.add((consumer, event_id))
        return new


async def test_a_new_user_is_welcomed_once_under_the_events_own_id() -> None:
    mailer, inbox = RecordingMailer(), RememberingInbox()
    event = UserRegistered(user_id=UserId.new(), email=Email("ada@example.com"), name=UserName("Ada"))
    for _ in range(2):  # a delivery may be repeated
        await send_welcome(event, inbox=inbox, mailer=mailer)
    (mail,) = mailer.sent
    assert (mail.id, mail.to, mail.subject) == (event.event_id, Email("ada@example.com"), "Welcome")
    assert mail.text.startswith("Hello Ada,")


@pytest.mark.parametrize("constraint", ["primary_key", None])
async def test_another_unique_key_is_no_taken_address(constraint: str | None) -> None:
    async def refused(_: Message[None]) -> None:
        raise DuplicateError(constraint)

    with pytest.raises(DuplicateError):
        await refuse_taken_email(ActivateUser(UserId.new()), refused)
