"""OpenTelemetry spans of calls and RPCs, and W3C trace context in the RPCs' metadata (extra ``tracing``).

A call is an INTERNAL span under the caller's current one, each of its RPCs and each opening of a stream a
CLIENT span under it. Attributes: ``rpc.system`` grpc, ``rpc.method``, ``hlf.channel``,
``hlf.chaincode``, ``hlf.transaction_id``, ``hlf.code``. No argument, result or text of an error is recorded.
"""

from __future__ import annotations

import importlib
from typing import Any

from hlf.errors import ConfigurationError
from hlf.observer import CallFacts, Ended, Metadata, Outcome, RpcFacts


class CallSpans:
    """An ``Observer`` that makes spans with ``tracer`` (default: the global provider's)."""

    def __init__(self, tracer: Any = None) -> None:
        """ConfigurationError where opentelemetry-api is not installed."""
        try:
            # Only here: hlf needs none of it.
            self._trace: Any = importlib.import_module("opentelemetry.trace")
            self._context: Any = importlib.import_module("opentelemetry.context")
        except ImportError as error:
            raise ConfigurationError("opentelemetry-api is missing", hint="install dure[tracing]") from error
        self._tracer = tracer or self._trace.get_tracer("hlf")

    def call(self, call: CallFacts) -> Ended:
        """Begin a span and make it the current one until the call has ended."""
        attributes = {"hlf.channel": call.channel, "hlf.chaincode": call.chaincode}
        name = f"{call.kind} {call.function}".rstrip()
        span = self._tracer.start_span(name, kind=self._trace.SpanKind.INTERNAL, attributes=attributes)
        token = self._context.attach(self._trace.set_span_in_context(span))

        def ended(outcome: Outcome) -> None:
            self._context.detach(token)
            self._end(span, outcome)

        return ended

    def rpc(self, rpc: RpcFacts, metadata: Metadata) -> Ended:
        """Begin a span, and tell the peer of it."""
        attributes = {
            "rpc.system": "grpc",
            "rpc.method": rpc.method,
            "hlf.channel": rpc.channel,
            "hlf.transaction_id": rpc.transaction_id,
        }
        span = self._tracer.start_span(rpc.method, kind=self._trace.SpanKind.CLIENT, attributes=attributes)
        metadata += headers(span.get_span_context())
        return lambda outcome: self._end(span, outcome)

    def stream(self, rpc: RpcFacts, metadata: Metadata) -> Ended:
        """Begin a span that lasts as long as the stream, and tell the peer of it."""
        return self.rpc(rpc, metadata)

    def _end(self, span: Any, outcome: Outcome) -> None:
        span.set_attribute("hlf.code", outcome.code)
        if outcome.code not in ("OK", "CANCELLED"):
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()


def headers(context: Any) -> Metadata:
    """W3C trace context of an OpenTelemetry SpanContext: traceparent, and tracestate where there is one."""
    if not context.is_valid:
        return []
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
    state = context.trace_state.to_header() if context.trace_state else ""
    return [("traceparent", parent), *([("tracestate", state)] if state else [])]
