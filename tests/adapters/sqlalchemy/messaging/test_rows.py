from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyOutbox
from cleanarch_kit.adapters.sqlalchemy.messaging.rows import ENVELOPE_COLUMNS, padded, to_row
from cleanarch_kit.application import Envelope
from cleanarch_kit.testing import OutboxSubject

ENVELOPE = Envelope(
    id=UUID(int=7),
    type="clock.ticked.v1",
    source="/",
    subject="Clock/1",
    time=datetime(2030, 1, 2, 3, 4, 5, 6, UTC),
    data=b"{}",
    dataschema="https://example.com/schema",
    correlation_id="a",
    causation_id="b",
    traceparent="c",
)


def test_a_subject_always_falls_into_the_same_partition() -> None:
    """The function is fixed: another version of the program must find the same."""
    rows = [to_row(replace(ENVELOPE, subject=key), 16) for key in ("Clock/1", "Clock/2", "ä")]
    assert [row["partition_id"] for row in rows] == [12, 6, 3]


def test_subjects_spread_over_the_partitions() -> None:
    rows = [to_row(replace(ENVELOPE, subject=f"Clock/{number}"), 16) for number in range(1000)]
    assert {row["partition_id"] for row in rows} == set(range(16))


def test_an_event_without_a_subject_is_its_own() -> None:
    assert to_row(replace(ENVELOPE, subject=None), 16)["subject"] == str(UUID(int=7))


def test_a_row_has_all_columns_of_an_envelope() -> None:
    assert set(to_row(ENVELOPE, 16)) == set(ENVELOPE_COLUMNS)


async def test_every_attribute_is_kept(
    outbox: SqlAlchemyOutbox, subject: OutboxSubject, sessions: async_sessionmaker[AsyncSession]
) -> None:
    async with sessions.begin() as session:
        await outbox.write(session, [ENVELOPE])
    async with subject.claim() as claim:
        assert claim is not None
        assert [entry.envelope for entry in claim.entries] == [ENVELOPE]


@pytest.mark.parametrize(
    ("length", "expected"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3, 3]), (5, [1, 2, 3, 4, 5, 5, 5, 5])]
)
def test_lists_are_padded_to_a_power_of_two(length: int, expected: list[int]) -> None:
    assert padded(list(range(1, length + 1))) == expected
