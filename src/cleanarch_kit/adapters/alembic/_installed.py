"""Imported before anything else in this package: says which command installs what is missing."""

from cleanarch_kit.application.extras import require

__all__: list[str] = []

require("alembic", "sqlalchemy", extra="alembic")
