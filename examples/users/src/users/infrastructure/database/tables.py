import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy import UtcDateTime, add_kit_tables
from users.application.interfaces.user_repository import UNIQUE_EMAIL

__all__ = ["metadata", "users"]

metadata = sa.MetaData()

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("password_hash", sa.String(200), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("email", name=UNIQUE_EMAIL),
)

add_kit_tables(metadata)
