"""The part of the unit of work contract about what happens around the commit."""

import pytest

from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.errors import DuplicateError, UnitOfWorkStateError
from cleanarch_kit.testing.contracts.subject import BookRenamed, Capability, Contract, Subject, a_book, needs

__all__ = ["CommittingContract", "Log"]


class Log:
    """A publisher and a cache that note what they are told, and in which order."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    @property
    def published(self) -> list[str]:
        """The titles in the events that were published."""
        return [entry.removeprefix("published ") for entry in self.entries if entry.startswith("published ")]

    async def publish(self, *events: DomainEvent) -> None:
        """Note the events."""
        self.entries += [f"published {event.title}" for event in events if isinstance(event, BookRenamed)]

    async def invalidate(self, *tags: str) -> None:
        """Note the tags."""
        self.entries += [f"invalidated {tag}" for tag in tags]


class CommittingContract(Contract):
    """Events, cache tags and callbacks."""

    async def test_events_are_published_once_after_the_commit(self, subject: Subject) -> None:
        log = Log()
        first, second = a_book("first"), a_book("second")
        await subject.add_books(second)
        async with subject.unit_of_work(publisher=log) as unit:
            books = subject.books(unit)
            first.rename("first, renamed")
            await books.add(first)
            loaded = await books.get(second.id)
            loaded.rename("second, renamed")
            first.rename("first, renamed again")
            assert await books.count() == 2  # written, but not committed
            loaded.rename("second, renamed again")
            assert log.entries == []
        assert log.published == [
            "first, renamed",
            "second, renamed",
            "first, renamed again",
            "second, renamed again",
        ]
        assert first.pull_events() == ()
        async with subject.unit_of_work(publisher=log) as unit:
            await subject.books(unit).get(first.id)
        assert len(log.published) == 4

    async def test_what_is_published_is_committed_already(self, subject: Subject) -> None:
        """Whoever hears of it, in another unit of work, finds it."""
        found: list[list[str]] = []

        async def look(*events: DomainEvent) -> None:
            found.append(await subject.titles())

        class Looking(Log):
            async def publish(self, *events: DomainEvent) -> None:
                await look(*events)

            async def invalidate(self, *tags: str) -> None:
                await look()

        looking = Looking()
        book = a_book("old")
        book.rename("new")
        async with subject.unit_of_work(publisher=looking, cache=looking) as unit:
            await subject.books(unit).add(book)
            unit.invalidate("tag")
            unit.after_commit(look)
        assert found == [["new"]] * 3

    async def test_nothing_is_published_after_a_rollback(self, subject: Subject) -> None:
        log = Log()
        book = a_book("old")
        await subject.add_books(book)
        with pytest.raises(ValueError, match="no"):
            async with subject.unit_of_work(publisher=log, cache=log) as unit:
                books = subject.books(unit)
                (await books.get(book.id)).rename("new")
                unit.invalidate("tag")
                unit.after_commit(log.publish)
                assert await books.count() == 1
                raise ValueError("no")
        assert log.entries == []

    async def test_what_was_rolled_back_can_be_stored_with_its_events(self, subject: Subject) -> None:
        log = Log()
        book = a_book("old")
        book.rename("new")
        with pytest.raises(ValueError, match="no"):
            async with subject.unit_of_work(publisher=log) as unit:
                await subject.books(unit).add(book)
                await subject.books(unit).count()
                book.rename("newer")
                raise ValueError("no")
        assert book.version == 0
        async with subject.unit_of_work(publisher=log) as unit:
            await subject.books(unit).add(book)
        assert log.published == ["new", "newer"]
        assert book.version == 1

    async def test_nothing_is_published_when_the_commit_fails(self, subject: Subject) -> None:
        log = Log()
        book = a_book("stored")
        await subject.add_books(book)
        twin = a_book("twin")
        twin.id = book.id
        twin.rename("never")
        with pytest.raises(DuplicateError):
            async with subject.unit_of_work(publisher=log, cache=log) as unit:
                unit.invalidate("tag")
                await subject.books(unit).add(twin)
        assert log.entries == []

    async def test_a_deleted_entity_still_tells_what_happened(self, subject: Subject) -> None:
        log = Log()
        book = a_book("old")
        await subject.add_books(book)
        async with subject.unit_of_work(publisher=log) as unit:
            books = subject.books(unit)
            (await books.get(book.id)).rename("farewell")
            await books.delete(book.id)
        assert log.published == ["farewell"]

    @needs(Capability.SAVEPOINTS)
    async def test_a_savepoint_takes_its_events_with_it(self, subject: Subject) -> None:
        log = Log()
        book, added = a_book("old"), a_book("added")
        await subject.add_books(book)
        async with subject.unit_of_work(publisher=log, cache=log) as unit:
            books = subject.books(unit)
            loaded = await books.get(book.id)
            loaded.rename("before")
            with pytest.raises(ValueError, match="inside"):
                async with unit.savepoint():
                    loaded.rename("inside")
                    added.rename("added inside")
                    await books.add(added)
                    unit.invalidate("inside")
                    unit.after_commit(_never)
                    unit.before_commit(_never)
                    await books.count()
                    loaded.rename("inside, not even written")
                    raise ValueError("inside")
            loaded.rename("after")
            async with unit.savepoint():
                await books.add(added)
                unit.invalidate("kept")
        assert log.entries == ["invalidated kept", "published before", "published after", "published added inside"]

    async def test_what_fails_after_the_commit_is_reported_and_not_raised(self, subject: Subject) -> None:
        reported: list[BaseException] = []

        class Broken(Log):
            async def publish(self, *events: DomainEvent) -> None:
                raise ExceptionGroup("publishing", [RuntimeError("subscriber")])

            async def invalidate(self, *tags: str) -> None:
                raise ConnectionError("cache")

        async def broken_callback(*events: DomainEvent) -> None:
            raise LookupError("callback")

        log, broken = Log(), Broken()
        book = a_book("old")
        book.rename("new")
        async with subject.unit_of_work(publisher=broken, cache=broken, on_after_commit_error=reported.append) as unit:
            unit.invalidate("tag")
            unit.after_commit(broken_callback)
            unit.after_commit(log.publish)
            await subject.books(unit).add(book)
        assert [type(error) for error in reported] == [ConnectionError, ExceptionGroup, LookupError]
        assert log.published == ["new"]
        assert await subject.titles() == ["new"]

    async def test_tags_are_invalidated_before_anything_is_published(self, subject: Subject) -> None:
        log = Log()
        book = a_book("old")
        book.rename("new")
        async with subject.unit_of_work(publisher=log, cache=log) as unit:
            unit.invalidate("a", "b")
            unit.invalidate("a")
            unit.after_commit(log.publish)
            await subject.books(unit).add(book)
            assert log.entries == []
        assert log.entries == ["invalidated a", "invalidated b", "published new", "published new"]

    async def test_a_before_commit_callback_is_part_of_the_transaction(self, subject: Subject) -> None:
        log = Log()
        book, audit = a_book("old"), a_book("audit", rank=0)
        await subject.add_books(audit)
        seen: list[list[str]] = []
        async with subject.unit_of_work(publisher=log) as unit:
            books = subject.books(unit)

            async def audited(*events: DomainEvent) -> None:
                seen.append([event.title for event in events if isinstance(event, BookRenamed)])
                entry = await books.get(audit.id)
                if (entry.rank or 0) < 2:
                    entry.rank = (entry.rank or 0) + 1
                    entry.rename(f"audit {entry.rank}")

            book.rename("new")
            await books.add(book)
            unit.before_commit(audited)
            assert seen == []
        assert seen == [["new"], ["audit 1"], ["audit 2"]]
        assert log.published == ["new", "audit 1", "audit 2"]
        assert await subject.titles() == ["audit 2", "new"]

    async def test_a_before_commit_callback_runs_without_events_too(self, subject: Subject) -> None:
        seen: list[int] = []

        async def count(*events: DomainEvent) -> None:
            seen.append(len(events))

        async with subject.unit_of_work() as unit:
            unit.before_commit(count)
        assert seen == [0]

    async def test_a_failing_before_commit_callback_rolls_back(self, subject: Subject) -> None:
        async def refuse(*events: DomainEvent) -> None:
            raise ValueError("refused")

        with pytest.raises(ValueError, match="refused"):
            async with subject.unit_of_work() as unit:
                unit.before_commit(refuse)
                await subject.books(unit).add(a_book())
        assert await subject.titles() == []
        assert subject.open_connections() == 0

    async def test_callbacks_that_answer_each_other_for_ever_are_stopped(self, subject: Subject) -> None:
        book = a_book()
        with pytest.raises(UnitOfWorkStateError, match="rounds"):
            async with subject.unit_of_work() as unit:

                async def again(*events: DomainEvent) -> None:
                    book.rename(f"after {len(events)}")

                unit.before_commit(again)
                await subject.books(unit).add(book)
        assert await subject.titles() == []


async def _never(*events: DomainEvent) -> None:
    raise AssertionError("a callback of a savepoint that was taken back")
