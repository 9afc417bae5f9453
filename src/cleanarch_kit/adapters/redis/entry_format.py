"""How a cache entry is written under one key of Redis."""

import json

from cleanarch_kit.application.ports.cache import CacheEntry

__all__ = ["decode_entry", "encode_entry"]

_MARK = b"cache1 "


def encode_entry(entry: CacheEntry) -> bytes:
    """An entry as bytes: a mark, what belongs to it as JSON in one line, and the value."""
    head = json.dumps([entry.fresh_until, entry.load_time, entry.tags, entry.versions], separators=(",", ":"))
    return b"%b%b\n%b" % (_MARK, head.encode("ascii"), entry.value)


def decode_entry(data: bytes | str | None) -> CacheEntry | None:
    """The entry that the bytes are; None where they are none, whoever wrote them."""
    if not isinstance(data, bytes) or not data.startswith(_MARK):
        return None
    head, newline, value = data.partition(b"\n")
    if not newline:
        return None
    try:
        fresh_until, load_time, tags, versions = json.loads(head[len(_MARK) :])
        return CacheEntry(
            value, tuple(map(_text, tags)), tuple(map(_text, versions)), fresh_until + 0.0, load_time + 0.0
        )
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
