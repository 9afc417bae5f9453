"""Migrations by Alembic (extra ``alembic``): plain columns, and the kit's tables without autogenerate."""

from cleanarch_kit.adapters.alembic import _installed as _installed
from cleanarch_kit.adapters.alembic.kit_tables import migrate_kit_tables
from cleanarch_kit.adapters.alembic.rendering import plugin, render_item

__all__ = ["migrate_kit_tables", "plugin", "render_item"]
