import asyncio
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from users.application.interfaces.mailer import Mail

__all__ = ["FolderMailer"]


class FolderMailer:
    """Writes each mail into a folder, as a file that any mail program opens.

    The file is called after the mail's id: sending a mail again replaces it by itself.

    Args:
        folder: where to; made when it is not there.
        sender: address that the mails come from.
    """

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Write the mail, whole or not at all."""
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = str(mail.to)
        message["Subject"] = mail.subject
        message["Message-ID"] = f"<{mail.id}@{self._sender.rpartition('@')[2]}>"
        message.set_content(mail.text)
        await asyncio.to_thread(self._write, f"{mail.id}.eml", message.as_bytes())

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{name}"
        draft.write_bytes(content)
        draft.replace(self._folder / name)
