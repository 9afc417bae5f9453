"""The contract that every unit of work keeps."""

from cleanarch_kit.testing.contracts.committing import CommittingContract
from cleanarch_kit.testing.contracts.interrupting import InterruptingContract
from cleanarch_kit.testing.contracts.transacting import TransactingContract

__all__ = ["UnitOfWorkContract"]


class UnitOfWorkContract(TransactingContract, CommittingContract, InterruptingContract):
    """Proves a unit of work: subclass it, and give it the adapter as a fixture, as for `RepositoryContract`."""
