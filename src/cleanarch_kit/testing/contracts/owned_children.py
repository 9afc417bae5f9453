"""The contract that a repository keeps whose aggregates own children."""

from cleanarch_kit.testing.contracts.owned_searching import OwnedSearchingContract
from cleanarch_kit.testing.contracts.owned_storing import OwnedStoringContract

__all__ = ["OwnedChildrenContract"]


class OwnedChildrenContract(OwnedStoringContract, OwnedSearchingContract):
    """Proves that a repository stores aggregates as a whole: subclass it, and give it the adapter as a fixture.

        class TestOurOrders(OwnedChildrenContract):
            @pytest.fixture
            def subject(self, database: Database) -> OwnedSubject:
                return OwnedSubject(partial(OurUnitOfWork, database), OurOrders)

    Where a store knows unique keys, the ``sku`` of a line is unique within its order.
    """
