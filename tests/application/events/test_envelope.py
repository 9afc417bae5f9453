import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from cleanarch_kit.application import Envelope
from cleanarch_kit.errors import EventDecodingError

ID = UUID("0198a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")


def envelope(**changes: Any) -> Envelope:
    values: dict[str, Any] = {
        "id": ID,
        "type": "shop.order.placed.v1",
        "source": "/shop",
        "subject": "Order/1",
        "time": datetime(2030, 1, 2, 3, 4, 5, 678901, UTC),
        "data": b'{"amount":1}',
    }
    return Envelope(**(values | changes))


FULL = envelope(
    dataschema="https://example.com/schema.json",
    correlation_id="request-1",
    causation_id="0198",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


def document(**changes: Any) -> bytes:
    attributes = json.loads(FULL.to_json()) | changes
    return json.dumps({name: value for name, value in attributes.items() if value is not ...}).encode()


def test_the_document_is_a_cloud_event() -> None:
    assert json.loads(FULL.to_json()) == {
        "specversion": "1.0",
        "id": str(ID),
        "source": "/shop",
        "type": "shop.order.placed.v1",
        "subject": "Order/1",
        "time": "2030-01-02T03:04:05.678901Z",
        "datacontenttype": "application/json",
        "dataschema": "https://example.com/schema.json",
        "correlationid": "request-1",
        "causationid": "0198",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": {"amount": 1},
    }


def test_the_official_library_reads_what_we_write() -> None:
    event = JSONFormat().read(CloudEvent, FULL.to_json())
    assert (event.get_id(), event.get_type(), event.get_source()) == (str(ID), FULL.type, FULL.source)
    assert (event.get_subject(), event.get_time()) == (FULL.subject, FULL.time)
    assert (event.get_datacontenttype(), event.get_data()) == ("application/json", {"amount": 1})
    assert event.get_extension("correlationid") == "request-1"
    assert event.get_extension("traceparent") == FULL.traceparent


def test_we_read_what_the_official_library_writes() -> None:
    attributes = {
        "specversion": "1.0",
        "id": str(ID),
        "source": "/shop",
        "type": FULL.type,
        "subject": "Order/1",
        "time": FULL.time,
        "datacontenttype": "application/json",
        "correlationid": "request-1",
    }
    written = JSONFormat().write(CloudEvent(attributes, {"amount": 1}))
    assert Envelope.from_json(written) == envelope(correlation_id="request-1")


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=255), st.integers(0, 10**15))
def test_every_envelope_comes_back(text: str, microseconds: int) -> None:
    original = envelope(
        id=uuid4(),
        subject=text,
        correlation_id=text,
        time=datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds),
        data=json.dumps({"text": text}, ensure_ascii=False, separators=(",", ":")).encode(),
    )
    assert Envelope.from_json(original.to_json()) == original


def test_a_time_is_written_in_utc() -> None:
    local = FULL.time.astimezone(timezone(timedelta(hours=14)))
    assert envelope(time=local).to_json() == envelope().to_json()


def test_attributes_that_are_not_set_are_left_out() -> None:
    assert json.loads(envelope(subject=None).to_json()).keys() == {
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "datacontenttype",
        "data",
    }


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2030-01-02T03:04:05Z", datetime(2030, 1, 2, 3, 4, 5, 0, UTC)),
        ("2030-01-02t03:04:05z", datetime(2030, 1, 2, 3, 4, 5, 0, UTC)),
        ("2030-01-02T03:04:05.1Z", datetime(2030, 1, 2, 3, 4, 5, 100000, UTC)),
        ("2030-01-02T03:04:05.123456789Z", datetime(2030, 1, 2, 3, 4, 5, 123456, UTC)),
        ("2030-01-02T03:04:05+14:00", datetime(2030, 1, 1, 13, 4, 5, 0, UTC)),
    ],
)
def test_every_rfc_3339_time_is_read(time: str, expected: datetime) -> None:
    read = Envelope.from_json(document(time=time)).time
    assert (read, read.tzinfo) == (expected, UTC)


def test_binary_data_and_other_json_types_are_read() -> None:
    encoded = b64encode(b'{"amount":1}').decode()
    assert Envelope.from_json(document(data=..., data_base64=encoded)) == FULL
    for content_type in (..., "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.shop+json"):
        assert Envelope.from_json(document(datacontenttype=content_type)) == FULL


def test_what_an_envelope_does_not_have_is_left_out() -> None:
    assert Envelope.from_json(document(partitionkey="x", sequence=5)) == FULL


PRINTABLE = "must have 1 to 255 printable characters in"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"specversion": "0.3"}, "must be a CloudEvent of specversion 1.0"),
        ({"specversion": ...}, "must be a CloudEvent of specversion 1.0"),
        ({"id": ...}, "must have the attribute 'id'"),
        ({"id": "1"}, "must have a UUID as its 'id'"),
        ({"id": f"{{{ID}}}"}, "must have a UUID as its 'id'"),
        ({"id": "٠١٩٨a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"}, "must have a UUID as its 'id'"),
        ({"id": 5}, f"{PRINTABLE} 'id'"),
        ({"source": ""}, f"{PRINTABLE} 'source'"),
        ({"source": ...}, "must have the attribute 'source'"),
        ({"subject": "a\nb"}, f"{PRINTABLE} 'subject'"),
        ({"subject": "x" * 256}, f"{PRINTABLE} 'subject'"),
        ({"correlationid": "\x1b[31m"}, f"{PRINTABLE} 'correlationid'"),
        ({"traceparent": ["x"]}, f"{PRINTABLE} 'traceparent'"),
        ({"time": ...}, "must have the attribute 'time'"),
        ({"time": "2030-01-02T03:04:05"}, "must have an RFC 3339 timestamp as its 'time'"),
        ({"time": "2030-02-30T03:04:05Z"}, "must have an RFC 3339 timestamp as its 'time'"),
        ({"time": "2030-01-02T23:59:60Z"}, "must have an RFC 3339 timestamp as its 'time'"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "must have an RFC 3339 timestamp as its 'time'"),
        ({"time": "٢030-01-02T03:04:05Z"}, "must have an RFC 3339 timestamp as its 'time'"),
        ({"datacontenttype": "text/xml"}, "must be JSON, and say so in 'datacontenttype'"),
        ({"datacontenttype": 5}, "must be JSON, and say so in 'datacontenttype'"),
        ({"data": ...}, "must stand in either 'data' or 'data_base64'"),
        ({"data_base64": "eA=="}, "must stand in either 'data' or 'data_base64'"),
        ({"data": ..., "data_base64": "!"}, "must stand in either 'data' or 'data_base64'"),
        ({"data": ..., "data_base64": 5}, "must stand in either 'data' or 'data_base64'"),
    ],
)
def test_what_is_no_such_event_is_refused(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(EventDecodingError) as caught:
        Envelope.from_json(document(**changes))
    assert (caught.value.event_type, caught.value.rule) == ("shop.order.placed.v1", rule)
    assert caught.value.__context__ is None
    assert str(caught.value) == f"the data of event shop.order.placed.v1 {rule}"


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"[]", "must be a JSON object"),
        (b"x" * 600_000, "must not be larger than 524288 bytes"),
        (document(type=...), "must have the attribute 'type'"),
        (document(type="os\nsystem"), f"{PRINTABLE} 'type'"),
        (document(type="x" * 10_000), f"{PRINTABLE} 'type'"),
    ],
)
def test_a_type_that_cannot_be_named_is_not_named(data: bytes, rule: str) -> None:
    with pytest.raises(EventDecodingError) as caught:
        Envelope.from_json(data)
    assert (caught.value.event_type, caught.value.rule) == ("(not named)", rule)


@given(st.binary(max_size=300) | st.dictionaries(st.text(), st.text()).map(lambda fields: json.dumps(fields).encode()))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with pytest.raises(EventDecodingError):
        Envelope.from_json(data)
