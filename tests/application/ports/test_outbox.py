from dataclasses import FrozenInstanceError, dataclass

import pytest
from sqlalchemy.ext.asyncio import async_sessionmaker

from cleanarch_kit.adapters.memory import InMemoryOutbox, InMemoryStore
from cleanarch_kit.adapters.sqlalchemy import SqlAlchemyOutbox, create_async_engine
from cleanarch_kit.application import EventRegistry, FailedEntry, Outbox, PendingEvent
from cleanarch_kit.domain import DomainEvent
from cleanarch_kit.testing import StoredOutbox


@dataclass(frozen=True, kw_only=True)
class Ticked(DomainEvent, name="clock.ticked"): ...


def test_both_adapters_offer_what_a_unit_of_work_and_a_relay_need() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    outboxes: list[StoredOutbox] = [
        InMemoryOutbox(InMemoryStore(), EventRegistry([Ticked])),
        SqlAlchemyOutbox(async_sessionmaker(engine), EventRegistry([Ticked])),
    ]
    for outbox in outboxes:
        readable: Outbox = outbox
        readable.wake_up.notify()
        outbox.wake()
        assert [envelope.subject for envelope in outbox.encode([PendingEvent(Ticked(), "Clock/1")])] == ["Clock/1"]


def test_what_is_said_about_an_event_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(FailedEntry(1, "builtins.ValueError", None), "position", 2)  # noqa: B010 - the checkers know it too
