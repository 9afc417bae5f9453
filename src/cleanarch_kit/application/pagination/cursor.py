"""Cursors: the place of an entity in an order, as text that a client carries about."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from json import JSONEncoder, loads
from math import isfinite
from types import NoneType
from typing import Any, Final, TypeGuard
from uuid import UUID

from cleanarch_kit.application.strict_json import flaw, is_object
from cleanarch_kit.errors import InvalidCursorError

__all__ = ["MAX_CURSOR", "CursorCodec"]

MAX_CURSOR: Final = 2048
"""Longest cursor that is given or taken, in characters."""

_VERSION: Final = 1
_SIGNATURE_BYTES: Final = 16
_INT64: Final = range(-(2**63), 2**63)
_SHORTEST_KEY: Final = 16

_FOREIGN = "it was issued for another order"
_MALFORMED = "it is not one of ours"


class CursorCodec:
    """Turns places in an order into text and back.

    A cursor is opaque, carries the types of its values and the fingerprint of the order that it belongs to. Without
    a key, a client can read one and make one up, which gains it nothing but another starting point; what a cursor
    shows is what the entities are ordered by. With a key it can only be read.

    Args:
        key: signs the cursors (HMAC-SHA-256); at least 16 bytes.
        former_keys: are still accepted, so that a key can be changed while clients hold cursors.
    """

    __slots__ = ("_keys",)

    def __init__(self, key: bytes | None = None, *former_keys: bytes) -> None:
        keys = () if key is None else (key, *former_keys)
        if any(len(candidate) < _SHORTEST_KEY for candidate in keys):
            raise ValueError(f"a key for cursors has at least {_SHORTEST_KEY} bytes: take secrets.token_bytes(32)")
        self._keys = keys

    def encode(self, fingerprint: str, values: Sequence[object]) -> str:
        """The cursor of a place.

        Args:
            fingerprint: of the order.
            values: plain values of the order's keys, see `decode`.

        Raises:
            InvalidCursorError: the values take more room than a cursor has.
        """
        payload = _document(fingerprint, values)
        text = _text(payload)
        if self._keys:
            text = f"{text}.{_text(_signature(self._keys[0], payload))}"
        if len(text) > MAX_CURSOR:
            raise InvalidCursorError("the values of this order are too long for one: order by shorter fields")
        return text

    def decode(self, cursor: str, fingerprint: str, types: Sequence[type | None]) -> tuple[object, ...]:
        """The place that a cursor stands for.

        Args:
            cursor: text from outside; it may be anything.
            fingerprint: of the order that is asked for.
            types: plain types of the order's keys: None, bool, int, float, Decimal, str, bytes, date, datetime,
                time, timedelta or UUID. None where the type is not known.

        Returns:
            The values of the order's keys, of these types or None.

        Raises:
            InvalidCursorError: it was not issued for this order, or was changed on its way.
        """
        text, payload = self._payload(cursor)
        place = _parsed(payload)
        packed = place.get("k")
        if place.keys() != {"v", "o", "k"} or place["v"] != _VERSION or not _is_list(packed):
            raise InvalidCursorError(_MALFORMED)
        values = [_unpacked(value) for value in packed]
        if place["o"] != fingerprint or len(values) != len(types):
            raise InvalidCursorError(_FOREIGN)
        # What was read must be what would be written: neither JSON nor base64 may say one thing in two ways.
        if not all(map(_fits, values, types)) or _text(_document(fingerprint, values)) != text:
            raise InvalidCursorError(_MALFORMED)
        return tuple(values)

    def _payload(self, cursor: str) -> tuple[str, bytes]:
        """The cursor without its signature, and what it holds."""
        if len(cursor) > MAX_CURSOR:
            raise InvalidCursorError(f"it is longer than {MAX_CURSOR} characters")
        text, dot, signature = cursor.partition(".")
        try:
            payload = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            raise InvalidCursorError(_MALFORMED) from None
        if bool(dot) is not bool(self._keys) or not signature.isascii():
            raise InvalidCursorError(_MALFORMED)
        if dot and not any(hmac.compare_digest(signature, _text(_signature(key, payload))) for key in self._keys):
            raise InvalidCursorError("its signature is wrong")
        return text, payload


_json = JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _document(fingerprint: str, values: Sequence[object]) -> bytes:
    return _json({"v": _VERSION, "o": fingerprint, "k": list(map(_packed, values))}).encode()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _signature(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, payload, sha256)[:_SIGNATURE_BYTES]


def _parsed(payload: bytes) -> dict[str, object]:
    try:
        place: object = loads(payload.decode())
    except (ValueError, RecursionError):
        place = None
    if not is_object(place):
        raise InvalidCursorError(_MALFORMED)
    return place


def _period_parts(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


_PACK: Mapping[type, tuple[str, Callable[[Any], object]]] = {
    bool: ("b", bool),
    int: ("i", int),
    float: ("f", float.hex),
    str: ("s", str),
    bytes: ("x", bytes.hex),
    Decimal: ("n", str),
    date: ("d", date.isoformat),
    datetime: ("t", datetime.isoformat),
    time: ("c", time.isoformat),
    timedelta: ("p", _period_parts),
    UUID: ("u", str),
}


def _packed(value: object) -> object:
    if value is None:
        return None
    for kind in type(value).__mro__:
        if kind in _PACK:
            tag, pack = _PACK[kind]
            return [tag, pack(value)]
    raise TypeError(f"a cursor cannot hold a value of type {type(value).__name__}: order by a plain field")


def _period(parts: list[Any]) -> timedelta:  # Any: timedelta refuses what is no number
    days, seconds, microseconds = parts
    return timedelta(days, seconds, microseconds)


_UNPACK: Mapping[object, tuple[type, Callable[[Any], object]]] = {
    "b": (bool, bool),
    "i": (int, int),
    "f": (str, float.fromhex),
    "s": (str, str),
    "x": (str, bytes.fromhex),
    "n": (str, Decimal),
    "d": (str, date.fromisoformat),
    "t": (str, datetime.fromisoformat),
    "c": (str, time.fromisoformat),
    "p": (list, _period),
    "u": (str, UUID),
}


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _unpacked(packed: object) -> object:
    if packed is None:
        return None
    if not _is_list(packed) or len(packed) != 2:
        raise InvalidCursorError(_MALFORMED)
    tag, raw = packed
    kind, unpack = _UNPACK.get(tag, (NoneType, bool)) if isinstance(tag, str) else (NoneType, bool)
    if type(raw) is not kind:
        raise InvalidCursorError(_MALFORMED)
    try:
        value = unpack(raw)
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        raise InvalidCursorError(_MALFORMED) from None
    if not _storable(value):
        raise InvalidCursorError(_MALFORMED)
    return value


def _storable(value: object) -> bool:
    """Whether every store can compare with it."""
    if isinstance(value, str):
        return flaw(value) is None
    if isinstance(value, int):
        return value in _INT64
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, datetime):
        return value.tzinfo is not None
    return True


def _fits(value: object, expected: type | None) -> bool:
    if value is None or expected is None or type(value) is expected:
        return True
    return expected in (float, Decimal) and type(value) is int
