from cleanarch_kit.application.tracking.transaction import Savepoint, Transaction


class Minimal(Transaction[str]):
    """What an adapter has to write at least."""

    @property
    def connection(self) -> str:
        return "connection"

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...

    async def close(self) -> None: ...

    async def savepoint(self) -> Savepoint:
        return self


async def test_a_transaction_may_begin_with_its_first_statement() -> None:
    """So that there is nothing to do before, unless a store wants it."""
    transaction = Minimal()
    await transaction.begin()
    assert transaction.connection == "connection"
    assert await transaction.savepoint() is transaction
