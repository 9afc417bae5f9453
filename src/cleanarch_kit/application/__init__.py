"""The application ring: messages and their handlers, the bus, and the ports that adapters fill.

It imports `cleanarch_kit.domain` and `cleanarch_kit.errors`, and no technology.
"""

from cleanarch_kit.application.backoff import Backoff, full_jitter
from cleanarch_kit.application.bus import MessageBus
from cleanarch_kit.application.cache import Cache
from cleanarch_kit.application.cache_store import CacheStatistics
from cleanarch_kit.application.cached import CachedFunction, CachedMethod, cached
from cleanarch_kit.application.context import MessageContext, current_context, message_context
from cleanarch_kit.application.cursor import CursorCodec
from cleanarch_kit.application.envelope import Envelope
from cleanarch_kit.application.event_delivery import (
    Concurrent,
    DeliveryPolicy,
    FailFast,
    LogAndContinue,
)
from cleanarch_kit.application.event_registry import EventRegistry
from cleanarch_kit.application.handlers import handles, on
from cleanarch_kit.application.in_thread import in_thread
from cleanarch_kit.application.messages import Command, Message, Query, StreamQuery
from cleanarch_kit.application.middleware.only import only
from cleanarch_kit.application.middleware.protocol import (
    Middleware,
    MiddlewareFactory,
    Next,
    Placement,
    ScopedMiddleware,
)
from cleanarch_kit.application.pagination import CursorPage, CursorRequest, Page, PageRequest, Slice
from cleanarch_kit.application.ports.cache import CacheBackend, CacheEntry
from cleanarch_kit.application.ports.event_publisher import EventPublisher
from cleanarch_kit.application.ports.event_sink import EventSink
from cleanarch_kit.application.ports.inbox import Inbox
from cleanarch_kit.application.ports.message_bus import CommandBus, QueryBus
from cleanarch_kit.application.ports.outbox import (
    Claim,
    FailedEntry,
    Outbox,
    OutboxEntry,
    OutboxStats,
    OutboxWriter,
    PendingEvent,
)
from cleanarch_kit.application.ports.password_hasher import PasswordHasher
from cleanarch_kit.application.ports.repository import Identified, Repository, SearchableRepository
from cleanarch_kit.application.ports.unit_of_work import CommitCallback, UnitOfWork, current_unit_of_work
from cleanarch_kit.application.relay import Relay, RelayReport
from cleanarch_kit.application.scope import Resolve, Scope, provide
from cleanarch_kit.application.serialization import Codec, codec
from cleanarch_kit.application.sorting import SortFields
from cleanarch_kit.application.upcasting import EventFields, Upcaster, upcasts
from cleanarch_kit.application.wake_up import Signal, WakeUp

__all__ = [
    "Backoff",
    "Cache",
    "CacheBackend",
    "CacheEntry",
    "CacheStatistics",
    "CachedFunction",
    "CachedMethod",
    "Claim",
    "Codec",
    "Command",
    "CommandBus",
    "CommitCallback",
    "Concurrent",
    "CursorCodec",
    "CursorPage",
    "CursorRequest",
    "DeliveryPolicy",
    "Envelope",
    "EventFields",
    "EventPublisher",
    "EventRegistry",
    "EventSink",
    "FailFast",
    "FailedEntry",
    "Identified",
    "Inbox",
    "LogAndContinue",
    "Message",
    "MessageBus",
    "MessageContext",
    "Middleware",
    "MiddlewareFactory",
    "Next",
    "Outbox",
    "OutboxEntry",
    "OutboxStats",
    "OutboxWriter",
    "Page",
    "PageRequest",
    "PasswordHasher",
    "PendingEvent",
    "Placement",
    "Query",
    "QueryBus",
    "Relay",
    "RelayReport",
    "Repository",
    "Resolve",
    "Scope",
    "ScopedMiddleware",
    "SearchableRepository",
    "Signal",
    "Slice",
    "SortFields",
    "StreamQuery",
    "UnitOfWork",
    "Upcaster",
    "WakeUp",
    "cached",
    "codec",
    "current_context",
    "current_unit_of_work",
    "full_jitter",
    "handles",
    "in_thread",
    "message_context",
    "on",
    "only",
    "provide",
    "upcasts",
]
