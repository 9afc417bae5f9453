"""The application ring: messages and their handlers, the bus, and the ports that adapters fill.

It imports `cleanarch_kit.domain` and `cleanarch_kit.errors`, and no technology.
"""

from cleanarch_kit.application.backoff import Backoff, full_jitter
from cleanarch_kit.application.blocking import in_thread
from cleanarch_kit.application.bus import MessageBus
from cleanarch_kit.application.cache import Cache
from cleanarch_kit.application.cached_function import CachedFunction, CachedMethod, cached
from cleanarch_kit.application.caching.store import CacheStatistics
from cleanarch_kit.application.context import MessageContext, current_context, message_context
from cleanarch_kit.application.dispatch.dependencies import Dependency
from cleanarch_kit.application.dispatch.event_delivery import (
    Concurrent,
    DeliveryPolicy,
    FailFast,
    LogAndContinue,
)
from cleanarch_kit.application.events.envelope import Envelope
from cleanarch_kit.application.events.registry import EventRegistry
from cleanarch_kit.application.events.relay import Relay, RelayReport
from cleanarch_kit.application.events.upcasting import EventFields, Upcaster, upcasts
from cleanarch_kit.application.events.wake_up import Signal, WakeUp
from cleanarch_kit.application.handlers import handles, on
from cleanarch_kit.application.hooks import dec_hook, enc_hook, json_default
from cleanarch_kit.application.messages import Command, Message, Query, StreamQuery
from cleanarch_kit.application.middleware.authorization import Authorization, anyone, policy
from cleanarch_kit.application.middleware.correlation import Correlation
from cleanarch_kit.application.middleware.idempotency import Idempotency, idempotent
from cleanarch_kit.application.middleware.logging import Logging
from cleanarch_kit.application.middleware.only import only
from cleanarch_kit.application.middleware.protocol import (
    Middleware,
    MiddlewareFactory,
    Next,
    NextStream,
    Placement,
    ScopedMiddleware,
    StreamMiddleware,
)
from cleanarch_kit.application.middleware.query_cache import QueryCache, cached_query
from cleanarch_kit.application.middleware.retry import Retry
from cleanarch_kit.application.middleware.timeout import Timeout
from cleanarch_kit.application.middleware.validation import Validation, rule
from cleanarch_kit.application.pagination.cursor import CursorCodec
from cleanarch_kit.application.pagination.pages import CursorPage, CursorRequest, Page, PageRequest, Slice
from cleanarch_kit.application.pagination.sorting import SortFields
from cleanarch_kit.application.ports.bulk_repository import BulkRepository, Upserted
from cleanarch_kit.application.ports.cache import CacheBackend, CacheEntry
from cleanarch_kit.application.ports.event_publisher import EventPublisher
from cleanarch_kit.application.ports.event_sink import EventSink
from cleanarch_kit.application.ports.idempotency import IdempotencyClaim, IdempotencyStore
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
from cleanarch_kit.application.scope import Resolve, Scope, provide, scope_of
from cleanarch_kit.application.serialization import Codec, codec
from cleanarch_kit.application.tracking.row_scopes import RowScopes

__all__ = [
    "Authorization",
    "Backoff",
    "BulkRepository",
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
    "Correlation",
    "CursorCodec",
    "CursorPage",
    "CursorRequest",
    "DeliveryPolicy",
    "Dependency",
    "Envelope",
    "EventFields",
    "EventPublisher",
    "EventRegistry",
    "EventSink",
    "FailFast",
    "FailedEntry",
    "Idempotency",
    "IdempotencyClaim",
    "IdempotencyStore",
    "Identified",
    "Inbox",
    "LogAndContinue",
    "Logging",
    "Message",
    "MessageBus",
    "MessageContext",
    "Middleware",
    "MiddlewareFactory",
    "Next",
    "NextStream",
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
    "QueryCache",
    "Relay",
    "RelayReport",
    "Repository",
    "Resolve",
    "Retry",
    "RowScopes",
    "Scope",
    "ScopedMiddleware",
    "SearchableRepository",
    "Signal",
    "Slice",
    "SortFields",
    "StreamMiddleware",
    "StreamQuery",
    "Timeout",
    "UnitOfWork",
    "Upcaster",
    "Upserted",
    "Validation",
    "WakeUp",
    "anyone",
    "cached",
    "cached_query",
    "codec",
    "current_context",
    "current_unit_of_work",
    "dec_hook",
    "enc_hook",
    "full_jitter",
    "handles",
    "idempotent",
    "in_thread",
    "json_default",
    "message_context",
    "on",
    "only",
    "policy",
    "provide",
    "rule",
    "scope_of",
    "upcasts",
]
