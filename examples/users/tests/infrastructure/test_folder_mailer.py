from email import message_from_bytes
from email.policy import default
from pathlib import Path

from cleanarch_kit.domain import Email, uuid7
from users.application.interfaces.mailer import Mail
from users.infrastructure.external.folder_mailer import FolderMailer


async def test_a_mail_becomes_one_file_however_often_it_is_sent(tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path / "mails", "welcome@users.example")
    mail = Mail(id=uuid7(), to=Email("ada@example.com"), subject="Welcome", text="Hello Zoë,\n\nready.\n")
    await mailer.send(mail)
    await mailer.send(mail)
    (path,) = (tmp_path / "mails").iterdir()
    message = message_from_bytes(path.read_bytes(), policy=default)
    assert path.name == f"{mail.id}.eml"
    assert (message["To"], message["From"], message["Subject"]) == (
        "ada@example.com",
        "welcome@users.example",
        "Welcome",
    )
    assert message["Message-ID"] == f"<{mail.id}@users.example>"
    assert message.get_content().replace("\r\n", "\n") == "Hello Zoë,\n\nready.\n"
