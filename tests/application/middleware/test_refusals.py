"""A refusal says no; everything else says that something is broken."""

import pytest

from cleanarch_kit.application.middleware.refusals import is_refusal
from cleanarch_kit.errors import (
    AccessDeniedError,
    ConcurrencyError,
    CurrencyMismatchError,
    InvalidValueError,
    NotFoundError,
    TransientError,
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CurrencyMismatchError("EUR", "USD"), True),
        (InvalidValueError("Email", "must contain one @"), True),
        (NotFoundError("User", 1), True),
        (AccessDeniedError("CreateUser"), True),
        (ConcurrencyError("User", 1, 2), False),
        (TransientError("deadlock"), False),
        (ValueError(), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_only_rules_input_and_policies_refuse(error: BaseException, expected: bool) -> None:
    assert is_refusal(error) is expected
