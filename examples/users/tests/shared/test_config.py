from pathlib import Path

import pytest

from users.main import from_environment
from users.shared.config import Settings


def test_everything_is_embedded_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"USERS_{name.upper()}", raising=False)
    assert Settings().database_url.startswith("sqlite+aiosqlite:")


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERS_DATABASE_URL", "postgresql+asyncpg://users@localhost/users")
    monkeypatch.setenv("USERS_MAIL_FOLDER", "/var/mails")
    monkeypatch.setenv("USERS_PASSWORD_ROUNDS", "13")
    settings = Settings()
    assert settings.database_url == "postgresql+asyncpg://users@localhost/users"
    assert settings.mail_folder == Path("/var/mails")
    assert settings.password_rounds == 13


def test_the_service_is_built_from_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    levels: list[str] = []
    monkeypatch.setattr("users.main.configure_logging", levels.append)
    monkeypatch.setenv("USERS_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'users.db'}")
    monkeypatch.setenv("USERS_LOG_LEVEL", "WARNING")
    assert from_environment().title == "Users"
    assert levels == ["WARNING"]
