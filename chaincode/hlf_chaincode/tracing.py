"""OpenTelemetry spans of calls (extra ``tracing``): one SERVER span for each, from arrival to answer.

Attributes: ``rpc.system`` ``hlf_chaincode``, ``hlf.chaincode``, ``hlf.channel``, ``hlf.transaction_id``,
``hlf.status``, ``hlf.reason``. No argument, state or text of an error is recorded. A span has no parent:
Fabric hands no trace context to chaincode. The transaction id joins it to the client's spans.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .observer import CallFacts, Outcome
from .serving.config import ConfigurationError

_FAULTS = frozenset({"failed", "timeout", "busy", "lost"})


class CallSpans:
    """An ``Observer`` that makes spans with ``tracer`` (default: the global provider's)."""

    def __init__(self, tracer: Any = None) -> None:
        """ConfigurationError where opentelemetry-api is not installed."""
        try:
            # Only here: the runtime needs none of it.
            trace: Any = importlib.import_module("opentelemetry.trace")
        except ImportError as error:
            raise ConfigurationError("tracing: install dure[tracing]") from error
        self._tracer = tracer or trace.get_tracer("hlf_chaincode")
        self._kind = trace.SpanKind.SERVER
        self._error = trace.StatusCode.ERROR

    def stream(self, package_id: str) -> Callable[[], None]:
        """Nothing: a stream lasts as long as the peer."""
        del package_id
        return lambda: None

    def call(self, call: CallFacts) -> Callable[[Outcome], None]:
        """Begin a span that ends with the call."""
        span = self._tracer.start_span(
            call.function or "unknown function",
            kind=self._kind,
            attributes={
                "rpc.system": "hlf_chaincode",
                "hlf.chaincode": call.package_id.partition(":")[0],
                "hlf.channel": call.channel,
                "hlf.transaction_id": call.transaction_id,
            },
        )

        def ended(outcome: Outcome) -> None:
            span.set_attribute("hlf.status", outcome.status)
            span.set_attribute("hlf.reason", outcome.reason)
            if outcome.reason in _FAULTS:
                span.set_status(self._error)
            span.end()

        return ended
