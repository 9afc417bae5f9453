import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanarch_kit.adapters.redis.entry_format import decode_entry, encode_entry
from cleanarch_kit.application import CacheEntry

texts = st.lists(st.text(), max_size=3).map(tuple)
numbers = st.floats(allow_nan=False)


@given(st.builds(CacheEntry, st.binary(max_size=50), texts, texts, numbers, numbers))
def test_an_entry_is_read_as_it_was_written(entry: CacheEntry) -> None:
    assert decode_entry(encode_entry(entry)) == entry


def test_it_can_be_read_by_people() -> None:
    entry = CacheEntry(b'{"name":"Ada"}', ("ns:=k", "ns:#ü"), ("v1", "v2"), 1.5, 0.25)
    assert encode_entry(entry) == b'cache1 [1.5,0.25,["ns:=k","ns:#\\u00fc"],["v1","v2"]]\n{"name":"Ada"}'


@pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        b"",
        b"5",
        b'{"json":true}',
        b"cache1",
        b"cache1 ",
        b"cache1 \n",
        b"cache1 [1.5,0.25,[],[]]",
        b"cache1 {\n5",
        b"cache1 null\n5",
        b"cache1 []\n5",
        b"cache1 [1,2,3,4]\n5",
        b"cache1 [1" + b"0" * 400 + b",2,[],[]]\n5",
        b'cache1 ["1",0.25,[],[]]\n5',
        b"cache1 [null,0.25,[],[]]\n5",
        b"cache1 [1.5,0.25,[1],[]]\n5",
        b'cache1 [1.5,0.25,[],[["a"]]]\n5',
        b"cache1 [1.5,0.25,[],[],[]]\n5",
        b"cache1 \xff\n5",
        b"cache1 " + b"[" * 100_000 + b"\n5",
        b"cache2 [1.5,0.25,[],[]]\n5",
        b"\x80\x04\x95",
    ],
    ids=repr,
)
def test_what_is_no_entry_is_none(data: bytes | str | None) -> None:
    assert decode_entry(data) is None


@given(st.binary(max_size=100))
def test_no_data_raises(noise: bytes) -> None:
    assert decode_entry(noise) is None
    decode_entry(b"cache1 " + noise)


@given(st.binary(min_size=1, max_size=3), st.integers(0, 60))
def test_an_entry_that_was_damaged_is_an_entry_or_none(noise: bytes, at: int) -> None:
    data = encode_entry(CacheEntry(b"value", ("tag",), ("version",), 1.5, 0.25))
    decode_entry(data[:at] + noise + data[at:])
    decode_entry(data[:at])
