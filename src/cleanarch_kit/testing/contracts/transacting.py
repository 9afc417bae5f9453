"""The part of the unit of work contract about taking effect as a whole or not at all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from cleanarch_kit.application.ports.unit_of_work import UnitOfWork, current_unit_of_work
from cleanarch_kit.errors import DuplicateError, UnitOfWorkStateError
from cleanarch_kit.testing.contracts.subject import Capability, Contract, Subject, a_book, needs

__all__ = ["TransactingContract"]


class TransactingContract(Contract):
    """Beginning, ending, joining, savepoints, and use out of turn."""

    async def test_a_clean_exit_commits(self, subject: Subject) -> None:
        async with subject.unit_of_work() as unit:
            await subject.books(unit).add(a_book())
        assert await subject.titles() == ["Emma"]
        assert subject.open_connections() == 0

    async def test_every_exception_rolls_back(self, subject: Subject) -> None:
        stored = a_book("stored")
        await subject.add_books(stored)
        for error in (
            ValueError("x"),
            asyncio.CancelledError(),
            KeyboardInterrupt(),
            SystemExit(),
            GeneratorExit(),
            BaseExceptionGroup("several", [ValueError("x"), KeyboardInterrupt()]),
        ):
            with pytest.raises(type(error)) as caught:
                async with subject.unit_of_work() as unit:
                    books = subject.books(unit)
                    await books.add(a_book("lost"))
                    (await books.get(stored.id)).title = "lost, too"
                    assert await books.count() == 2
                    raise error
            assert caught.value is error
            assert await subject.titles() == ["stored"]
            assert subject.open_connections() == 0

    async def test_commit_and_rollback_end_it(self, subject: Subject) -> None:
        async with subject.unit_of_work() as unit:
            await subject.books(unit).add(a_book("kept"))
            await unit.commit()
            assert await subject.titles() == ["kept"]
        async with subject.unit_of_work() as unit:
            await subject.books(unit).add(a_book("lost"))
            await unit.rollback()
        assert await subject.titles() == ["kept"]
        with pytest.raises(ValueError, match="after the commit"):
            async with subject.unit_of_work() as unit:
                await subject.books(unit).add(a_book("kept, too"))
                await unit.commit()
                raise ValueError("after the commit")
        assert await subject.titles() == ["kept", "kept, too"]
        assert subject.open_connections() == 0

    async def test_use_before_the_beginning_and_after_the_end_is_refused(self, subject: Subject) -> None:
        unit = subject.unit_of_work()
        await self._refused_everywhere(subject, unit)
        async with unit:
            await subject.books(unit).add(a_book())
        await self._refused_everywhere(subject, unit)
        with pytest.raises(UnitOfWorkStateError):
            await unit.__aenter__()
        for end in ("commit", "rollback"):
            async with subject.unit_of_work() as ended:
                await getattr(ended, end)()
                await self._refused_everywhere(subject, ended)
        assert await subject.titles() == ["Emma"]
        assert subject.open_connections() == 0

    async def test_a_failed_statement_leaves_only_the_rollback(self, subject: Subject) -> None:
        book = a_book("stored")
        await subject.add_books(book)
        with pytest.raises(UnitOfWorkStateError):
            async with subject.unit_of_work() as unit:
                books = subject.books(unit)
                await books.add(a_book("lost"))
                twin = a_book("twin")
                twin.id = book.id
                await books.add(twin)
                with pytest.raises(DuplicateError):
                    await books.count()
                await self._refused_everywhere(subject, unit)
        assert await subject.titles() == ["stored"]
        assert subject.open_connections() == 0

    @needs(Capability.SAVEPOINTS)
    async def test_a_savepoint_is_taken_back_alone(self, subject: Subject) -> None:
        stored, deleted = a_book("stored"), a_book("deleted")
        await subject.add_books(stored, deleted)
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            await books.add(a_book("before"))
            loaded = await books.get(stored.id)
            loaded.rank = 1
            with pytest.raises(ValueError, match="inside"):
                async with unit.savepoint():
                    await books.add(a_book("inside"))
                    loaded.rank, loaded.title = 2, "changed inside"
                    await books.delete(deleted.id)
                    assert await books.count() == 3
                    loaded.title = "changed inside, not even written"
                    raise ValueError("inside")
            assert (loaded.rank, loaded.title) == (1, "stored")
            async with unit.savepoint():
                await books.add(a_book("kept"))
            await books.add(a_book("after"))
        assert await subject.titles() == ["after", "before", "deleted", "kept", "stored"]
        found = await subject.book(stored.id)
        assert found is not None
        assert (found.rank, found.version) == (1, 2)

    @needs(Capability.SAVEPOINTS, Capability.UNIQUE_KEYS)
    async def test_a_savepoint_survives_a_failed_statement(self, subject: Subject) -> None:
        await subject.add_books(a_book("stored", isbn="taken"))
        newcomer = a_book("newcomer", isbn="taken")
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            with pytest.raises(DuplicateError):
                async with unit.savepoint():
                    await books.add(newcomer)
            assert newcomer.version == 0
            newcomer.isbn = "free"
            await books.add(newcomer)
        assert await subject.titles() == ["newcomer", "stored"]

    @needs(Capability.SAVEPOINTS)
    async def test_savepoints_nest(self, subject: Subject) -> None:
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            async with unit.savepoint():
                await books.add(a_book("outer"))
                with pytest.raises(ValueError, match="innermost"):
                    async with unit.savepoint():
                        await books.add(a_book("inner"))
                        raise ValueError("innermost")
                await books.add(a_book("outer, again"))
            with pytest.raises(ValueError, match="outermost"):
                async with unit.savepoint():
                    async with unit.savepoint():
                        await books.add(a_book("inner, released"))
                    raise ValueError("outermost")
        assert await subject.titles() == ["outer", "outer, again"]

    @needs(Capability.SAVEPOINTS)
    async def test_a_rollback_takes_back_a_savepoint_that_came_first(self, subject: Subject) -> None:
        """Where the savepoint is the first statement, it must not become the transaction."""
        with pytest.raises(ValueError, match="outside"):
            async with subject.unit_of_work() as unit:
                async with unit.savepoint():
                    await subject.books(unit).add(a_book())
                raise ValueError("outside")
        assert await subject.titles() == []
        async with subject.unit_of_work() as unit:
            async with unit.savepoint():
                with pytest.raises(UnitOfWorkStateError):
                    await unit.commit()
                await subject.books(unit).add(a_book())
            await unit.rollback()
        assert await subject.titles() == []

    async def test_a_nested_block_joins(self, subject: Subject) -> None:
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            await books.add(a_book("outer"))
            async with unit as joined:
                assert joined is unit
                await books.add(a_book("inner"))
                await unit.commit()  # only writes: the outermost block commits
            assert await books.count() == 2
            await unit.rollback()
        assert await subject.titles() == []

    async def test_an_error_in_a_joined_block_dooms_the_whole(self, subject: Subject) -> None:
        with pytest.raises(UnitOfWorkStateError):
            async with subject.unit_of_work() as unit:
                await subject.books(unit).add(a_book())
                with pytest.raises(ValueError, match="inner"):
                    async with unit:
                        raise ValueError("inner")
                await self._refused_everywhere(subject, unit)
        assert await subject.titles() == []
        with pytest.raises(UnitOfWorkStateError):
            async with subject.unit_of_work() as unit:
                await subject.books(unit).add(a_book())
                async with unit:
                    await unit.rollback()
        assert await subject.titles() == []
        assert subject.open_connections() == 0

    async def test_two_tasks_at_once_are_refused(self, subject: Subject) -> None:
        books_added = [a_book(f"b{number}") for number in range(4)]
        await subject.add_books(*books_added)
        with pytest.raises(UnitOfWorkStateError):
            async with subject.unit_of_work() as unit:
                books = subject.books(unit)
                await asyncio.gather(*(books.get(book.id) for book in books_added))
        assert subject.open_connections() == 0
        with pytest.raises(UnitOfWorkStateError):
            async with subject.unit_of_work() as unit:
                books = subject.books(unit)
                await books.add(a_book("lost"))
                await asyncio.gather(unit.commit(), books.count())
        assert len(await subject.titles()) in (4, 5)
        assert subject.open_connections() == 0

    async def test_one_task_after_another_may_use_it(self, subject: Subject) -> None:
        book = a_book("old")
        await subject.add_books(book)
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            loaded = await asyncio.wait_for(books.get(book.id), 10)
            loaded.title = "new"
            assert await asyncio.create_task(books.count()) == 1
        assert await subject.titles() == ["new"]

    async def test_it_may_be_entered_in_one_task_and_left_in_another(self, subject: Subject) -> None:
        """As fixtures do."""

        @asynccontextmanager
        async def fixture() -> AsyncGenerator[UnitOfWork]:
            async with subject.unit_of_work() as unit:
                yield unit

        manager = fixture()
        unit = await asyncio.create_task(manager.__aenter__())
        await asyncio.create_task(subject.books(unit).add(a_book()))
        await asyncio.create_task(manager.__aexit__(None, None, None))
        assert await subject.titles() == ["Emma"]
        assert subject.open_connections() == 0

    async def test_a_read_only_one_refuses_changes(self, subject: Subject) -> None:
        book = a_book("stored")
        await subject.add_books(book)
        async with subject.unit_of_work(read_only=True) as unit:
            books = subject.books(unit)
            assert (await books.get(book.id)).title == "stored"
            assert await books.count(lambda b: b.title == "stored") == 1
            for change in (books.add(a_book()), books.update(book), books.delete(book.id)):
                with pytest.raises(UnitOfWorkStateError):
                    await change
        with pytest.raises(UnitOfWorkStateError):
            async with subject.unit_of_work(read_only=True) as unit:
                (await subject.books(unit).get(book.id)).title = "changed"
        assert await subject.titles() == ["stored"]
        assert subject.open_connections() == 0

    async def test_it_tells_whether_anything_changed(self, subject: Subject) -> None:
        book = a_book()
        await subject.add_books(book)
        async with subject.unit_of_work() as unit:
            books = subject.books(unit)
            assert not unit.has_read
            loaded = await books.get(book.id)
            assert unit.has_read
            await books.count()
            assert not unit.changed
            loaded.title = "changed"
            assert unit.changed
        async with subject.unit_of_work() as unit:
            assert not unit.changed
            await subject.books(unit).add(a_book())
            assert unit.changed
        async with subject.unit_of_work() as unit:
            await subject.books(unit).delete(book.id)
            assert unit.changed

    async def test_it_is_the_current_one_while_it_is_open(self, subject: Subject) -> None:
        assert current_unit_of_work.get() is None
        async with subject.unit_of_work(read_only=True) as outer:
            assert current_unit_of_work.get() is outer
            async with subject.unit_of_work(read_only=True) as inner:
                assert current_unit_of_work.get() is inner
                async with inner:
                    assert current_unit_of_work.get() is inner
            assert current_unit_of_work.get() is outer
        assert current_unit_of_work.get() is None

    async def _refused_everywhere(self, subject: Subject, unit: UnitOfWork) -> None:
        books = subject.books(unit)
        book = a_book()
        for use in (
            lambda: books.get_by_id(book.id),
            lambda: books.add(book),
            lambda: books.update(book),
            lambda: books.delete(book.id),
            books.list,
            books.count,
            books.exists,
            unit.commit,
            unit.savepoint().__aenter__,
        ):
            with pytest.raises(UnitOfWorkStateError):
                await use()
        with pytest.raises(UnitOfWorkStateError):
            unit.invalidate("tag")
