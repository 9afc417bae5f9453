"""Cursors come back from clients, so anything may come back."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanarch_kit.application import CursorCodec
from cleanarch_kit.application.pagination.cursor import MAX_CURSOR
from cleanarch_kit.errors import InvalidCursorError

CODEC = CursorCodec()
KEY = b"0123456789abcdef"
VALUES: tuple[object, ...] = (
    None,
    True,
    -(2**63),
    2**63 - 1,
    0.1,
    -0.0,
    "",
    "Straße % _ \\ \U0001f600",
    b"\x00\xff",
    Decimal("1.50"),
    date(2024, 2, 29),
    datetime(2024, 2, 29, 23, 59, 60 - 1, 999_999, tzinfo=UTC),
    datetime(2024, 2, 29, 1, tzinfo=timezone(timedelta(hours=14))),
    time(23, 59, 59, 1),
    timedelta(days=-1, microseconds=1),
    UUID(int=7),
)
TYPES = tuple(None if value is None else type(value) for value in VALUES)


def encoded(document: object) -> str:
    return urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def refused(codec: CursorCodec, cursor: str, *types: type | None) -> InvalidCursorError:
    with pytest.raises(InvalidCursorError) as caught:
        codec.decode(cursor, "order", types)
    return caught.value


@pytest.mark.parametrize("codec", [CODEC, CursorCodec(KEY)])
def test_every_plain_value_comes_back_with_its_type(codec: CursorCodec) -> None:
    cursor = codec.encode("order", VALUES)
    found = codec.decode(cursor, "order", TYPES)
    assert found == VALUES
    assert [type(value) for value in found] == [type(value) for value in VALUES]
    assert cursor.isascii()
    assert "=" not in cursor


@given(
    st.lists(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
        | st.decimals(allow_nan=False, allow_infinity=False)
        | st.uuids()
        | st.dates()
        | st.datetimes(timezones=st.just(UTC)),
        max_size=6,
    )
)
def test_any_values_come_back(values: list[object]) -> None:
    types = [None if value is None else type(value) for value in values]
    assert CODEC.decode(CODEC.encode("order", values), "order", types) == tuple(values)


def test_subclasses_of_plain_types_are_written_as_these() -> None:
    class Rank(int):
        pass

    assert CODEC.decode(CODEC.encode("order", [Rank(3)]), "order", [int]) == (3,)
    with pytest.raises(TypeError, match="type object: order by a plain field"):
        CODEC.encode("order", [object()])


def test_a_number_fits_a_wider_type() -> None:
    cursor = CODEC.encode("order", [3])
    assert CODEC.decode(cursor, "order", [float]) == (3,)
    assert CODEC.decode(cursor, "order", [Decimal]) == (3,)
    assert CODEC.decode(cursor, "order", [None]) == (3,)


def test_a_cursor_belongs_to_its_order() -> None:
    cursor = CODEC.encode("order", ["a", 1])
    with pytest.raises(InvalidCursorError, match="issued for another order"):
        CODEC.decode(cursor, "another", [str, int])
    with pytest.raises(InvalidCursorError, match="issued for another order"):
        CODEC.decode(cursor, "order", [str])
    for types in ([int, int], [str, str], [str, bool], [str, UUID]):
        with pytest.raises(InvalidCursorError, match="not one of ours"):
            CODEC.decode(cursor, "order", types)
    with pytest.raises(InvalidCursorError, match="not one of ours"):
        CODEC.decode(CODEC.encode("order", [True]), "order", [int])


def test_a_signed_cursor_is_taken_with_its_signature_only() -> None:
    signing, plain = CursorCodec(KEY), CODEC
    cursor = signing.encode("order", [1])
    payload, signature = cursor.split(".")
    assert signing.decode(cursor, "order", [int]) == (1,)
    assert payload == plain.encode("order", [1])
    refused(signing, payload, int)
    refused(signing, f"{payload}.", int)
    refused(plain, cursor, int)
    forged = plain.encode("order", [2])
    assert str(refused(signing, f"{forged}.{signature}", int)) == (
        "invalid cursor: its signature is wrong; start again without a cursor"
    )
    refused(CursorCodec(b"another key, long enough"), cursor, int)


def test_a_former_key_is_accepted_and_not_used() -> None:
    old, new = CursorCodec(KEY), CursorCodec(b"fedcba9876543210", KEY)
    assert new.decode(old.encode("order", [1]), "order", [int]) == (1,)
    refused(old, new.encode("order", [1]), int)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        CursorCodec(b"short")
    with pytest.raises(ValueError, match="at least 16 bytes"):
        CursorCodec(KEY, b"short")


def test_no_cursor_is_longer_than_the_limit() -> None:
    assert len(CODEC.encode("order", ["x" * 1400])) <= MAX_CURSOR
    with pytest.raises(InvalidCursorError, match="order by shorter fields"):
        CODEC.encode("order", ["x" * 1600])
    assert "2048" in str(refused(CODEC, "A" * (MAX_CURSOR + 1), str))
    refused(CODEC, "A" * 10**6, str)


def places(tag: str, *raw: object) -> list[object]:
    return [{"v": 1, "o": "order", "k": [[tag, value]]} for value in raw]


MADE_UP: list[object] = [
    *(None, 1, "x", [1, "order"], {"v": 1, "o": "order"}, {"v": 2, "o": "order", "k": [["i", 1]]}),
    {"v": True, "o": "order", "k": [["i", 1]]},
    {"v": 1, "o": "order", "k": [["i", 1]], "x": 1},
    {"v": 1, "o": ["order"], "k": [["i", 1]]},
    *(
        {"v": 1, "o": "order", "k": place}
        for place in (None, {"i": 1}, "x", [1], ["i"], [["i"]], [["i", 1, 1]], [[1, 1]])
    ),
    *(place for tag in ("b", "s", "x", "n", "d", "t", "c", "p", "u", "f", "?", "") for place in places(tag, 1)),
    *places("i", "1", True, 1.0, 2**63, -(2**63) - 1, None, [1]),
    *places("n", "NaN", "Infinity", "sNaN", "x", "1_0", " 1"),
    *places("f", "nan", "inf", "1.5", "x", "0x1p99999"),
    *places("t", "2024-01-01T00:00:00", "20240101T000000+00:00", "x"),
    *places("d", "2024-13-01", "20240101", "2024-W01-1"),
    *places("u", f"{{{UUID(int=1)}}}", "x", "urn:uuid:" + "0" * 32),
    *places("p", [1], [1, 2, 3, 4], ["1", 2, 3], [0, 86400, 0], [10**9, 0, 0]),
    *places("x", "0", "zz", "AB", "a b"),
    *places("s", "a\0", "\ud800"),
]


@pytest.mark.parametrize("document", MADE_UP)
def test_made_up_documents_are_refused(document: object) -> None:
    refused(CODEC, encoded(document), None)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        ".",
        "x",
        "bm90LWEtY3Vyc29y",
        "!!!",
        "!!!===",
        "a",
        "aa",
        "é",
        "a=",
        "a+b/",
        "A" * 7,
        " ",
        "\n",
        "%00",
        "\0",
    ],
)
def test_what_is_no_cursor_at_all_is_refused(cursor: str) -> None:
    assert str(refused(CODEC, cursor, int)) == "invalid cursor: it is not one of ours; start again without a cursor"
    refused(CursorCodec(KEY), cursor, int)


ALPHABET = "ABCxyz019-_.=+/%é\0 "
MUTATIONS = 100


def mutated(text: str, choices: bytes) -> str:
    """Up to four edits: something put in, cut out, replaced, or appended once more."""
    characters = list(text)
    for kind, place, what in batched(choices, 3):
        at = place % (len(characters) + 1)
        match kind % 5:
            case 0:
                characters.insert(at, ALPHABET[what % len(ALPHABET)])
            case 1:
                del characters[at : at + what]
            case 2 if at < len(characters):
                characters[at] = ALPHABET[what % len(ALPHABET)]
            case 3:
                characters[at:] = characters[:what]
            case _:
                pass
    return "".join(characters)


def batched(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@settings(max_examples=1_000, deadline=None)
@given(st.binary(min_size=12 * MUTATIONS, max_size=12 * MUTATIONS))
def test_nothing_but_an_invalid_cursor_error_comes_of_100_000_mutations(choices: bytes) -> None:
    """Every one is refused, or means exactly what it says: no mutation is taken for the original."""
    values = ("title", 5, UUID(int=9), None)
    types = (str, int, UUID, datetime)
    for number, some in enumerate(batched(choices, 12)):
        codec = CursorCodec(KEY) if number % 2 else CODEC
        original = codec.encode("order", values)
        mutation = mutated(original, some)
        try:
            found = codec.decode(mutation, "order", types)
        except InvalidCursorError:
            assert mutation != original
        else:
            assert (found == values) == (mutation == original)
            assert mutation == original or codec is CODEC  # a signed one means what was signed, or nothing


@settings(max_examples=2_000)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: urlsafe_b64encode(data).rstrip(b"=").decode()))
def test_nothing_but_an_invalid_cursor_error_comes_of_any_text(text: str) -> None:
    refused(CODEC, text, str, int)
    refused(CursorCodec(KEY), text, str, int)
