from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from cleanarch_kit.application import CommitCallback, UnitOfWork, current_unit_of_work


class Foreign(UnitOfWork):
    """One that is written from nothing but the port."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        raise NotImplementedError

    def invalidate(self, *tags: str) -> None: ...

    def before_commit(self, callback: CommitCallback) -> None: ...

    def after_commit(self, callback: CommitCallback) -> None: ...

    @property
    def changed(self) -> bool:
        return False


def test_one_that_does_not_know_whether_it_has_read_says_so() -> None:
    assert Foreign().has_read


def test_none_is_current_where_none_is_open() -> None:
    assert current_unit_of_work.get() is None
