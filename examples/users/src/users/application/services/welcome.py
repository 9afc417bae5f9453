from cleanarch_kit.application import Inbox, on
from users.application.interfaces.mailer import Mail, Mailer
from users.domain.events.user_events import UserRegistered

__all__ = ["send_welcome"]


@on(UserRegistered)
async def send_welcome(event: UserRegistered, *, inbox: Inbox, mailer: Mailer) -> None:
    """Greet a new user, once: an event may arrive again, and its row in the inbox says that it was handled.

    The row is committed when the mail is sent. Between the two the service may die, so that the mail is sent again:
    it then has the same id, the event's.
    """
    if await inbox.once("welcome-mail", event.event_id):
        await mailer.send(
            Mail(
                id=event.event_id,
                to=event.email,
                subject="Welcome",
                text=f"Hello {event.name},\n\nyour account is ready.\n",
            )
        )
