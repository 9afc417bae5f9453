"""Every error that cleanarch_kit raises, in one tree.

```
CleanArchError
├── DomainError                        a rule of the domain was broken; derive your own from it
│   ├── InvalidValueError              (also InputError) a value object refused its input
│   └── CurrencyMismatchError          (also ValueError) two amounts of different currencies met
├── InputError                         (also ValueError) what came from outside is not acceptable
│   ├── InvalidPageError               page or size out of bounds
│   ├── InvalidCursorError             a cursor that this ordering did not issue
│   └── InvalidSortError               a sort field that is not on the allow-list
├── NotFoundError                      (also LookupError) no such entity
├── StorageError                       the store refused or failed; the driver's error is on ``.orig``
│   ├── DuplicateError                 a unique constraint
│   ├── ForeignKeyError                a foreign key constraint
│   ├── ConcurrencyError               somebody else saved the aggregate first
│   ├── TransientError                 try the whole use case again: nothing was committed
│   ├── CommitOutcomeUnknownError      the reply to COMMIT was lost: it may or may not be committed
│   ├── RefusedValueError              (also InputError) a value that a column or a check does not take
│   ├── StorageFullError               no space left
│   └── CorruptRowError                a stored row is not a valid entity
├── UnitOfWorkStateError               a unit of work was used out of turn
├── OutOfScopeError                    an entity outside of the row scope was to be added or saved
├── EngineOwnershipError               (also RuntimeError) a database engine was used by another event loop or process
├── SerializationError                 (also ValueError) a value without a JSON form, or data that is no such value
├── EventError                         events on their way out or in
│   ├── EventEncodingError             an event that cannot be written as data
│   ├── EventDecodingError             data that is not the event it says it is
│   └── UnknownEventError              a name and version that the registry does not know
├── DefinitionError                    (also TypeError) the program is put together wrongly
│   ├── MappingError                   entity and table do not fit
│   ├── DuplicateEventTypeError        two event classes of one name and version
│   ├── DuplicateHandlerError          two handlers of one message
│   └── DependencyError                a handler's dependency cannot be resolved
├── HandlerNotFoundError               (also LookupError) nobody handles this message
├── HandlerTimeoutError                (also TimeoutError) a message was not handled in time
├── AccessDeniedError                  the policy of a message refused its caller
├── IdempotencyConflictError           the same request is being handled already
└── MissingExtraError                  (also ImportError) an optional dependency is not installed
```

Each error keeps what it knows as attributes and builds its text from them. No text and no traceback shows user
data or a driver's message: what the driver said is on ``.orig``, for the debugger and not for the log.
All of them survive pickling, so that they can cross a process boundary.
"""

from dataclasses import dataclass, fields, is_dataclass
from uuid import UUID

__all__ = [
    "AccessDeniedError",
    "CleanArchError",
    "CommitOutcomeUnknownError",
    "ConcurrencyError",
    "CorruptRowError",
    "CurrencyMismatchError",
    "DefinitionError",
    "DependencyError",
    "DomainError",
    "DuplicateError",
    "DuplicateEventTypeError",
    "DuplicateHandlerError",
    "EngineOwnershipError",
    "EventDecodingError",
    "EventEncodingError",
    "EventError",
    "ForeignKeyError",
    "HandlerNotFoundError",
    "HandlerTimeoutError",
    "IdempotencyConflictError",
    "InputError",
    "InvalidCursorError",
    "InvalidPageError",
    "InvalidSortError",
    "InvalidValueError",
    "MappingError",
    "MissingExtraError",
    "NotFoundError",
    "OutOfScopeError",
    "RefusedValueError",
    "SerializationError",
    "StorageError",
    "StorageFullError",
    "TransientError",
    "UnitOfWorkStateError",
    "UnknownEventError",
]


class CleanArchError(Exception):
    """Root of the tree: catch it to catch everything that is ours and nothing that is not."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        if not is_dataclass(self):
            return super().__reduce__()
        return type(self), tuple(getattr(self, field.name) for field in fields(self))


# --- the domain -------------------------------------------------------------------------
class DomainError(CleanArchError):
    """A rule of the domain was broken. Derive the errors of your own domain from it."""


class InputError(CleanArchError, ValueError):
    """What came from outside is not acceptable; the caller, not the program, is at fault."""


@dataclass(eq=False, repr=False)
class InvalidValueError(DomainError, InputError):
    """A value object refused its input.

    Attributes:
        value_type: name of the value's type, for example ``"Email"``.
        rule: the rule that was broken, as a phrase that never contains the input.
    """

    value_type: str
    rule: str

    def __str__(self) -> str:
        return f"{self.value_type} {self.rule}"


@dataclass(eq=False, repr=False)
class CurrencyMismatchError(DomainError, ValueError):
    """Two amounts of different currencies were added, subtracted or compared.

    Attributes:
        left: currency code of the left operand.
        right: currency code of the right operand.
    """

    left: str
    right: str

    def __str__(self) -> str:
        return f"amounts in {self.left} and {self.right} do not mix: convert one of them first"


# --- input that is no value object -------------------------------------------------------
@dataclass(eq=False, repr=False)
class InvalidPageError(InputError):
    """A page request is out of bounds.

    Attributes:
        field: the field at fault, for example ``"page"``.
        rule: what the field must be.
    """

    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field} {self.rule}"


@dataclass(eq=False, repr=False)
class InvalidCursorError(InputError):
    """A cursor was not issued for this ordering, or was changed on its way.

    Attributes:
        reason: what is wrong with it, never the cursor itself.
    """

    reason: str

    def __str__(self) -> str:
        return f"invalid cursor: {self.reason}; start again without a cursor"


@dataclass(eq=False, repr=False)
class InvalidSortError(InputError):
    """A sort field is not on the allow-list.

    Attributes:
        allowed: the names that may be used.
    """

    allowed: tuple[str, ...]

    def __str__(self) -> str:
        return f"unknown sort field; use one of: {', '.join(self.allowed) or '(none is allowed here)'}"


# --- the store ----------------------------------------------------------------------------
def _shown(identity: object) -> str:
    """Text of an identity that can hold no user data: a number or a UUID, bare or in a one-field value."""
    bare = getattr(identity, "value", identity)
    return f" {bare}" if isinstance(bare, int | UUID) else ""


@dataclass(eq=False, repr=False)
class NotFoundError(CleanArchError, LookupError):
    """No entity has this identity.

    Attributes:
        entity: name of the entity's type.
        id: the identity that was asked for; shown in the text only if it is a number or a UUID.
    """

    entity: str
    id: object

    def __str__(self) -> str:
        return f"{self.entity}{_shown(self.id)} does not exist"


class StorageError(CleanArchError):
    """The store refused or failed.

    Attributes:
        orig: the driver's own error, or None. Its text may hold user data: never log it unseen.
    """

    orig: BaseException | None = None


@dataclass(eq=False, repr=False)
class DuplicateError(StorageError):
    """A unique constraint refused a row.

    Attributes:
        constraint: its name; ``"primary_key"`` for a primary key, None where the store does not tell.
    """

    constraint: str | None

    def __str__(self) -> str:
        return f"a row with this key exists already (unique constraint {self.constraint or 'not named by the store'})"


@dataclass(eq=False, repr=False)
class ForeignKeyError(StorageError):
    """A foreign key constraint refused a row.

    Attributes:
        constraint: its name, or None where the store does not tell.
    """

    constraint: str | None

    def __str__(self) -> str:
        return (
            "a row refers to one that does not exist, or is still referred to"
            f" (foreign key {self.constraint or 'not named by the store'})"
        )


@dataclass(eq=False, repr=False)
class ConcurrencyError(StorageError):
    """Somebody else saved or deleted the aggregate since it was loaded. Load it again and decide again.

    Attributes:
        entity: name of the aggregate's type.
        id: its identity.
        expected: the version that was loaded.
    """

    entity: str
    id: object
    expected: int | None

    def __str__(self) -> str:
        return (
            f"{self.entity}{_shown(self.id)} was changed by somebody else since version {self.expected} was loaded:"
            " load it again and repeat the use case"
        )


@dataclass(eq=False, repr=False)
class TransientError(StorageError):
    """The store failed in a way that passes: nothing was committed, the whole use case may be tried again.

    Attributes:
        reason: what happened, for example ``"deadlock"``.
    """

    reason: str

    def __str__(self) -> str:
        return f"the store could not serve this unit of work ({self.reason}): repeat the whole use case with a new one"


@dataclass(eq=False, repr=False)
class CommitOutcomeUnknownError(StorageError):
    """COMMIT was sent and no reply came: it may or may not have taken effect.

    It is no `TransientError`, because repeating a command that did take effect would do it twice. Repeat it only
    under an idempotency key, or look first.
    """

    def __str__(self) -> str:
        return (
            "the reply to COMMIT was lost, so the transaction may or may not have been committed:"
            " repeat it only with an idempotency key"
        )


@dataclass(eq=False, repr=False)
class RefusedValueError(StorageError, InputError):
    """The store does not take a value: it is too long, out of range, missing, or against a check.

    Attributes:
        rule: what the value must be, never the value itself.
        constraint: name of the check that refused it, or None.
    """

    rule: str
    constraint: str | None = None

    def __str__(self) -> str:
        check = f" (constraint {self.constraint})" if self.constraint else ""
        return f"the store refused a value{check}: it {self.rule}"


@dataclass(eq=False, repr=False)
class StorageFullError(StorageError):
    """The store has no space left; nothing was committed."""

    def __str__(self) -> str:
        return "the store has no space left: free some before trying again"


@dataclass(eq=False, repr=False)
class CorruptRowError(StorageError):
    """A stored row is not a valid entity.

    Attributes:
        entity: name of the entity's type.
        id: the row's identity.
        field: the entity's field that could not be built, or None where the entity as a whole was refused.
    """

    entity: str
    id: object
    field: str | None

    def __str__(self) -> str:
        where = f"field {self.field!r}" if self.field else "row"
        return f"the stored {where} of {self.entity}{_shown(self.id)} is not valid: mend the row, then load it again"


@dataclass(eq=False, repr=False)
class UnitOfWorkStateError(CleanArchError):
    """A unit of work was used out of turn: after its end, from two tasks at once, or after a failed statement.

    Attributes:
        problem: what was done, and what to do instead.
    """

    problem: str

    def __str__(self) -> str:
        return self.problem


@dataclass(eq=False, repr=False)
class OutOfScopeError(CleanArchError):
    """An entity outside of the row scope of a unit of work was to be added to it, or changed so that it leaves it.

    The program, not its caller, is at fault: it works on what belongs to somebody else.

    Attributes:
        entity: name of the entity's type.
        id: its identity.
    """

    entity: str
    id: object

    def __str__(self) -> str:
        return (
            f"{self.entity}{_shown(self.id)} lies outside of the row scope of this unit of work, which cannot save it:"
            " leave the fields that the scope compares as they are, or use a unit of work whose scope holds it"
        )


@dataclass(eq=False, repr=False)
class EngineOwnershipError(CleanArchError, RuntimeError):
    """A database engine was used by another event loop, or by a process forked after it had connected.

    Attributes:
        problem: what was done, and what to do instead.
    """

    problem: str

    def __str__(self) -> str:
        return self.problem


# --- data and events ------------------------------------------------------------------------
@dataclass(eq=False, repr=False)
class SerializationError(CleanArchError, ValueError):
    """A value cannot be written as data, or data is not the value it should be.

    Attributes:
        type_name: name of the declared type.
        field: the type's own field at fault, or None where it is the value as a whole.
        rule: what the value must be.
    """

    type_name: str
    field: str | None
    rule: str

    def __str__(self) -> str:
        where = f"field {self.field!r} of {self.type_name}" if self.field else self.type_name
        return f"{where} {self.rule}"


@dataclass(eq=False, repr=False)
class EventError(CleanArchError):
    """An event could not make its way out or in.

    Attributes:
        event_type: the event's name and version, for example ``"shop.order.placed.v1"``.
    """

    event_type: str


@dataclass(eq=False, repr=False)
class EventEncodingError(EventError):
    """An event cannot be written as data. Raised before anything is stored.

    Attributes:
        field: the field at fault, or None where it is the event as a whole.
        rule: what the field must be.
    """

    field: str | None
    rule: str

    def __str__(self) -> str:
        where = f"field {self.field!r} of event" if self.field else "event"
        return f"{where} {self.event_type} {self.rule}"


@dataclass(eq=False, repr=False)
class EventDecodingError(EventError):
    """Data is not the event it says it is.

    Attributes:
        rule: what the data must be.
    """

    rule: str

    def __str__(self) -> str:
        return f"the data of event {self.event_type} {self.rule}"


class UnknownEventError(EventError):
    """The registry knows no event of this name and version."""

    def __str__(self) -> str:
        return f"no event class is registered for {self.event_type}: add it to the EventRegistry, or add an upcaster"


# --- the program itself -----------------------------------------------------------------------
@dataclass(eq=False, repr=False)
class DefinitionError(CleanArchError, TypeError):
    """The program is put together wrongly; raised when it is built, not when it runs.

    Attributes:
        problem: what is wrong, where, and how to mend it.
    """

    problem: str

    def __str__(self) -> str:
        return self.problem


class MappingError(DefinitionError):
    """The fields of an entity and the columns of its table do not fit."""


class DuplicateEventTypeError(DefinitionError):
    """Two event classes have one name and version."""


class DuplicateHandlerError(DefinitionError):
    """Two handlers were given for one message."""


class DependencyError(DefinitionError):
    """A dependency of a handler cannot be resolved."""


@dataclass(eq=False, repr=False)
class HandlerNotFoundError(CleanArchError, LookupError):
    """The bus was built without a handler for this message.

    Attributes:
        message_type: qualified name of the message's type.
    """

    message_type: str

    def __str__(self) -> str:
        return f"no handler for {self.message_type}: give the bus one that is marked with @handles"


@dataclass(eq=False, repr=False)
class HandlerTimeoutError(CleanArchError, TimeoutError):
    """A message was not handled in time, and its handler was cancelled.

    Attributes:
        message_type: qualified name of the message's type.
        seconds: how long it was given.
    """

    message_type: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.message_type} was not handled within {self.seconds:g} seconds:"
            " it may have taken effect all the same, so look before you repeat it"
        )


@dataclass(eq=False, repr=False)
class AccessDeniedError(CleanArchError):
    """The policy of a message refused its caller; the handler did not run.

    Attributes:
        message_type: qualified name of the message's type.
    """

    message_type: str

    def __str__(self) -> str:
        return f"the caller is not allowed to have {self.message_type} handled"


@dataclass(eq=False, repr=False)
class IdempotencyConflictError(CleanArchError):
    """The same request is being handled already, or how it ended is not known yet."""

    def __str__(self) -> str:
        return "the same request is being handled already: ask again later, with the same idempotency key"


@dataclass(eq=False, repr=False)
class MissingExtraError(CleanArchError, ImportError):
    """An optional dependency is not installed.

    Attributes:
        extra: the extra of cleanarch-kit that installs it.
    """

    extra: str

    def __str__(self) -> str:
        return f"this needs the extra {self.extra!r}: pip install 'cleanarch-kit[{self.extra}]'"
