"""The contract that every repository keeps."""

from cleanarch_kit.testing.contracts.concurrency import ConcurrencyContract
from cleanarch_kit.testing.contracts.scrolling import ScrollingContract
from cleanarch_kit.testing.contracts.searching import SearchingContract
from cleanarch_kit.testing.contracts.storing import StoringContract

__all__ = ["RepositoryContract"]


class RepositoryContract(StoringContract, SearchingContract, ScrollingContract, ConcurrencyContract):
    """Proves a searchable repository: subclass it, and give it the adapter as a fixture.

        class TestOurRepository(RepositoryContract):
            capabilities = frozenset(Capability) - {Capability.SKIP_LOCKED}

            @pytest.fixture
            def subject(self, database: Database) -> Subject:
                return Subject(partial(OurUnitOfWork, database), OurBooks, OurNotes)

    The tests are coroutines: with pytest-asyncio in strict mode, set ``pytestmark = pytest.mark.asyncio`` beside it.
    """
