"""Events by name and version: the only way from an event to data and back."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from cleanarch_kit.application.context import current_context
from cleanarch_kit.application.events.envelope import MAX_ATTRIBUTE, Envelope
from cleanarch_kit.application.events.upcasting import EventFields, Upcaster, chains
from cleanarch_kit.application.serialization import Codec
from cleanarch_kit.application.strict_json import MAX_BYTES, MAX_DEPTH, flaw, is_collection, is_object, parse_object
from cleanarch_kit.domain.event import DomainEvent
from cleanarch_kit.errors import (
    DefinitionError,
    DuplicateEventTypeError,
    EventDecodingError,
    EventEncodingError,
    SerializationError,
    UnknownEventError,
)

__all__ = ["EventRegistry"]

_IN_ENVELOPE = ("event_id", "occurred_at")


@dataclass(frozen=True, slots=True)
class _Reader:
    codec: Codec[DomainEvent]
    upcasters: tuple[Upcaster, ...] = ()


class EventRegistry:
    """The events a program writes and reads, under explicit names and versions.

    Built once at start-up and immutable. Nothing is imported or looked up by a name that stands in data: what is not
    in the registry is unknown.
    """

    def __init__(
        self, events: Iterable[type[DomainEvent]], *, source: str = "/", upcasters: Iterable[Upcaster] = ()
    ) -> None:
        """Compile a codec for each event.

        Args:
            events: the event classes. Several versions of one event may be given, each as a class of its own.
            source: what the events come from, as a URI reference such as ``"/shop"``; it goes into each envelope.
            upcasters: one for each version that may still arrive and has no class any more.

        Raises:
            DuplicateEventTypeError: two classes have one name and version.
            DefinitionError: a class is no dataclass, holds a secret or has a field without a JSON form; two
                upcasters start from one version; one starts where a class is, or leads to none.
        """
        if not _is_attribute(source) or " " in source:
            raise DefinitionError("the source of events must be a URI reference, for example '/shop'")
        self._source = source
        self._writers: dict[type[DomainEvent], Codec[DomainEvent]] = {}
        self._readers: dict[str, _Reader] = {}
        known: dict[str, type[DomainEvent]] = {}
        for event in events:
            if known.setdefault(event.event_type, event) is not event:
                raise DuplicateEventTypeError(
                    f"{_path(known[event.event_type])} and {_path(event)} are both {event.event_type}:"
                    " give one of them another name or version"
                )
            self._writers[event] = _codec(event)
            self._readers[event.event_type] = _Reader(self._writers[event])
        for start, (end, steps) in chains(upcasters, known).items():
            self._readers[start] = _Reader(self._readers[end].codec, steps)

    def encode(self, event: DomainEvent, *, subject: str) -> Envelope:
        """Turn an event into data. Correlation, causation and trace are taken from the message in hand.

        Args:
            event: an event of a registered class.
            subject: key of the aggregate it is about.

        Raises:
            EventEncodingError: the event is too large or too deep, or a field holds what is not of its type, a
                number that is not finite, a datetime without a time zone, a NUL character or a lone surrogate.
            UnknownEventError: its class is not registered.
        """
        codec = self._writers.get(type(event))
        if codec is None:
            raise UnknownEventError(event.event_type)
        if not _is_attribute(subject):
            raise EventEncodingError(
                event.event_type,
                None,
                f"must be about an aggregate with a key of 1 to {MAX_ATTRIBUTE} printable characters",
            )
        context = current_context()
        return Envelope(
            id=event.event_id,
            type=event.event_type,
            source=self._source,
            subject=subject,
            time=event.occurred_at,
            data=_encoded(event, codec),
            correlation_id=_attribute(context.correlation_id) if context else None,
            causation_id=str(context.message_id) if context else None,
            traceparent=_attribute(context.traceparent) if context else None,
        )

    def decode(self, envelope: Envelope) -> DomainEvent:
        """Rebuild an event from data, which may come from anywhere, and lift an older version to the current one.

        Raises:
            UnknownEventError: no class has this name and version, and no upcaster leads to one.
            EventDecodingError: the data is not acceptable, or is not this event.
        """
        reader = self._readers.get(envelope.type)
        if reader is None:
            raise UnknownEventError(envelope.type)
        try:
            return reader.codec.decode(_lifted(envelope, reader.upcasters))
        except SerializationError as error:
            rule = f"{error.rule}, in field {error.field!r}" if error.field else error.rule
        raise EventDecodingError(envelope.type, rule)

    def json_schemas(self) -> dict[str, dict[str, object]]:
        """JSON Schema of the data of each registered class, by type, in the order of types.

        Compare it with a snapshot in a test: a published schema that changes under an unchanged version breaks
        whoever reads it.
        """
        writers = sorted(self._writers.items(), key=lambda item: item[0].event_type)
        return {event.event_type: _data_schema(codec.json_schema()) for event, codec in writers}


def _codec(event: type[DomainEvent]) -> Codec[DomainEvent]:
    if "__dataclass_fields__" not in event.__dict__:
        raise DefinitionError(f"{_path(event)} is no dataclass: put @dataclass(frozen=True, kw_only=True) on it")
    codec: Codec[DomainEvent] = Codec(event, exclude=_IN_ENVELOPE)
    if _holds_secret(codec.json_schema()):
        raise DefinitionError(
            f"{_path(event)} holds a secret, and events are stored and sent in the clear: leave it out"
        )
    return codec


def _holds_secret(schema: object) -> bool:
    if is_object(schema):
        return schema.get("writeOnly") is True or any(map(_holds_secret, schema.values()))
    return is_collection(schema) and any(map(_holds_secret, schema))


def _encoded(event: DomainEvent, codec: Codec[DomainEvent]) -> bytes:
    field: str | None
    try:
        fields = codec.to_fields(event)
        for field, value in fields.items():
            if problem := flaw(value, max_depth=MAX_DEPTH - 1):
                raise SerializationError(event.event_type, field, problem)
        data = codec.encode(event)
    except SerializationError as error:
        field, rule = error.field, error.rule
    else:
        if len(data) <= MAX_BYTES:
            return data
        field = max(fields, key=lambda name: len(repr(fields[name])))
        rule = f"must be smaller: an event may have {MAX_BYTES} bytes of JSON"
    raise EventEncodingError(event.event_type, field, rule)


def _lifted(envelope: Envelope, upcasters: Iterable[Upcaster]) -> bytes:
    fields: EventFields = parse_object(envelope.data)
    for upcaster in upcasters:
        fields = upcaster(fields)
    fields = {**fields, "event_id": str(envelope.id), "occurred_at": envelope.time.isoformat()}
    try:
        return json.dumps(fields, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):
        rule = "must still have a JSON form after it was lifted"
    raise SerializationError(envelope.type, None, rule)


def _data_schema(schema: dict[str, object]) -> dict[str, object]:
    """The schema without the fields that travel as attributes of the envelope."""
    properties = schema["properties"]
    kept = properties.items() if is_object(properties) else ()
    return {**schema, "properties": {name: field for name, field in kept if name not in _IN_ENVELOPE}}


def _is_attribute(text: str) -> bool:
    return 0 < len(text) <= MAX_ATTRIBUTE and text.isprintable()


def _attribute(text: str | None) -> str | None:
    """What can travel as an attribute; a text from outside that cannot is left out."""
    return text if text is not None and _is_attribute(text) else None


def _path(event: type[DomainEvent]) -> str:
    return f"{event.__module__}.{event.__qualname__}"
