"""The form in which an event travels: CloudEvents 1.0."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from cleanarch_kit.application.strict_json import MAX_BYTES, MAX_DEPTH, parse_object
from cleanarch_kit.errors import EventDecodingError, SerializationError

__all__ = ["MAX_ATTRIBUTE", "Envelope"]

MAX_ATTRIBUTE = 255
"""Longest text in an attribute, in characters."""

_MAX_DOCUMENT = 2 * MAX_BYTES
_UNNAMED = "(not named)"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_JSON_TYPE = re.compile(r"application/([\w.+-]+\+)?json( *;.*)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An event as data, with the attributes of CloudEvents 1.0.

    Attributes:
        id: identity of the event; the same on every delivery, so that a consumer can tell a duplicate.
        type: name and version, for example ``"shop.order.placed.v1"``.
        source: URI reference of what published it, for example ``"/shop"``.
        subject: key of the aggregate it is about; events of one subject keep their order.
        time: when it happened, aware and in UTC.
        data: the event's own fields as JSON in UTF-8.
        dataschema: URI of the data's schema, if it has one.
        correlation_id: identity of the conversation that led to it.
        causation_id: identity of the message that caused it.
        traceparent: W3C trace context, for tracing across processes.
    """

    id: UUID
    type: str
    source: str
    subject: str | None
    time: datetime
    data: bytes
    dataschema: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None

    def to_json(self) -> bytes:
        """The envelope as a CloudEvents document in structured mode (``application/cloudevents+json``)."""
        time = self.time.astimezone(UTC).isoformat().removesuffix("+00:00")
        optional = {
            "subject": self.subject,
            "dataschema": self.dataschema,
            "correlationid": self.correlation_id,
            "causationid": self.causation_id,
            "traceparent": self.traceparent,
        }
        head = (
            f'{{"specversion":"1.0","id":"{self.id}","source":{_encode(self.source)},"type":{_encode(self.type)}'
            f',"time":"{time}Z","datacontenttype":"application/json"'
            + "".join([f',"{name}":{_encode(text)}' for name, text in optional.items() if text is not None])
        )
        return b'%b,"data":%b}' % (head.encode(), self.data)

    @classmethod
    def from_json(cls, document: bytes) -> "Envelope":
        """Read a CloudEvents document in structured mode.

        Attributes that an envelope does not have are left out. The data is not looked into.

        Raises:
            EventDecodingError: it is no CloudEvent, or none with a UUID, a type, a source and JSON data.
        """
        try:
            attributes = parse_object(document, max_bytes=_MAX_DOCUMENT, max_depth=MAX_DEPTH + 1)
        except SerializationError as error:
            rule = error.rule
        else:
            return _envelope(attributes)
        raise EventDecodingError(_UNNAMED, rule)


def _envelope(attributes: Mapping[str, object]) -> Envelope:
    event_type = _text(attributes, "type", _UNNAMED)
    if attributes.get("specversion") != "1.0":
        raise EventDecodingError(event_type, "must be a CloudEvent of specversion 1.0")
    return Envelope(
        id=_uuid(_text(attributes, "id", event_type), event_type),
        type=event_type,
        source=_text(attributes, "source", event_type),
        subject=_optional_text(attributes, "subject", event_type),
        time=_time(_text(attributes, "time", event_type), event_type),
        data=_data(attributes, event_type),
        dataschema=_optional_text(attributes, "dataschema", event_type),
        correlation_id=_optional_text(attributes, "correlationid", event_type),
        causation_id=_optional_text(attributes, "causationid", event_type),
        traceparent=_optional_text(attributes, "traceparent", event_type),
    )


def _text(attributes: Mapping[str, object], name: str, event_type: str) -> str:
    text = _optional_text(attributes, name, event_type)
    if text is None:
        raise EventDecodingError(event_type, f"must have the attribute {name!r}")
    return text


def _optional_text(attributes: Mapping[str, object], name: str, event_type: str) -> str | None:
    text = attributes.get(name)
    if text is None:
        return None
    if not isinstance(text, str) or not 0 < len(text) <= MAX_ATTRIBUTE or not text.isprintable():
        raise EventDecodingError(event_type, f"must have 1 to {MAX_ATTRIBUTE} printable characters in {name!r}")
    return text


def _uuid(text: str, event_type: str) -> UUID:
    if _UUID.fullmatch(text) is None:
        raise EventDecodingError(event_type, "must have a UUID as its 'id'")
    return UUID(text)


def _time(text: str, event_type: str) -> datetime:
    if _TIMESTAMP.fullmatch(text) is not None:
        with suppress(ValueError, OverflowError):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    raise EventDecodingError(event_type, "must have an RFC 3339 timestamp as its 'time'")


def _data(attributes: Mapping[str, object], event_type: str) -> bytes:
    content_type = attributes.get("datacontenttype", "application/json")
    if not isinstance(content_type, str) or _JSON_TYPE.fullmatch(content_type) is None:
        raise EventDecodingError(event_type, "must be JSON, and say so in 'datacontenttype'")
    if "data" in attributes and "data_base64" not in attributes:
        return _encode(attributes["data"]).encode()
    encoded = attributes.get("data_base64")
    if isinstance(encoded, str) and "data" not in attributes:
        with suppress(ValueError):
            return b64decode(encoded, validate=True)
    raise EventDecodingError(event_type, "must stand in either 'data' or 'data_base64'")
