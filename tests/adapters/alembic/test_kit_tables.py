"""A migration written by hand makes the very tables that `add_kit_tables` describes."""

from io import StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.dialects import registry
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from cleanarch_kit.adapters.alembic import kit_tables, migrate_kit_tables
from cleanarch_kit.adapters.sqlalchemy import add_kit_tables
from cleanarch_kit.errors import DefinitionError

ENV = """
from alembic import context

options = context.config.attributes
context.configure(connection=options["connection"], target_metadata=options["metadata"])
with context.begin_transaction():
    context.run_migrations()
"""
MIGRATION = """
from cleanarch_kit.adapters.alembic import migrate_kit_tables

revision = "1"
down_revision = None


def upgrade():
    migrate_kit_tables(0, 1)


def downgrade():
    migrate_kit_tables(1, 0)
"""
NAMES = ["idempotency", "inbox", "outbox", "outbox_dead", "outbox_partition"]

metadata = sa.MetaData()
add_kit_tables(metadata)


def dialect_of(name: str) -> sa.Dialect:
    dialect: sa.Dialect = registry.load(name)()
    return dialect


def statements(dialect: sa.Dialect, start: int, end: int) -> set[str]:
    """What a migration would send."""
    written = StringIO()
    context = MigrationContext.configure(dialect=dialect, opts={"as_sql": True, "output_buffer": written})
    with Operations.context(context):
        migrate_kit_tables(start, end)
    return {" ".join(statement.split()) for statement in written.getvalue().split(";") if statement.strip()}


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "mysql"])
def test_the_steps_together_make_the_tables_as_they_are(name: str) -> None:
    dialect = dialect_of(name)
    tables = metadata.tables.values()
    described = [CreateTable(table) for table in tables], [CreateIndex(it) for table in tables for it in table.indexes]
    texts = {" ".join(str(it.compile(dialect=dialect)).split()) for kind in described for it in kind}
    assert statements(dialect, 0, len(kit_tables._STEPS)) == texts


def test_a_later_version_is_reached_from_every_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def up(op: Operations) -> None:
        op.add_column("inbox", sa.Column("note", sa.String(10)))

    def down(op: Operations) -> None:
        op.drop_column("inbox", "note")

    monkeypatch.setattr(kit_tables, "_STEPS", [*kit_tables._STEPS, (up, down)])
    dialect = dialect_of("postgresql")
    added, dropped = "ALTER TABLE inbox ADD COLUMN note VARCHAR(10)", "ALTER TABLE inbox DROP COLUMN note"
    assert statements(dialect, 1, 2) == {added}
    assert statements(dialect, 2, 1) == {dropped}
    assert statements(dialect, 2, 2) == set()
    assert statements(dialect, 0, 2) == statements(dialect, 0, 1) | {added}
    assert statements(dialect, 2, 0) == statements(dialect, 1, 0) | {dropped}


@pytest.mark.parametrize("versions", [(0, 2), (-1, 1), (2, 0)])
def test_a_version_that_this_kit_does_not_know_is_refused(versions: tuple[int, int]) -> None:
    with pytest.raises(DefinitionError, match=r"this kit knows versions 0 to 1 of its tables, not (2|-1): install"):
        migrate_kit_tables(*versions)


def there_and_back(connection: sa.Connection, folder: Path) -> None:
    left = sa.MetaData()
    left.reflect(connection)
    left.drop_all(connection)
    connection.commit()
    settings = Config()
    settings.set_main_option("script_location", str(folder))
    settings.set_main_option("path_separator", "os")
    settings.attributes |= {"connection": connection, "metadata": metadata}
    command.upgrade(settings, "head")
    assert sorted(sa.inspect(connection).get_table_names()) == ["alembic_version", *NAMES]
    command.check(settings)  # raises where autogenerate would write something
    command.downgrade(settings, "base")
    assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    connection.execute(sa.text("DROP TABLE alembic_version"))
    connection.commit()


@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mariadb"])
async def test_a_migration_by_hand_runs_there_and_back(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    (tmp_path / "versions" / "1.py").write_text(MIGRATION)
    url = f"sqlite:///{tmp_path / 'data.db'}" if database == "sqlite" else request.getfixturevalue(f"{database}_url")
    for plain, driver in (("sqlite", "aiosqlite"), ("postgresql", "asyncpg"), ("mysql", "asyncmy")):
        url = url.replace(f"{plain}:", f"{plain}+{driver}:")
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(there_and_back, tmp_path)
    finally:
        await engine.dispose()
