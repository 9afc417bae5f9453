from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from cleanarch_kit.adapters.memory import InMemoryOutbox, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.testing.contracts.outbox import OutboxContract
from cleanarch_kit.testing.contracts.outbox_subject import CONTRACT_EVENTS, OutboxSubject


class TestInMemoryOutbox(OutboxContract):
    """Its clock is set by the tests."""

    @pytest.fixture
    def subject(self) -> OutboxSubject:
        self.now = 0.0
        store = InMemoryStore()

        @asynccontextmanager
        async def transaction() -> AsyncGenerator[object]:
            async with InMemoryUnitOfWork(store) as uow:
                yield uow.transaction.connection

        return OutboxSubject(InMemoryOutbox(store, CONTRACT_EVENTS, clock=lambda: self.now), transaction)

    async def let_pass(self, seconds: float) -> None:
        self.now += seconds
