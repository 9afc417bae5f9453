"""Adapters without a technology: everything is held in this process."""

from cleanarch_kit.adapters.memory.cache import InMemoryCacheBackend
from cleanarch_kit.adapters.memory.event_publisher import InMemoryEventPublisher
from cleanarch_kit.adapters.memory.event_sink import InMemoryEventSink
from cleanarch_kit.adapters.memory.idempotency import InMemoryIdempotencyStore
from cleanarch_kit.adapters.memory.inbox import InMemoryInbox
from cleanarch_kit.adapters.memory.outbox import InMemoryOutbox
from cleanarch_kit.adapters.memory.repository import InMemoryRepository
from cleanarch_kit.adapters.memory.store import InMemoryStore, UniqueKeys
from cleanarch_kit.adapters.memory.unit_of_work import InMemoryUnitOfWork

__all__ = [
    "InMemoryCacheBackend",
    "InMemoryEventPublisher",
    "InMemoryEventSink",
    "InMemoryIdempotencyStore",
    "InMemoryInbox",
    "InMemoryOutbox",
    "InMemoryRepository",
    "InMemoryStore",
    "InMemoryUnitOfWork",
    "UniqueKeys",
]
