import pytest

from cleanarch_kit.adapters.memory import InMemoryInbox, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.testing.contracts.inbox import InboxContract, InboxSubject


class TestInMemoryInbox(InboxContract):
    @pytest.fixture
    def subject(self) -> InboxSubject:
        store = InMemoryStore()
        return InboxSubject(lambda read_only: InMemoryUnitOfWork(store, read_only=read_only), InMemoryInbox)
