"""The part of the unit of work contract about cancellation, at every point where it may come."""

from importlib.util import find_spec
from typing import ClassVar

from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.testing.cancellation import CancellationStyle, cancel_everywhere
from cleanarch_kit.testing.contracts.committing import Log
from cleanarch_kit.testing.contracts.subject import Contract, Subject, a_book

__all__ = ["InterruptingContract"]


class InterruptingContract(Contract):
    """Nothing leaks, nothing is half done, and nothing is published that was not committed.

    Attributes:
        styles: the ways of cancelling that are tried; by default all, and that with anyio where it is installed.
    """

    styles: ClassVar[tuple[CancellationStyle, ...]] = tuple(
        style for style in CancellationStyle if style is not CancellationStyle.SCOPE or find_spec("anyio")
    )

    async def test_a_cancellation_anywhere_leaks_nothing(self, subject: Subject) -> None:
        for style in self.styles:
            await self._sweep(subject, style)

    async def _sweep(self, subject: Subject, style: CancellationStyle) -> None:
        log = Log()
        stored = a_book("stored", rank=0)
        await subject.add_books(stored)
        attempts = 0

        def who() -> str:
            return f"{style.name} {attempts}"

        async def scenario() -> None:
            nonlocal attempts
            attempts += 1
            async with subject.unit_of_work(publisher=log, cache=log) as unit:
                books = subject.books(unit)
                loaded = await books.get(stored.id)
                await books.count()
                loaded.rank = attempts
                loaded.rename(f"renamed by {who()}")
                await books.add(a_book(f"added by {who()}"))
                unit.invalidate(f"tag {who()}")
                unit.before_commit(_nothing)
                async with unit.savepoint():
                    await books.add(a_book(f"also added by {who()}"))

        async def verify() -> None:
            assert subject.open_connections() == 0, f"a connection leaked, {style.value}"
            async with subject.unit_of_work() as unit:
                books = subject.books(unit)
                found = await books.get(stored.id)
                committed = found.rank == attempts
                added = [f"added by {who()}", f"also added by {who()}"]
                assert await books.count(lambda b: b.title == added[0]) == int(committed)
                assert await books.count(lambda b: b.title == added[1]) == int(committed)
            published = f"renamed by {who()}" in log.published
            assert published <= committed, f"published without a commit, {style.value}"
            if committed:
                assert f"invalidated tag {who()}" in log.entries, f"committed without invalidation, {style.value}"

        points = await cancel_everywhere(scenario, verify, style=style)
        assert points > 1
        async with subject.unit_of_work() as unit:
            await subject.books(unit).delete(stored.id)


async def _nothing(*events: DomainEvent) -> None:
    """Nothing to do."""
