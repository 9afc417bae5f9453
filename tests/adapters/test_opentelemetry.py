"""Spans and measurements of messages, as an SDK receives them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from cleanarch_kit.adapters.opentelemetry import Metrics, Tracing
from cleanarch_kit.application import (
    Command,
    CommandBus,
    Correlation,
    MessageBus,
    MessageContext,
    StreamQuery,
    current_context,
    handles,
    message_context,
    provide,
)
from cleanarch_kit.errors import DomainError

CANARY = "hunter2"


@dataclass(frozen=True)
class SignIn(Command[str | None]):
    password: str
    error: BaseException | None = None


@dataclass(frozen=True)
class Nest(Command[str | None]):
    password: str


@dataclass(frozen=True)
class Rows(StreamQuery[int]):
    upto: int


@handles(SignIn)
async def sign_in(command: SignIn) -> str | None:
    if command.error is not None:
        raise command.error
    context = current_context()
    return None if context is None else context.traceparent


@handles(Nest)
async def nest(command: Nest, *, bus: CommandBus) -> str | None:
    return await bus.execute(SignIn(command.password))


@handles(Rows)
async def rows(query: Rows) -> AsyncIterator[int]:
    for number in range(query.upto):
        yield number
    if query.upto > 2:
        raise ValueError(CANARY)


class Recorder:
    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader])

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._spans.get_finished_spans()

    def span(self) -> ReadableSpan:
        (span,) = self.spans()
        assert CANARY not in span.to_json()
        return span

    def points(self, name: str) -> list[tuple[Mapping[str, object], Any]]:
        data = self._reader.get_metrics_data()
        assert data is not None
        found: list[tuple[Mapping[str, object], Any]] = []
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        found += [(dict(point.attributes or {}), point) for point in metric.data.data_points]
        return found


def context_of(span: ReadableSpan) -> trace.SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def traced(recorder: Recorder) -> MessageBus:
    bus = MessageBus([sign_in, nest, rows], middleware=[Correlation(), Tracing(recorder.tracers)])
    return bus.bound(provide({}))


async def test_a_message_is_a_span_with_its_type_and_ids(recorder: Recorder) -> None:
    with message_context(MessageContext.new("request-1")) as request:
        await traced(recorder).execute(SignIn(CANARY))

    span = recorder.span()
    assert span.name == "process SignIn"
    attributes = dict(span.attributes or {})
    assert attributes.pop("messaging.message.id") != str(request.message_id)
    assert attributes == {
        "messaging.system": "cleanarch_kit",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "SignIn",
        "messaging.message.conversation_id": "request-1",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.parent is None


async def test_a_nested_message_is_a_span_within_the_span(recorder: Recorder) -> None:
    await traced(recorder).execute(Nest(CANARY))

    inner, outer = recorder.spans()
    assert (inner.name, outer.name) == ("process SignIn", "process Nest")
    assert inner.parent is not None
    assert inner.parent.span_id == context_of(outer).span_id


async def test_the_span_is_what_events_take_along(recorder: Recorder) -> None:
    traceparent = await traced(recorder).execute(SignIn(CANARY))

    context = context_of(recorder.span())
    assert traceparent == f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    assert current_context() is None


async def test_a_message_from_another_process_belongs_to_the_trace_it_came_with(recorder: Recorder) -> None:
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    came = MessageContext(MessageContext.new().message_id, "request-1", None, f"00-{trace_id}-{span_id}-01")
    with message_context(came):
        await traced(recorder).execute(SignIn(CANARY))

    parent = recorder.span().parent
    assert parent is not None
    assert (f"{parent.trace_id:032x}", f"{parent.span_id:016x}") == (trace_id, span_id)


async def test_a_span_that_is_open_here_comes_before_the_one_from_there(recorder: Recorder) -> None:
    came = MessageContext(MessageContext.new().message_id, "1", None, f"00-{'a' * 32}-{'b' * 16}-01")
    tracer = trace.get_tracer("test", tracer_provider=recorder.tracers)
    with message_context(came), tracer.start_as_current_span("request") as here:
        await traced(recorder).execute(SignIn(CANARY))

    parent = recorder.spans()[0].parent
    assert parent is not None
    assert parent.span_id == here.get_span_context().span_id


async def test_without_a_context_there_are_no_ids(recorder: Recorder) -> None:
    await MessageBus([sign_in], middleware=[Tracing(recorder.tracers)]).execute(SignIn(CANARY))

    assert "messaging.message.id" not in (recorder.span().attributes or {})


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError(CANARY), StatusCode.ERROR),
        (asyncio.CancelledError(CANARY), StatusCode.ERROR),
        (DomainError(CANARY), StatusCode.UNSET),
    ],
)
async def test_an_exception_is_named_by_its_type_alone(
    recorder: Recorder, error: BaseException, status: StatusCode
) -> None:
    with pytest.raises(type(error)) as caught:
        await traced(recorder).execute(SignIn(CANARY, error))
    assert caught.value is error

    span = recorder.span()
    assert (span.attributes or {})["error.type"] == type(error).__name__
    assert span.status.status_code is status
    assert span.events == ()


async def test_a_stream_is_a_span_that_its_consumer_does_not_see(recorder: Recorder) -> None:
    async for _ in traced(recorder).stream(Rows(2)):
        assert not trace.get_current_span().get_span_context().is_valid
    assert recorder.span().name == "process Rows"


async def test_a_stream_that_is_left_early_is_no_error_and_one_that_fails_is(recorder: Recorder) -> None:
    items = traced(recorder).stream(Rows(2))
    await anext(items)
    await items.aclose()
    with pytest.raises(ValueError, match=CANARY):
        [item async for item in traced(recorder).stream(Rows(3))]

    left, failed = recorder.spans()
    assert left.status.status_code is StatusCode.UNSET
    assert (failed.attributes or {})["error.type"] == "ValueError"


async def test_messages_are_counted_and_measured(recorder: Recorder) -> None:
    bus = MessageBus([sign_in, rows], middleware=[Metrics(recorder.meters)])
    for _ in range(3):
        await bus.execute(SignIn(CANARY))
    with pytest.raises(ValueError, match=CANARY):
        await bus.execute(SignIn(CANARY, ValueError(CANARY)))
    items = bus.stream(Rows(2))
    await anext(items)
    await items.aclose()

    common = {"messaging.system": "cleanarch_kit", "messaging.operation.name": "process"}
    expected = [
        ({**common, "messaging.destination.name": "SignIn"}, 3),
        ({**common, "messaging.destination.name": "SignIn", "error.type": "ValueError"}, 1),
        ({**common, "messaging.destination.name": "Rows"}, 1),
    ]
    counted = recorder.points("messaging.client.consumed.messages")
    assert all(isinstance(point, NumberDataPoint) for _, point in counted)
    assert [(attributes, point.value) for attributes, point in counted] == expected
    measured = recorder.points("messaging.process.duration")
    assert all(isinstance(point, HistogramDataPoint) and point.explicit_bounds[0] == 0.005 for _, point in measured)
    assert [(attributes, point.count) for attributes, point in measured] == expected


async def test_without_an_sdk_nothing_happens() -> None:
    bus = MessageBus([sign_in], middleware=[Correlation(), Tracing(), Metrics()])

    assert await bus.execute(SignIn(CANARY)) is None
    assert bus.explain(SignIn).splitlines()[2:4] == ["  middleware  Tracing()", "  middleware  Metrics()"]
