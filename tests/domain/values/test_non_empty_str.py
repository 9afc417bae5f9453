from typing import Any

import pytest

from cleanarch_kit.domain import NonEmptyStr
from cleanarch_kit.errors import InvalidValueError

RULE = "must have at least one visible character"


class Title(NonEmptyStr):
    max_length = 5


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a", "a"),
        ("  Ada Lovelace\t\n", "Ada Lovelace"),
        ("two\nlines", "two\nlines"),
        ("日本", "日本"),
        ("👍", "👍"),
        ("👨\u200d👩", "👨\u200d👩"),
        ("x" * 1000, "x" * 1000),
        (" " * 5_000 + "x", "x"),
    ],
)
def test_the_white_space_around_goes(given: str, kept: str) -> None:
    assert NonEmptyStr(given).value == kept


@pytest.mark.parametrize(
    ("cls", "bad", "message"),
    [
        (NonEmptyStr, "", f"NonEmptyStr {RULE}"),
        (NonEmptyStr, " \t\n\u00a0\u2003", f"NonEmptyStr {RULE}"),
        (NonEmptyStr, "\u200b\u2060\ufeff", f"NonEmptyStr {RULE}"),
        (NonEmptyStr, "\x01\x7f", f"NonEmptyStr {RULE}"),
        (NonEmptyStr, "x" * 1001, "NonEmptyStr must have at most 1000 characters"),
        (NonEmptyStr, "a\0", "NonEmptyStr must not contain NUL"),
        (NonEmptyStr, "a\ud800", "NonEmptyStr must not contain lone surrogates"),
        (NonEmptyStr, 5, "NonEmptyStr must be text"),
        (NonEmptyStr, None, "NonEmptyStr must be text"),
        (Title, "123456", "Title must have at most 5 characters"),
        (Title, "", f"Title {RULE}"),
    ],
)
def test_anything_else_is_refused(cls: type[NonEmptyStr], bad: Any, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        cls(bad)
    assert str(caught.value) == message
