"""Migrations that Alembic writes run without the program, and give the tables that the program has."""

from datetime import datetime
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import ScalarType, UtcDateTime, add_kit_tables, render_item
from cleanarch_kit.domain import Email, EntityId, ScalarValue


class UserId(EntityId): ...


class Moment(ScalarValue[datetime]): ...


metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", ScalarType(UserId), primary_key=True),
    sa.Column("email", ScalarType(Email), nullable=False),
    sa.Column("seen_at", UtcDateTime),
    sa.Column("born_at", ScalarType(Moment)),
    sa.Column("plain", sa.String(10)),
)
add_kit_tables(metadata)


async def test_a_written_migration_runs_without_the_program(engine: AsyncEngine) -> None:
    def migrate(connection: sa.Connection) -> str:
        context = MigrationContext.configure(connection)
        script = produce_migrations(context, metadata)
        assert script.upgrade_ops is not None
        code = render_python_code(script.upgrade_ops, render_item=render_item, migration_context=context)
        exec(f"if True:\n    {code}", {"sa": sa, "mysql": mysql, "op": Operations(context)})  # noqa: S102 - what Alembic just wrote
        return code

    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection)
        return [each for each in compare_metadata(context, metadata) if "index" not in str(each[0])]

    async with engine.begin() as connection:
        code = await connection.run_sync(migrate)
    assert "cleanarch_kit." not in code
    assert "sa.String(length=254)" in code
    async with engine.begin() as connection:
        assert await connection.run_sync(differences) == []
        await connection.execute(users.insert(), {"id": UserId(uuid4()), "email": Email("a@b.example")})


@pytest.mark.parametrize(("kind", "item"), [("column", UtcDateTime()), ("type", sa.String(5)), ("type", None)])
def test_everything_else_is_alembic_s(kind: str, item: object) -> None:
    assert render_item(kind, item, None) is False


def test_what_a_type_needs_is_imported() -> None:
    class Context:
        imports: set[str] = set()

    rendered = render_item("type", UtcDateTime(timezone=False), Context)
    assert rendered == "sa.DateTime(timezone=False).with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')"
    assert Context.imports == {"from sqlalchemy.dialects import mysql"}
