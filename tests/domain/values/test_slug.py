from typing import Any

import pytest

from cleanarch_kit.domain import Slug
from cleanarch_kit.errors import InvalidValueError

RULE = "Slug must consist of small letters a to z and digits, in words joined by single hyphens"


@pytest.mark.parametrize("good", ["a", "0", "clean-code", "clean-code-2", "a-b-c-d", "a" * 100])
def test_a_slug(good: str) -> None:
    assert Slug(good).value == good


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", RULE),
        ("-a", RULE),
        ("a-", RULE),
        ("a--b", RULE),
        ("A", RULE),
        ("a b", RULE),
        ("a_b", RULE),
        ("a/b", RULE),
        ("../a", RULE),
        ("a\n", RULE),
        ("ä", RULE),
        ("ａ", RULE),
        ("٣", RULE),
        ("a\0", "Slug must not contain NUL"),
        ("\ud800", "Slug must not contain lone surrogates"),
        ("a" * 101, "Slug must have at most 100 characters"),
        (5, "Slug must be text"),
        (None, "Slug must be text"),
    ],
)
def test_anything_else_is_refused(bad: Any, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Slug(bad)
    assert str(caught.value) == message
