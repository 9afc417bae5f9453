"""The pieces that an HTTP request reaches only by detours; the rest is tested in test_handlers.py."""

import pytest
from pydantic_core import ErrorDetails

from cleanarch_kit.adapters.fastapi.validation import field_errors


def error(
    kind: str = "value_error",
    loc: tuple[str | int, ...] = ("body", "field"),
    msg: str = "Value error, must be odd",
    given: object = "?",
) -> ErrorDetails:
    return {"type": kind, "loc": loc, "msg": msg, "input": given}


@pytest.mark.parametrize(
    ("given", "message", "shown"),
    [
        ("abc", "Value error, abc is taken", "is not acceptable"),
        ("abc", "Assertion failed, abc is taken", "is not acceptable"),
        ("aBC", "Value error, Abc is taken", "is not acceptable"),
        ("ab", "Value error, must be a cab", "must be a cab"),
        (4711, "Value error, 4711 is no PIN", "is not acceptable"),
        (True, "Value error, must be true", "must be true"),
        (float("nan"), "Value error, nan is no number", "nan is no number"),
        (10**5000, "Value error, must be small", "must be small"),
        (None, "Value error, None is nothing", "None is nothing"),
        ({"pin": "4711"}, "Value error, 4711 is no PIN", "is not acceptable"),
        (["4711"], "Value error, 4711 is no PIN", "is not acceptable"),
        ([["deep"]], "Value error, must be shallow", "must be shallow"),
    ],
    ids=[f"input {number}" for number in range(12)],
)
def test_a_validators_own_text_is_shown_unless_it_holds_the_input(given: object, message: str, shown: str) -> None:
    (found,) = field_errors([error(msg=message, given=given)])
    assert found.message == shown


@pytest.mark.parametrize(
    ("kind", "message", "shown"),
    [
        (
            "uuid_parsing",
            "Input should be a valid UUID, invalid character: found `s` at 1",
            "Input should be a valid UUID",
        ),
        ("bytes_invalid_encoding", "Data should be valid base64: Invalid symbol 33", "Data should be valid base64"),
        (
            "url_syntax_violation",
            "Input violated strict URL syntax rules, s3cr3t",
            "Input violated strict URL syntax rules",
        ),
        ("union_tag_invalid", "Input tag 's3cr3t' found using 'kind' does not match", "is not acceptable"),
        ("enum", "Input should be 'user', 'admin' or 'moderator'", "Input should be 'user', 'admin' or 'moderator'"),
        ("my_own_rule", "s3cr3t is bad", "is not acceptable"),
        ("my_own_rule", "this is bad", "this is bad"),
    ],
)
def test_the_frameworks_texts_are_cut_before_they_quote(kind: str, message: str, shown: str) -> None:
    (found,) = field_errors([error(kind, msg=message, given={"kind": "s3cr3t"})])
    assert found.message == shown


@pytest.mark.parametrize(
    ("loc", "name"),
    [
        (("body", "lines", 0, "amount"), "lines.0.amount"),
        (("query", "page"), "page"),
        (("body",), "body"),
        ((), "body"),
        (("body", "\ud800\x1b[31m"), "??[31m"),
    ],
)
def test_a_field_is_named_by_its_path(loc: tuple[str | int, ...], name: str) -> None:
    (found,) = field_errors([error(loc=loc)])
    assert found.field == name
