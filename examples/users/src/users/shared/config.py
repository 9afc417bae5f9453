from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Settings, each read from a variable such as ``USERS_DATABASE_URL``. By default everything is embedded.

    Attributes:
        database_url: for example ``postgresql+asyncpg://users@localhost/users``.
        mail_folder: where mails are written to.
        mail_sender: address that mails come from.
        password_rounds: cost of a password hash, as a power of two.
        log_level: what is logged, from this level upwards.
    """

    model_config = SettingsConfigDict(env_prefix="USERS_", frozen=True)

    database_url: str = "sqlite+aiosqlite:///users.db"
    mail_folder: Path = Path("mails")
    mail_sender: str = "welcome@users.example"
    password_rounds: int = 12
    log_level: str = "INFO"
