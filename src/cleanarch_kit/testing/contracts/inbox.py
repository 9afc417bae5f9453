"""What every `Inbox` promises, as tests."""

import asyncio
from abc import ABC
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from cleanarch_kit.application.ports.inbox import Inbox
from cleanarch_kit.application.ports.unit_of_work import UnitOfWork
from cleanarch_kit.errors import InvalidValueError, UnitOfWorkStateError

__all__ = ["InboxContract", "InboxSubject"]


@dataclass(frozen=True, slots=True)
class InboxSubject:
    """The inbox under test, with an empty store.

    Attributes:
        unit_of_work: makes a unit of work; takes ``read_only``.
        inbox: makes the inbox of a unit of work.
    """

    unit_of_work: Callable[[bool], UnitOfWork]
    inbox: Callable[[Any], Inbox]  # Any: the adapter's own unit of work

    async def once(self, consumer: str, event_id: UUID) -> bool:
        """Ask in a unit of work of its own, and commit."""
        async with self.unit_of_work(False) as uow:
            return await self.inbox(uow).once(consumer, event_id)


class _BrokenError(Exception):
    """What a handler raises."""


class InboxContract(ABC):
    """Tests for an inbox.

    Derive a test class from it and give it a fixture ``subject`` with your inbox:

        class TestMyInbox(InboxContract):
            @pytest.fixture
            def subject(self) -> InboxSubject:
                return InboxSubject(lambda read_only: MyUnitOfWork(read_only=read_only), MyInbox)

    They need pytest-asyncio in its automatic mode.

    Attributes:
        concurrent_writers: whether two units of work can write at the same time.
    """

    concurrent_writers: bool = True

    @pytest.fixture
    def subject(self) -> "InboxSubject | AsyncIterator[InboxSubject]":
        """The inbox under test, with an empty store. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture 'subject' that gives an InboxSubject")

    async def test_an_event_is_new_once(self, subject: InboxSubject) -> None:
        event_id = uuid4()
        assert [await subject.once("mail", event_id) for _ in range(3)] == [True, False, False]

    async def test_it_is_new_once_within_a_unit_of_work_too(self, subject: InboxSubject) -> None:
        event_id = uuid4()
        async with subject.unit_of_work(False) as uow:
            inbox = subject.inbox(uow)
            assert [await inbox.once("mail", event_id) for _ in range(3)] == [True, False, False]
            assert await inbox.once("mail", uuid4())
        assert not await subject.once("mail", event_id)

    async def test_consumers_and_events_are_told_apart(self, subject: InboxSubject) -> None:
        event_id = uuid4()
        for consumer in ("mail", "Mail", "mäil", "ledger", "x" * 200):
            assert await subject.once(consumer, event_id)
        assert await subject.once("mail", uuid4())

    @pytest.mark.parametrize("error", [_BrokenError, asyncio.CancelledError])
    async def test_an_event_whose_handler_failed_is_new_again(
        self, subject: InboxSubject, error: type[BaseException]
    ) -> None:
        event_id = uuid4()
        with pytest.raises(error):
            async with subject.unit_of_work(False) as uow:
                assert await subject.inbox(uow).once("mail", event_id)
                raise error
        assert await subject.once("mail", event_id)

    async def test_a_savepoint_that_is_taken_back_takes_it_along(self, subject: InboxSubject) -> None:
        event_id = uuid4()
        async with subject.unit_of_work(False) as uow:
            inbox = subject.inbox(uow)
            with pytest.raises(_BrokenError):
                async with uow.savepoint():
                    assert await inbox.once("mail", event_id)
                    raise _BrokenError
            assert await inbox.once("mail", event_id)

    async def test_a_duplicate_waits_for_the_end_of_the_first(self, subject: InboxSubject) -> None:
        """Taken for handled while the first may still fail, the event would be lost."""
        if not self.concurrent_writers:
            pytest.skip(f"{type(self).__name__} has one writer at a time")
        for fails in (True, False):
            event_id = uuid4()
            first = subject.unit_of_work(False)
            await first.__aenter__()
            assert await subject.inbox(first).once("mail", event_id)
            second = asyncio.create_task(subject.once("mail", event_id))
            await asyncio.sleep(0.1)
            assert not second.done()
            await (first.rollback() if fails else first.commit())
            await first.__aexit__(None, None, None)
            assert await second is fails

    async def test_of_many_duplicates_at_once_one_is_new(self, subject: InboxSubject) -> None:
        event_id = uuid4()
        answers = await asyncio.gather(*(subject.once("mail", event_id) for _ in range(8)))
        assert sorted(answers) == [False] * 7 + [True]

    async def test_asking_counts_as_a_change(self, subject: InboxSubject) -> None:
        async with subject.unit_of_work(False) as uow:
            assert not uow.changed
            await subject.inbox(uow).once("mail", uuid4())
            assert uow.changed

    async def test_a_read_only_unit_of_work_refuses(self, subject: InboxSubject) -> None:
        with pytest.raises(UnitOfWorkStateError):
            async with subject.unit_of_work(True) as uow:
                await subject.inbox(uow).once("mail", uuid4())

    async def test_a_unit_of_work_that_is_not_open_refuses(self, subject: InboxSubject) -> None:
        uow = subject.unit_of_work(False)
        with pytest.raises(UnitOfWorkStateError):
            await subject.inbox(uow).once("mail", uuid4())

    @pytest.mark.parametrize("consumer", ["", " mail", "mail ", "ma\nil", "ma\0il", "\ud800", "x" * 201])
    async def test_a_name_that_could_be_mistaken_is_refused(self, subject: InboxSubject, consumer: str) -> None:
        async with subject.unit_of_work(False) as uow:
            with pytest.raises(InvalidValueError):
                await subject.inbox(uow).once(consumer, uuid4())
