"""Text that MariaDB compares without regard to case is told of once, with what heals it."""

import logging
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyRepository, SqlAlchemyUnitOfWork
from cleanarch_kit.domain import Email, Entity, EntityId


class NoteId(EntityId): ...


@dataclass(kw_only=True)
class Note(Entity[NoteId]):
    text: str
    by: Email
    chosen: str


metadata = sa.MetaData()


class Notes(SqlAlchemyRepository[Note, NoteId]):
    table = sa.Table(
        "loose_notes",
        metadata,
        sa.Column("id", sa.Uuid(native_uuid=False), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("chosen", sa.String(20, collation="utf8mb4_general_ci"), nullable=False),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_general_ci",
    )


pytestmark = pytest.mark.parametrize("database", ["asyncmy"], indirect=True)
Sessions = async_sessionmaker[AsyncSession]


def a_note() -> Note:
    return Note(id=NoteId.new(), text="Text", by=Email("ada@example.com"), chosen="x")


async def test_it_is_told_once_and_healed_by_what_is_told(
    engine: AsyncEngine, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        Notes(unit)  # made before the table is there, and never used
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await Notes(unit).add(a_note())
    async with SqlAlchemyUnitOfWork(sessions, read_only=True) as unit:
        assert await Notes(unit).count(lambda n: n.text == "TEXT") == 1
    (told,) = caplog.records
    assert (told.name, told.levelno) == ("cleanarch_kit.sqlalchemy", logging.WARNING)
    explanation, _, remedy = told.getMessage().partition("this heals it: ")
    assert explanation == (
        "text in table loose_notes (text, by) is compared without regard to case, unlike on other databases and in"
        " memory; "
    )
    assert remedy == "ALTER TABLE loose_notes CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
    async with engine.begin() as connection:
        await connection.execute(sa.text(remedy))
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        assert await Notes(unit).count(lambda n: n.text == "TEXT") == 0
        assert await Notes(unit).count(lambda n: n.text == "Text") == 1


async def test_a_session_that_leads_is_no_way_past_it(
    engine: AsyncEngine, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await unit.session.execute(sa.text("SELECT 1"))
        await Notes(unit).add(a_note())
    assert len(caplog.records) == 1


async def test_a_healed_table_is_not_told_of(
    engine: AsyncEngine, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(
            sa.text("ALTER TABLE loose_notes CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
        )
    async with SqlAlchemyUnitOfWork(sessions) as unit:
        await Notes(unit).add(a_note())
    assert caplog.records == []
