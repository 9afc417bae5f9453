"""Every message once by its text, the tree as it is drawn, and what a log may show."""

import pickle
import re
import traceback
from uuid import UUID

import pytest

from cleanarch_kit import errors
from cleanarch_kit.domain.identity import EntityId
from cleanarch_kit.errors import CleanArchError

UUID_7 = UUID("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")


class UserId(EntityId):
    """An identity that wraps a UUID."""


TEXTS: list[tuple[CleanArchError, str]] = [
    (errors.InvalidValueError("Email", "must contain one @"), "Email must contain one @"),
    (
        errors.CurrencyMismatchError("EUR", "USD"),
        "amounts in EUR and USD do not mix: convert one of them first",
    ),
    (errors.InvalidPageError("page", "must be at least 1"), "page must be at least 1"),
    (
        errors.InvalidCursorError("it belongs to another ordering"),
        "invalid cursor: it belongs to another ordering; start again without a cursor",
    ),
    (errors.InvalidSortError(("email", "name")), "unknown sort field; use one of: email, name"),
    (errors.InvalidSortError(()), "unknown sort field; use one of: (none is allowed here)"),
    (errors.NotFoundError("User", UserId(UUID_7)), f"User {UUID_7} does not exist"),
    (errors.NotFoundError("User", 7), "User 7 does not exist"),
    (errors.NotFoundError("User", "ada@example.com"), "User does not exist"),
    (
        errors.DuplicateError("uq_users_email"),
        "a row with this key exists already (unique constraint uq_users_email)",
    ),
    (
        errors.DuplicateError(None),
        "a row with this key exists already (unique constraint not named by the store)",
    ),
    (
        errors.ForeignKeyError("fk_orders_user"),
        "a row refers to one that does not exist, or is still referred to (foreign key fk_orders_user)",
    ),
    (
        errors.ForeignKeyError(None),
        "a row refers to one that does not exist, or is still referred to (foreign key not named by the store)",
    ),
    (
        errors.ConcurrencyError("User", 7, 3),
        "User 7 was changed by somebody else since version 3 was loaded: load it again and repeat the use case",
    ),
    (
        errors.TransientError("deadlock"),
        "the store could not serve this unit of work (deadlock): repeat the whole use case with a new one",
    ),
    (
        errors.CommitOutcomeUnknownError(),
        "the reply to COMMIT was lost, so the transaction may or may not have been committed:"
        " repeat it only with an idempotency key",
    ),
    (errors.StorageFullError(), "the store has no space left: free some before trying again"),
    (
        errors.CorruptRowError("User", 7, "email"),
        "the stored field 'email' of User 7 is not valid: mend the row, then load it again",
    ),
    (
        errors.CorruptRowError("User", "ada@example.com", None),
        "the stored row of User is not valid: mend the row, then load it again",
    ),
    (
        errors.RefusedValueError("is too long for its column"),
        "the store refused a value: it is too long for its column",
    ),
    (
        errors.RefusedValueError("breaks a rule of its table", "ck_users_age"),
        "the store refused a value (constraint ck_users_age): it breaks a rule of its table",
    ),
    (
        errors.UnitOfWorkStateError("this unit of work has ended: open a new one"),
        "this unit of work has ended: open a new one",
    ),
    (
        errors.OutOfScopeError("User", 7),
        "User 7 lies outside of the row scope of this unit of work, which cannot save it: leave the fields that the"
        " scope compares as they are, or use a unit of work whose scope holds it",
    ),
    (
        errors.EngineOwnershipError("this engine belongs to another event loop"),
        "this engine belongs to another event loop",
    ),
    (errors.SerializationError("Order", "note", "must be text"), "field 'note' of Order must be text"),
    (errors.SerializationError("Order", None, "must be an object"), "Order must be an object"),
    (
        errors.EventEncodingError("shop.placed.v1", "note", "must not contain NUL"),
        "field 'note' of event shop.placed.v1 must not contain NUL",
    ),
    (
        errors.EventEncodingError("shop.placed.v1", None, "must be at most 256 KiB"),
        "event shop.placed.v1 must be at most 256 KiB",
    ),
    (
        errors.EventDecodingError("shop.placed.v1", "must be a JSON object"),
        "the data of event shop.placed.v1 must be a JSON object",
    ),
    (
        errors.UnknownEventError("shop.placed.v1"),
        "no event class is registered for shop.placed.v1: add it to the EventRegistry, or add an upcaster",
    ),
    (errors.MappingError("User.name has no column"), "User.name has no column"),
    (errors.DuplicateEventTypeError("two classes are shop.placed.v1"), "two classes are shop.placed.v1"),
    (errors.DuplicateHandlerError("two handlers of CreateUser"), "two handlers of CreateUser"),
    (errors.DependencyError("Clock is not provided"), "Clock is not provided"),
    (
        errors.HandlerNotFoundError("users.CreateUser"),
        "no handler for users.CreateUser: give the bus one that is marked with @handles",
    ),
    (
        errors.HandlerTimeoutError("CreateUser", 2.5),
        "CreateUser was not handled within 2.5 seconds: it may have taken effect all the same, so look before you"
        " repeat it",
    ),
    (errors.AccessDeniedError("CreateUser"), "the caller is not allowed to have CreateUser handled"),
    (
        errors.IdempotencyConflictError(),
        "the same request is being handled already: ask again later, with the same idempotency key",
    ),
    (errors.MissingExtraError("redis"), "this needs the extra 'redis': pip install 'cleanarch-kit[redis]'"),
]
BRANCHES = {  # caught, never raised themselves
    errors.CleanArchError,
    errors.DefinitionError,
    errors.DomainError,
    errors.EventError,
    errors.InputError,
    errors.StorageError,
}
ALL = {vars(errors)[name] for name in errors.__all__}


@pytest.mark.parametrize(("error", "text"), TEXTS, ids=[type(error).__name__ for error, _ in TEXTS])
def test_text(error: CleanArchError, text: str) -> None:
    assert str(error) == text
    assert repr(error) == f"<{type(error).__name__}: {text}>"
    assert "".join(traceback.format_exception_only(error)).strip().endswith(text)


def test_every_error_has_its_text_tested() -> None:
    assert {type(error) for error, _ in TEXTS} | BRANCHES == ALL


@pytest.mark.parametrize("error", [error for error, _ in TEXTS], ids=lambda error: type(error).__name__)
def test_errors_cross_a_process_boundary_without_the_driver_s_own(error: CleanArchError) -> None:
    if isinstance(error, errors.StorageError):
        error.orig = OSError("the driver's words")
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert getattr(twin, "orig", None) is None


def test_an_error_derived_by_a_user_without_fields_pickles_too() -> None:
    twin = pickle.loads(pickle.dumps(errors.DomainError("the order is closed")))
    assert (type(twin), str(twin)) == (errors.DomainError, "the order is closed")


def test_the_tree_is_as_it_is_drawn() -> None:
    drawn: dict[str, tuple[str, str | None]] = {}
    branch = ["CleanArchError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"((?:│   |    )*)(?:├── |└── )(\w+)(?:\s+\(also (\w+)\))?", line):
            del branch[len(found[1]) // 4 + 1 :]
            drawn[found[2]] = (branch[-1], found[3])
            branch.append(found[2])
    assert drawn.keys() | {"CleanArchError"} == set(errors.__all__)
    for name, (parent, also) in drawn.items():
        bases = [base.__name__ for base in vars(errors)[name].__bases__]
        assert bases == [parent, *([also] if also else [])]
