"""What proves an adapter, and what makes tests of one's own shorter."""

from cleanarch_kit.application.extras import require

require("pytest", "hypothesis", extra="testing")

import pytest

pytest.register_assert_rewrite("cleanarch_kit.testing.contracts", "cleanarch_kit.testing.cancellation")

from cleanarch_kit.testing.cancellation import CancellationStyle, cancel_everywhere, interrupted
from cleanarch_kit.testing.contracts.bulk import BulkContract
from cleanarch_kit.testing.contracts.cache import CacheBackendContract
from cleanarch_kit.testing.contracts.event_sink import EventSinkContract
from cleanarch_kit.testing.contracts.idempotency import IdempotencyStoreContract, OpenStore
from cleanarch_kit.testing.contracts.inbox import InboxContract, InboxSubject
from cleanarch_kit.testing.contracts.isolation import keep_tenants_apart
from cleanarch_kit.testing.contracts.machine import compare_with_a_model
from cleanarch_kit.testing.contracts.outbox import OutboxContract
from cleanarch_kit.testing.contracts.outbox_subject import CONTRACT_EVENTS, OutboxSubject, StoredOutbox, Ticked
from cleanarch_kit.testing.contracts.owned_children import OwnedChildrenContract
from cleanarch_kit.testing.contracts.owned_subject import (
    Address,
    Allocation,
    LineId,
    LineState,
    Order,
    OrderId,
    OrderLine,
    OwnedSubject,
    Parcel,
    Remark,
    Tag,
)
from cleanarch_kit.testing.contracts.repository import RepositoryContract
from cleanarch_kit.testing.contracts.scoping import ScopeContract
from cleanarch_kit.testing.contracts.subject import Book, BookId, Capability, Note, NoteId, Subject
from cleanarch_kit.testing.contracts.unit_of_work import UnitOfWorkContract
from cleanarch_kit.testing.recording import MessageStub, RecordingBus, RecordingEventPublisher, StreamStub

__all__ = [
    "CONTRACT_EVENTS",
    "Address",
    "Allocation",
    "Book",
    "BookId",
    "BulkContract",
    "CacheBackendContract",
    "CancellationStyle",
    "Capability",
    "EventSinkContract",
    "IdempotencyStoreContract",
    "InboxContract",
    "InboxSubject",
    "LineId",
    "LineState",
    "MessageStub",
    "Note",
    "NoteId",
    "OpenStore",
    "Order",
    "OrderId",
    "OrderLine",
    "OutboxContract",
    "OutboxSubject",
    "OwnedChildrenContract",
    "OwnedSubject",
    "Parcel",
    "RecordingBus",
    "RecordingEventPublisher",
    "Remark",
    "RepositoryContract",
    "ScopeContract",
    "StoredOutbox",
    "StreamStub",
    "Subject",
    "Tag",
    "Ticked",
    "UnitOfWorkContract",
    "cancel_everywhere",
    "compare_with_a_model",
    "interrupted",
    "keep_tenants_apart",
]
