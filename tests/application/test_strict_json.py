import json
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanarch_kit.application.strict_json import MAX_BYTES, MAX_DEPTH, flaw, is_object, parse_object
from cleanarch_kit.domain import Email, EntityId
from cleanarch_kit.errors import SerializationError


def nested(levels: int) -> bytes:
    """An object that holds lists, so many levels in all."""
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_an_object_is_read() -> None:
    assert parse_object(b'{"a": [1, 2.5, null, true, {"b": "\xc3\xa9"}]}') == {"a": [1, 2.5, None, True, {"b": "é"}]}


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "must be valid JSON in UTF-8"),
        (b"{", "must be valid JSON in UTF-8"),
        (b'{"a": 1} x', "must be valid JSON in UTF-8"),
        (b"{'a': 1}", "must be valid JSON in UTF-8"),
        (b'{"a": "\xff"}', "must be valid JSON in UTF-8"),
        (b'{"a": "\x01"}', "must be valid JSON in UTF-8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "must be valid JSON in UTF-8"),
        (b"[" * 100_000, "must be valid JSON in UTF-8"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'{"a": 1, "a": 2}', "must not contain duplicate keys"),
        (b'{"a": [{"b": 1, "b": 1}]}', "must not contain duplicate keys"),
        (b'{"a": NaN}', "must not contain NaN or infinities"),
        (b'{"a": [-Infinity]}', "must not contain NaN or infinities"),
        (b'{"a": 1e400}', "must be a finite number"),
        (b'{"a": "x\\u0000"}', "must not contain NUL characters"),
        ('{"a": "é\\u0000"}'.encode(), "must not contain NUL characters"),
        (b'{"\\u0000": 1}', "must not contain NUL characters"),
        (b'{"a": "\\ud800"}', "must not contain lone surrogates"),
        (nested(MAX_DEPTH + 1), f"must not be nested deeper than {MAX_DEPTH} levels"),
    ],
)
def test_what_parsers_and_stores_disagree_about_is_refused(data: bytes, rule: str) -> None:
    with pytest.raises(SerializationError) as caught:
        parse_object(data)
    assert caught.value.rule == rule
    assert str(caught.value) == f"the JSON document {rule}"
    assert caught.value.__context__ is None or isinstance(caught.value.__context__, SerializationError)


def test_the_size_is_checked_before_anything_is_read() -> None:
    with pytest.raises(SerializationError, match=f"must not be larger than {MAX_BYTES} bytes"):
        parse_object(b"\xff" * (MAX_BYTES + 1))


def test_the_limits_themselves_are_allowed() -> None:
    assert is_object(parse_object(nested(MAX_DEPTH)))
    assert parse_object(b'{"a":"' + b"x" * (MAX_BYTES - 8) + b'"}')


def test_the_limits_can_be_set() -> None:
    assert parse_object(nested(40), max_depth=40)
    with pytest.raises(SerializationError, match="deeper than 2 levels"):
        parse_object(nested(3), max_depth=2)
    with pytest.raises(SerializationError, match="larger than 5 bytes"):
        parse_object(b'{"a":1}', max_bytes=5)


@pytest.mark.parametrize(
    "value",
    ["", "é", 1, 2**70, 1.5, True, None, Decimal("1.5"), datetime.now(UTC), date(2030, 1, 1), EntityId.new()],
)
def test_a_plain_value_has_no_flaw(value: object) -> None:
    assert flaw(value) is None
    assert flaw({"a": [value, (value,), {"b": value}]}) is None


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("a\0", "must not contain NUL characters"),
        ("é\0", "must not contain NUL characters"),
        ("\ud800", "must not contain lone surrogates"),
        (float("nan"), "must be a finite number"),
        (float("inf"), "must be a finite number"),
        (Decimal("sNaN"), "must be a finite number"),
        (Decimal("-Infinity"), "must be a finite number"),
        (datetime(2030, 1, 1), "must have a time zone"),  # noqa: DTZ001 - the point
    ],
)
def test_a_flaw_is_found_wherever_it_stands(value: object, rule: str) -> None:
    for place in (value, [value], (1, value), {"a": {"b": [value]}}, {"key": value}):
        assert flaw(place) == rule


def test_a_flaw_is_found_in_a_key() -> None:
    assert flaw({"a": {"\0": 1}}) == "must not contain NUL characters"
    assert flaw({float("nan"): 1}) == "must be a finite number"


def test_a_flaw_is_found_in_a_value_object() -> None:
    assert flaw(Email.restore("a\0@b.co")) == "must not contain NUL characters"


def test_depth_is_counted_from_the_outside() -> None:
    assert flaw({"a": [1]}, max_depth=2) is None
    assert flaw({"a": [[1]]}, max_depth=2) == "must not be nested deeper than 2 levels"
    assert flaw(1, max_depth=0) is None
    assert flaw(frozenset({1}), max_depth=0) == "must not be nested deeper than 0 levels"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values))
def test_a_document_without_a_flaw_is_read_as_it_was_written(document: dict[str, object]) -> None:
    if flaw(document) is None:
        assert parse_object(json.dumps(document).encode()) == document
    else:
        with pytest.raises(SerializationError):
            parse_object(json.dumps(document).encode())


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with suppress(SerializationError):
        parse_object(data)
