"""A unit of work without a database, which behaves like one with."""

from cleanarch_kit.adapters.memory.store import InMemoryStore
from cleanarch_kit.adapters.memory.transaction import InMemoryTransaction
from cleanarch_kit.application.ports.event_publisher import EventPublisher
from cleanarch_kit.application.ports.outbox import OutboxWriter
from cleanarch_kit.application.tracking.after_commit import ErrorReport, TagInvalidator
from cleanarch_kit.application.tracking.row_scopes import RowScopes
from cleanarch_kit.application.tracking.unit_of_work import TrackingUnitOfWork

__all__ = ["InMemoryUnitOfWork"]


class InMemoryUnitOfWork(TrackingUnitOfWork[InMemoryTransaction]):
    """A unit of work over an `InMemoryStore`, isolated as READ COMMITTED is.

    Args:
        store: what is committed.
        publisher: is given the events after the commit.
        outbox: stores the events in the transaction.
        cache: is told the tags of `invalidate` after the commit.
        read_only: refuse every change.
        scopes: criteria, by type of entity, outside of which nothing can be read, changed or added, see `RowScopes`.
        on_after_commit_error: is called with each error that is raised after the commit, which stands all the same.

    Attributes:
        store: as given.
    """

    def __init__(
        self,
        store: InMemoryStore,
        *,
        publisher: EventPublisher | None = None,
        outbox: OutboxWriter[InMemoryTransaction] | None = None,
        cache: TagInvalidator | None = None,
        read_only: bool = False,
        scopes: RowScopes | None = None,
        on_after_commit_error: ErrorReport | None = None,
    ) -> None:
        super().__init__(
            InMemoryTransaction(store),
            publisher=publisher,
            outbox=outbox,
            cache=cache,
            read_only=read_only,
            scopes=scopes,
            on_after_commit_error=on_after_commit_error,
        )
        self.store = store
