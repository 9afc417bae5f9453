"""Adapters without a technology: everything is held in this process."""

from cleanarch_kit.adapters.memory.cache import InMemoryCacheBackend
from cleanarch_kit.adapters.memory.event_publisher import InMemoryEventPublisher
from cleanarch_kit.adapters.memory.event_sink import InMemoryEventSink

__all__ = [
    "InMemoryCacheBackend",
    "InMemoryEventPublisher",
    "InMemoryEventSink",
]
