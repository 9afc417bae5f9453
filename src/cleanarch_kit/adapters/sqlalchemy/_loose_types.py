"""SQLAlchemy's generic types where it does not matter what is in them: one place for what a checker cannot know."""

from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

__all__ = ["AnyColumn", "AnyElement", "AnySelect", "AnyType", "Parameters", "Row"]

AnyColumn: TypeAlias = sa.Column[Any]
"""A column of any type."""

AnyElement: TypeAlias = sa.ColumnElement[Any]
"""An expression of any type."""

AnySelect: TypeAlias = sa.Select[Any]
"""A SELECT of any columns."""

AnyType: TypeAlias = TypeEngine[Any]
"""A column type."""

Row: TypeAlias = tuple[Any, ...]
"""A row, with the columns in the order of the entity's fields."""

Parameters: TypeAlias = dict[str, Any]
"""The values that are bound to a statement, by the names of its parameters."""
