import asyncio
import logging
from asyncio import CancelledError
from dataclasses import dataclass
from uuid import UUID

import pytest

from cleanarch_kit.application.tracking.after_commit import AfterCommit
from cleanarch_kit.domain import DomainEvent


@dataclass(frozen=True, kw_only=True)
class Renamed(DomainEvent, name="test.renamed"):
    name: str


EVENT = Renamed(event_id=UUID(int=1), name="canary")


class Log:
    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.entries: list[object] = []

    async def publish(self, *events: DomainEvent) -> None:
        self._note(events)

    async def invalidate(self, *tags: str) -> None:
        self._note(tags)

    def _note(self, told: object) -> None:
        self.entries.append(told)
        if self.errors:
            raise self.errors.pop(0)


async def test_without_anything_to_do_nothing_is_done() -> None:
    log = Log()
    after = AfterCommit(log, log, None)
    assert not after.needed
    await after.invalidate()
    await after.announce([])
    assert log.entries == []
    without = AfterCommit(None, None, None)
    without.tags.append("tag")
    await without.invalidate()
    await without.announce([EVENT])


async def test_tags_are_invalidated_once_each_in_order() -> None:
    log = Log()
    after = AfterCommit(None, log, None)
    after.tags += ["b", "a", "b"]
    assert after.needed
    await after.invalidate()
    assert log.entries == [("b", "a")]


async def test_every_step_runs_whatever_became_of_the_one_before() -> None:
    errors = [ValueError("1"), ExceptionGroup("2", [ValueError()]), CancelledError("3"), KeyError("4")]
    log, reported = Log(*errors), list[BaseException]()
    after = AfterCommit(log, log, reported.append)
    after.tags.append("tag")
    after.callbacks += [log.publish, log.publish, log.publish]
    await after.invalidate()
    await after.announce([EVENT])
    assert reported == errors
    assert log.entries == [("tag",), (EVENT,), (EVENT,), (EVENT,), (EVENT,)]


async def test_a_cancellation_of_the_task_itself_is_not_swallowed() -> None:
    reached = asyncio.Event()

    async def wait(*events: DomainEvent) -> None:
        reached.set()
        await asyncio.Event().wait()

    reported: list[BaseException] = []
    after = AfterCommit(None, None, reported.append)
    after.callbacks.append(wait)
    task = asyncio.create_task(after.announce([EVENT]))
    await reached.wait()
    task.cancel()
    with pytest.raises(CancelledError):
        await task
    assert reported == []


async def test_errors_are_logged_by_type_and_ids_alone(caplog: pytest.LogCaptureFixture) -> None:
    nested = ExceptionGroup("canary", [ValueError("canary"), ExceptionGroup("canary", [KeyError("canary")])])
    after = AfterCommit(Log(nested), Log(LookupError("canary")), None)
    after.tags.append("tag")
    with caplog.at_level(logging.ERROR, "cleanarch_kit"):
        await after.announce([EVENT])
        await after.invalidate()
    assert [record.getMessage() for record in caplog.records] == [
        "after the commit, which stands: KeyError, ValueError"
        " (events: test.renamed.v1 00000000-0000-0000-0000-000000000001)",
        "after the commit, which stands: LookupError (events: none)",
    ]
    assert "canary" not in caplog.text


async def test_a_reporter_that_fails_loses_no_error(caplog: pytest.LogCaptureFixture) -> None:
    def broken(error: BaseException) -> None:
        raise RuntimeError("reporter")

    await AfterCommit(Log(ValueError()), None, broken).announce([EVENT])
    assert [record.getMessage().split(": ")[1].split(" ")[0] for record in caplog.records] == [
        "RuntimeError",
        "ValueError",
    ]
