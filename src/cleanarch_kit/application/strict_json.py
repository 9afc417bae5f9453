"""JSON without its loopholes: what can be read here can be stored everywhere and means one thing only."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from itertools import chain
from math import isfinite
from typing import Any, NoReturn, TypeGuard

from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import SerializationError

__all__ = ["MAX_BYTES", "MAX_DEPTH", "flaw", "is_collection", "is_object", "parse_object"]

MAX_BYTES = 262_144
"""Largest event that is written or read, in bytes: what the common brokers take without being asked."""

MAX_DEPTH = 32
"""Deepest nesting of lists and objects in an event."""

_DOCUMENT = "the JSON document"


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Whether a value that came from JSON is an object."""
    return isinstance(value, dict)


def is_collection(value: object) -> TypeGuard[Collection[object]]:
    """Whether a value becomes a list in JSON."""
    return isinstance(value, list | tuple | set | frozenset)


def parse_object(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> dict[str, object]:
    """Read a JSON object from outside.

    The size is checked before anything is read. Duplicate keys, NaN and infinities, numbers that only an infinity
    could hold, NUL characters, lone surrogates and deep nesting are refused, because the parsers and stores further
    on disagree about them.

    Raises:
        SerializationError: the document is not acceptable; the text says why and shows nothing of it.
    """
    if len(data) > max_bytes:
        raise SerializationError(_DOCUMENT, None, f"must not be larger than {max_bytes} bytes")
    problem: str | None
    try:
        document: object = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object_without_duplicates, parse_constant=_refuse_constant
        )
    except SerializationError:
        raise
    except (ValueError, RecursionError):
        problem = "must be valid JSON in UTF-8"
    else:
        problem = flaw(document, max_depth=max_depth)
        if is_object(document) and problem is None:
            return document
    raise SerializationError(_DOCUMENT, None, problem or "must be a JSON object")


def flaw(value: object, *, max_depth: int = MAX_DEPTH) -> str | None:
    """What is wrong with a value made of dicts, lists and leaves, as the rule it breaks; None if nothing is.

    Args:
        value: the value, as `parse_object` or `Codec.to_fields` gives it.
        max_depth: how many levels of lists and objects it may have.
    """
    return _flaw(value, max_depth, max_depth)


def _flaw(value: object, levels: int, max_depth: int) -> str | None:
    if is_object(value):
        return _flaw_of_parts(chain.from_iterable(value.items()), levels, max_depth)
    if is_collection(value):
        return _flaw_of_parts(value, levels, max_depth)
    return _flaw_of_leaf(value.value if _is_scalar(value) else value)


def _is_scalar(value: object) -> TypeGuard[ScalarValue[Any]]:
    return isinstance(value, ScalarValue)


def _flaw_of_parts(parts: Iterable[object], levels: int, max_depth: int) -> str | None:
    if not levels:
        return f"must not be nested deeper than {max_depth} levels"
    return next(filter(None, (_flaw(part, levels - 1, max_depth) for part in parts)), None)


def _flaw_of_leaf(value: object) -> str | None:
    if isinstance(value, str):
        return _flaw_of_text(value)
    if isinstance(value, float):
        return None if isfinite(value) else "must be a finite number"
    if isinstance(value, Decimal):
        return None if value.is_finite() else "must be a finite number"
    if isinstance(value, datetime):
        return None if value.tzinfo is not None else "must have a time zone"
    return None


def _flaw_of_text(text: str) -> str | None:
    if text.isascii():
        return "must not contain NUL characters" if "\0" in text else None
    if "\0" in text:
        return "must not contain NUL characters"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "must not contain lone surrogates"
    return None


def _object_without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise SerializationError(_DOCUMENT, None, "must not contain duplicate keys")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise SerializationError(_DOCUMENT, None, "must not contain NaN or infinities")
