"""Traces and metrics of messages through the OpenTelemetry API (extra ``opentelemetry``).

Names follow the semantic conventions for messaging. Nothing that is in a message, and no text of an exception, becomes
an attribute: both may hold what users typed. In a program without an OpenTelemetry SDK nothing is recorded.
"""

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

from cleanarch_kit.application.extras import require

require("opentelemetry", extra="opentelemetry")

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from cleanarch_kit import __version__
from cleanarch_kit.application.context import MessageContext, current_message_context
from cleanarch_kit.application.messages import Message, StreamQuery
from cleanarch_kit.application.middleware.protocol import Next, NextStream
from cleanarch_kit.application.middleware.refusals import is_refusal

__all__ = ["Metrics", "Tracing"]

ResultT = TypeVar("ResultT")

_SYSTEM = {"messaging.system": "cleanarch_kit", "messaging.operation.name": "process"}
_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_propagator = TraceContextTextMapPropagator()


class Tracing:
    """Puts a span around each message; it stands behind `Correlation`, so that the span carries the message's ids.

    A span is called ``process CreateUser``. It belongs to the current one, or else to the trace that the message
    context came with from another process; events that are stored meanwhile take it along as their ``traceparent``. A
    message that failed ends its span as an error; one that was refused, by a rule of the domain, its input or its
    policy, only names the type of the exception.

    Args:
        tracer_provider: gives the tracer; the program's own by default.
    """

    def __init__(self, tracer_provider: trace.TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("cleanarch_kit", __version__, tracer_provider)

    async def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /) -> ResultT:
        """Handle the message in a span. See `Middleware`."""
        with self._span(type(message).__qualname__):
            return await call_next(message)

    async def stream(self, query: StreamQuery[ResultT], call_next: NextStream[ResultT], /) -> AsyncGenerator[ResultT]:
        """Handle the stream in a span that its consumer does not see. See `StreamMiddleware`."""
        with self._span(type(query).__qualname__):
            async with aclosing(call_next(query)) as items:
                async for item in items:
                    yield item

    def __repr__(self) -> str:
        return "Tracing()"

    @contextmanager
    def _span(self, name: str) -> Generator[None]:
        context = current_message_context.get()
        with self._tracer.start_as_current_span(
            f"process {name}",
            context=_parent(context),
            attributes={**_SYSTEM, "messaging.operation.type": "process", **_ids(name, context)},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            if context is not None:
                carrier: dict[str, str] = {}
                _propagator.inject(carrier)
                current_message_context.set(
                    replace(context, traceparent=carrier.get("traceparent", context.traceparent))
                )
            try:
                yield
            except GeneratorExit:
                raise
            except BaseException as error:
                span.set_attribute("error.type", type(error).__qualname__)
                if not is_refusal(error):
                    span.set_status(trace.StatusCode.ERROR)
                raise
            finally:
                current_message_context.set(context)


class Metrics:
    """Counts messages and measures how long they take.

    ``messaging.client.consumed.messages`` counts, ``messaging.process.duration`` is a histogram in seconds. Both have
    the message's type as ``messaging.destination.name``, and ``error.type`` where an exception ended it.

    Args:
        meter_provider: gives the meter; the program's own by default.
    """

    def __init__(self, meter_provider: metrics.MeterProvider | None = None) -> None:
        meter = metrics.get_meter("cleanarch_kit", __version__, meter_provider)
        self._handled = meter.create_counter(
            "messaging.client.consumed.messages", "{message}", "Number of messages that were handled."
        )
        self._duration = meter.create_histogram(
            "messaging.process.duration",
            "s",
            "Duration of handling a message.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )

    async def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /) -> ResultT:
        """Measure the message. See `Middleware`."""
        with self._measured(type(message).__qualname__):
            return await call_next(message)

    async def stream(self, query: StreamQuery[ResultT], call_next: NextStream[ResultT], /) -> AsyncGenerator[ResultT]:
        """Measure the stream from its first item to its end. See `StreamMiddleware`."""
        with self._measured(type(query).__qualname__):
            async with aclosing(call_next(query)) as items:
                async for item in items:
                    yield item

    def __repr__(self) -> str:
        return "Metrics()"

    @contextmanager
    def _measured(self, name: str) -> Generator[None]:
        attributes = {**_SYSTEM, "messaging.destination.name": name}
        started = perf_counter()
        try:
            yield
        except GeneratorExit:
            raise
        except BaseException as error:
            attributes["error.type"] = type(error).__qualname__
            raise
        finally:
            self._duration.record(perf_counter() - started, attributes)
            self._handled.add(1, attributes)


def _parent(context: MessageContext | None) -> Context | None:
    """Return the trace that the message came with; None where there is a span here already, or no trace at all."""
    if context is None or context.traceparent is None or trace.get_current_span().get_span_context().is_valid:
        return None
    return _propagator.extract({"traceparent": context.traceparent})


def _ids(name: str, context: MessageContext | None) -> dict[str, str]:
    ids = {"messaging.destination.name": name}
    if context is not None:
        ids["messaging.message.id"] = str(context.message_id)
        ids["messaging.message.conversation_id"] = context.correlation_id
    return ids
