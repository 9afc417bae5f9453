import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyOutbox, add_kit_tables
from cleanarch_kit.errors import DefinitionError

NAMES = {"outbox", "outbox_partition", "outbox_dead", "inbox", "idempotency"}


def test_the_tables_come_beside_the_callers_own() -> None:
    metadata = sa.MetaData()
    sa.Table("orders", metadata, sa.Column("id", sa.Integer, primary_key=True))
    add_kit_tables(metadata)
    assert set(metadata.tables) == NAMES | {"orders"}


def test_adding_them_again_changes_nothing() -> None:
    metadata = sa.MetaData()
    add_kit_tables(metadata)
    before = dict(metadata.tables)
    add_kit_tables(metadata)
    assert {name: table is before[name] for name, table in metadata.tables.items()} == dict.fromkeys(NAMES, True)


def test_two_metadatas_have_tables_of_their_own() -> None:
    first, second = sa.MetaData(), sa.MetaData()
    add_kit_tables(first)
    add_kit_tables(second)
    assert first.tables["outbox"] is not second.tables["outbox"]


def test_a_table_of_that_name_is_not_replaced() -> None:
    metadata = sa.MetaData()
    sa.Table("inbox", metadata, sa.Column("id", sa.Integer, primary_key=True))
    with pytest.raises(DefinitionError) as caught:
        add_kit_tables(metadata)
    assert str(caught.value) == "the MetaData has another table named 'inbox': give that one another name"


def test_a_metadata_with_a_schema_is_refused() -> None:
    with pytest.raises(DefinitionError) as caught:
        add_kit_tables(sa.MetaData(schema="shop"))
    assert str(caught.value) == (
        "the tables of outbox and inbox lie in the default schema of the connection:"
        " call add_kit_tables with a MetaData that has no schema"
    )


def test_the_callers_naming_convention_names_what_we_did_not() -> None:
    metadata = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"})
    add_kit_tables(metadata)
    assert metadata.tables["inbox"].primary_key.name == "pk_inbox"


@pytest.mark.parametrize("database", ["asyncmy"], indirect=True)
async def test_text_is_compared_byte_by_byte_on_mariadb(outbox: SqlAlchemyOutbox, engine: AsyncEngine) -> None:
    statement = sa.text(
        "SELECT DISTINCT collation_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND collation_name IS NOT NULL"
    )
    async with engine.connect() as connection:
        assert (await connection.execute(statement)).scalars().all() == ["utf8mb4_bin"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_no_number_is_given_twice_on_sqlite(outbox: SqlAlchemyOutbox, engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        ddl = (await connection.execute(sa.text("SELECT sql FROM sqlite_master WHERE name = 'outbox'"))).scalar_one()
    assert "AUTOINCREMENT" in ddl
