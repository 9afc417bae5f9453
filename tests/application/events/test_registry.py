import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanarch_kit.application import (
    Envelope,
    EventFields,
    EventRegistry,
    MessageContext,
    message_context,
    upcasts,
)
from cleanarch_kit.application.strict_json import flaw
from cleanarch_kit.domain import DomainEvent, Email, EntityId, Money, Secret
from cleanarch_kit.errors import (
    DefinitionError,
    DuplicateEventTypeError,
    EventDecodingError,
    EventEncodingError,
    UnknownEventError,
)


class OrderId(EntityId): ...


@dataclass(frozen=True, kw_only=True)
class OrderPlaced(DomainEvent, name="shop.order.placed", version=3):
    order_id: OrderId
    buyer: Email
    total: Money
    note: str = ""
    weight: Decimal = Decimal(0)
    ratio: float = 0.0
    due: datetime | None = None
    extra: object = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderPaid(DomainEvent, name="shop.order.paid"):
    order_id: OrderId


@upcasts("shop.order.placed", 1)
def with_currency(fields: EventFields) -> EventFields:
    return {**fields, "total": {"amount": fields["total"], "currency": "EUR"}}


@upcasts("shop.order.placed", 2)
def with_buyer(fields: EventFields) -> EventFields:
    return {**fields, "buyer": "unknown@example.com"}


REGISTRY = EventRegistry([OrderPlaced, OrderPaid], source="/shop", upcasters=[with_buyer, with_currency])


def placed(**changes: Any) -> OrderPlaced:
    values: dict[str, Any] = {
        "order_id": OrderId(UUID(int=1)),
        "buyer": Email("ada@example.com"),
        "total": Money(1999, "EUR"),
    }
    return OrderPlaced(**(values | changes))


def encode(event: DomainEvent) -> Envelope:
    return REGISTRY.encode(event, subject="Order/1")


def test_an_event_becomes_an_envelope() -> None:
    event = placed(note="é", weight=Decimal("1.50"))
    envelope = encode(event)
    assert (envelope.id, envelope.time) == (event.event_id, event.occurred_at)
    assert (envelope.type, envelope.source, envelope.subject) == ("shop.order.placed.v3", "/shop", "Order/1")
    assert json.loads(envelope.data) == {
        "order_id": str(UUID(int=1)),
        "buyer": "ada@example.com",
        "total": {"amount": 1999, "currency": "EUR"},
        "note": "é",
        "weight": "1.50",
        "ratio": 0.0,
        "due": None,
        "extra": None,
    }


def test_an_event_comes_back_whole() -> None:
    for event in (
        placed(due=datetime(2030, 1, 1, tzinfo=UTC), weight=Decimal("1.5")),
        OrderPaid(order_id=OrderId.new()),
    ):
        again = REGISTRY.decode(Envelope.from_json(encode(event).to_json()))
        assert (again, type(again)) == (event, type(event))
        assert (again.event_id, again.occurred_at) == (event.event_id, event.occurred_at)


@given(st.text(), st.decimals(allow_nan=False, allow_infinity=False, places=4), st.floats())
def test_an_event_is_either_refused_or_comes_back(note: str, weight: Decimal, ratio: float) -> None:
    event = placed(note=note, weight=weight, ratio=ratio)
    if flaw(note) or flaw(ratio):
        with pytest.raises(EventEncodingError):
            encode(event)
    else:
        assert REGISTRY.decode(encode(event)) == event


def test_correlation_causation_and_trace_come_from_the_message_in_hand() -> None:
    bare = encode(placed())
    assert (bare.correlation_id, bare.causation_id, bare.traceparent) == (None, None, None)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    context = MessageContext(uuid4(), "request-1", traceparent=trace)
    with message_context(context):
        envelope = encode(placed())
    assert (envelope.correlation_id, envelope.causation_id) == ("request-1", str(context.message_id))
    assert envelope.traceparent == trace


@pytest.mark.parametrize("text", ["a\nb", "x" * 256, ""])
def test_what_cannot_travel_is_left_out(text: str) -> None:
    with message_context(MessageContext(uuid4(), text, traceparent=text)):
        envelope = encode(placed())
    assert (envelope.correlation_id, envelope.traceparent) == (None, None)


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"note": "a\0b"}, "note", "must not contain NUL characters"),
        ({"note": "\ud800"}, "note", "must not contain lone surrogates"),
        ({"ratio": float("nan")}, "ratio", "must be a finite number"),
        ({"ratio": float("-inf")}, "ratio", "must be a finite number"),
        ({"weight": Decimal("NaN")}, "weight", "must be a finite number"),
        ({"extra": {"at": datetime(2030, 1, 1)}}, "extra", "must have a time zone"),  # noqa: DTZ001 - the point
        ({"extra": {"a": ["\0"]}}, "extra", "must not contain NUL characters"),
        ({"total": "1999"}, "total", "must be of its declared type and have a JSON form"),
        ({"order_id": UUID(int=1)}, "order_id", "must be of its declared type and have a JSON form"),
        ({"note": 5}, "note", "must be of its declared type and have a JSON form"),
        ({"extra": object()}, "extra", "must be of its declared type and have a JSON form"),
        ({"note": "x" * 262_144}, "note", "must be smaller: an event may have 262144 bytes of JSON"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_type_and_field(changes: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(EventEncodingError) as caught:
        encode(placed(**changes))
    error = caught.value
    assert (error.event_type, error.field, error.rule) == ("shop.order.placed.v3", field, rule)
    assert str(error) == f"field {field!r} of event shop.order.placed.v3 {rule}"
    assert error.__context__ is None


def test_an_event_that_is_too_deep_is_refused() -> None:
    deep: list[object] = []
    for _ in range(31):
        deep = [deep]
    with pytest.raises(EventEncodingError, match=r"field 'extra' .* must not be nested deeper than 31 levels"):
        encode(placed(extra=deep))
    assert json.loads(encode(placed(extra=deep[0])).data)["extra"] == deep[0]


def test_what_can_be_written_can_be_read_at_the_limits() -> None:
    deep: list[object] = []
    for _ in range(30):
        deep = [deep]
    room = 262_144 - len(encode(placed(extra=deep)).data)
    event = placed(extra=deep, note="x" * room)
    assert len(encode(event).data) == 262_144
    assert REGISTRY.decode(Envelope.from_json(encode(event).to_json())) == event


@pytest.mark.parametrize("subject", ["", "x" * 256, "Order/\n"])
def test_a_key_that_cannot_be_stored_is_refused(subject: str) -> None:
    with pytest.raises(EventEncodingError) as caught:
        REGISTRY.encode(placed(), subject=subject)
    assert str(caught.value) == (
        "event shop.order.placed.v3 must be about an aggregate with a key of 1 to 255 printable characters"
    )


def test_a_class_that_is_not_registered_is_unknown() -> None:
    for attempt in (
        lambda: EventRegistry([OrderPaid]).encode(placed(), subject="Order/1"),
        lambda: EventRegistry([OrderPaid]).decode(encode(placed())),
    ):
        with pytest.raises(UnknownEventError) as caught:
            attempt()
        assert str(caught.value) == (
            "no event class is registered for shop.order.placed.v3: add it to the EventRegistry, or add an upcaster"
        )


@pytest.mark.parametrize(
    "name", ["os:system", "builtins.eval", "../x", "shop.order.placed.v4", f"{__name__}.OrderPaid"]
)
def test_nothing_is_looked_up_by_a_name_in_the_data(name: str) -> None:
    with pytest.raises(UnknownEventError):
        REGISTRY.decode(replace(encode(placed()), type=name))


def old(version: int, fields: dict[str, object]) -> Envelope:
    return replace(encode(placed()), type=f"shop.order.placed.v{version}", data=json.dumps(fields).encode())


def test_an_older_version_is_lifted_step_by_step() -> None:
    order_id = str(UUID(int=1))
    expected = placed(buyer=Email("unknown@example.com"))
    assert REGISTRY.decode(old(1, {"order_id": order_id, "total": 1999})) == expected
    assert REGISTRY.decode(old(2, {"order_id": order_id, "total": {"amount": 1999, "currency": "EUR"}})) == expected


def test_the_envelope_says_which_event_it_is() -> None:
    other = uuid4()
    forged = encode(placed()).data[:-1] + f',"event_id":"{other}"}}'.encode()
    envelope = replace(encode(placed()), data=forged)
    assert REGISTRY.decode(envelope).event_id == envelope.id


@upcasts("shop.order.placed", 2)
def unwritable(fields: EventFields) -> EventFields:
    return {**fields, "ratio": fields.get("bad", object())}


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "must be valid JSON in UTF-8"),
        (b"[]", "must be a JSON object"),
        (b'{"a": 1, "a": 1}', "must not contain duplicate keys"),
        (b'{"ratio": NaN}', "must not contain NaN or infinities"),
        (b" " * 262_145, "must not be larger than 262144 bytes"),
        (b'{"a": ' * 40 + b"1" + b"}" * 40, "must not be nested deeper than 32 levels"),
        (b"{}", "is not valid (missing), in field 'order_id'"),
        (b'{"hunter2": 1, "order_id": "hunter2"}', "is not valid (value_error), in field 'order_id'"),
    ],
)
def test_hostile_data_is_refused_without_showing_it(data: bytes, rule: str) -> None:
    with pytest.raises(EventDecodingError) as caught:
        REGISTRY.decode(replace(encode(placed()), data=data))
    assert (caught.value.event_type, caught.value.rule) == ("shop.order.placed.v3", rule)
    assert caught.value.__context__ is None


def test_what_an_upcaster_makes_of_the_data_must_be_json() -> None:
    registry = EventRegistry([OrderPlaced], upcasters=[unwritable])
    with pytest.raises(EventDecodingError, match="must still have a JSON form after it was lifted"):
        registry.decode(old(2, {}))


def test_an_upcaster_that_fails_makes_the_data_unreadable() -> None:
    with pytest.raises(EventDecodingError, match=r"could not be lifted by .*with_currency \(KeyError\)"):
        REGISTRY.decode(old(1, {}))


json_text = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text() | st.sampled_from(["order_id", "total"]), children),
).map(lambda value: json.dumps(value).encode())


@given(st.integers(1, 4), json_text | st.binary())
def test_no_data_raises_anything_else(version: int, data: bytes) -> None:
    envelope = replace(encode(placed()), type=f"shop.order.placed.v{version}", data=data)
    with pytest.raises((EventDecodingError, UnknownEventError)):
        REGISTRY.decode(envelope)


def test_two_classes_of_one_name_and_version_are_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Twin(DomainEvent, name="shop.order.paid"): ...

    with pytest.raises(DuplicateEventTypeError) as caught:
        EventRegistry([OrderPaid, Twin])
    assert caught.value.problem == (
        f"{__name__}.OrderPaid and {__name__}.{Twin.__qualname__} are both shop.order.paid.v1:"
        " give one of them another name or version"
    )


def test_the_same_class_may_be_given_twice() -> None:
    assert EventRegistry([OrderPaid, OrderPaid]).json_schemas().keys() == {"shop.order.paid.v1"}


def test_a_class_without_the_decorator_is_refused() -> None:
    class Bare(OrderPaid, name="shop.order.bare"):
        amount: int

    with pytest.raises(
        DefinitionError, match=r"Bare is no dataclass: put @dataclass\(frozen=True, kw_only=True\) on it"
    ):
        EventRegistry([Bare])


def test_a_field_without_a_json_form_is_refused() -> None:
    class Plain: ...

    @dataclass(frozen=True, kw_only=True)
    class Odd(DomainEvent, name="shop.odd"):
        plain: Plain

    with pytest.raises(DefinitionError, match="no JSON form can be derived from"):
        EventRegistry([Odd])


def test_a_secret_cannot_be_sent() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Leak(DomainEvent, name="shop.leak"):
        passwords: list[Secret | None]

    with pytest.raises(DefinitionError, match="Leak holds a secret, and events are stored and sent in the clear"):
        EventRegistry([Leak])


@pytest.mark.parametrize("source", ["", "my shop", "x" * 256, "a\nb"])
def test_a_source_is_a_uri_reference(source: str) -> None:
    with pytest.raises(DefinitionError, match=r"^the source of events must be a URI reference, for example '/shop'$"):
        EventRegistry([], source=source)


def test_the_schemas_describe_the_data_of_each_event() -> None:
    schemas = REGISTRY.json_schemas()
    assert list(schemas) == ["shop.order.paid.v1", "shop.order.placed.v3"]
    assert schemas["shop.order.paid.v1"] == {
        "properties": {"order_id": {"format": "uuid", "title": "OrderId", "type": "string"}},
        "required": ["order_id"],
        "title": "OrderPaid",
        "type": "object",
    }
