"""Adapters without a technology: everything is held in this process."""

from cleanarch_kit.adapters.memory.event_publisher import InMemoryEventPublisher

__all__ = ["InMemoryEventPublisher"]
