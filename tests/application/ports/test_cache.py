import pytest

from cleanarch_kit.application import CacheEntry


def test_an_entry_is_a_value() -> None:
    entry = CacheEntry(b"1", ("t",), ("v",), 1.0)
    assert entry == CacheEntry(b"1", ("t",), ("v",), 1.0, 0.0)
    assert entry != CacheEntry(b"1", ("t",), ("v",), 1.0, 0.5)
    with pytest.raises(AttributeError):
        entry.value = b"2"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_what_a_reader_keeps_with_it_is_no_part_of_it() -> None:
    entry, other = CacheEntry(b"1", (), (), 1.0), CacheEntry(b"1", (), (), 1.0)
    object.__setattr__(entry, "decoded", (None, "secret"))
    assert entry == other
    assert "secret" not in repr(entry)
