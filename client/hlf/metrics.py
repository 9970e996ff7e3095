"""Prometheus metrics of calls, RPCs and streams (extra ``metrics``).

| metric | labels |
|---|---|
| ``hlf_calls_total`` | ``kind`` (evaluate, submit ...), ``channel``, ``chaincode``, ``code`` |
| ``hlf_call_seconds`` (histogram) | ``kind``, ``channel``, ``chaincode`` |
| ``hlf_calls_in_flight`` | ``kind``, ``channel``, ``chaincode`` |
| ``hlf_rpcs_total`` | ``method``, ``channel``, ``code`` |
| ``hlf_rpc_seconds`` (histogram) | ``method``, ``channel`` |
| ``hlf_streams`` | ``method``, ``channel`` |
| ``hlf_stream_ends_total`` | ``method``, ``channel``, ``code`` |
| ``hlf_stream_answers_total`` | ``method``, ``channel``; counted when a stream ends |

``code`` is OK, the gRPC status, or the validation code of a transaction that is invalid.
"""

from __future__ import annotations

import importlib
from typing import Any

from hlf.errors import ConfigurationError
from hlf.observer import CallFacts, Ended, Metadata, Outcome, RpcFacts

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class CallMetrics:
    """An ``Observer`` that counts into ``registry`` (default: the process's). Gateways may share one."""

    def __init__(self, registry: Any = None) -> None:
        """ConfigurationError where prometheus-client is not installed."""
        try:
            # Only here: hlf needs none of it.
            prometheus: Any = importlib.import_module("prometheus_client")
        except ImportError as error:
            raise ConfigurationError("prometheus-client is missing", hint="install dure[metrics]") from error
        options = {"registry": registry or prometheus.REGISTRY}
        call, rpc = ("kind", "channel", "chaincode"), ("method", "channel")
        seconds = {**options, "buckets": _BUCKETS}
        counter, gauge, histogram = prometheus.Counter, prometheus.Gauge, prometheus.Histogram
        self._calls = counter("hlf_calls", "Calls that have ended.", (*call, "code"), **options)
        self._call_seconds = histogram("hlf_call_seconds", "Seconds of a whole call.", call, **seconds)
        self._in_flight = gauge("hlf_calls_in_flight", "Calls that have not ended.", call, **options)
        self._rpcs = counter("hlf_rpcs", "RPCs that have ended.", (*rpc, "code"), **options)
        self._rpc_seconds = histogram("hlf_rpc_seconds", "Seconds of an RPC.", rpc, **seconds)
        self._streams = gauge("hlf_streams", "Event streams that are open.", rpc, **options)
        self._ends = counter("hlf_stream_ends", "Event streams that broke off.", (*rpc, "code"), **options)
        self._answers = counter("hlf_stream_answers", "Answers of streams that ended.", rpc, **options)

    def call(self, call: CallFacts) -> Ended:
        """Count a call, in flight and then by its outcome."""
        labels = call.kind, call.channel, call.chaincode
        in_flight = self._in_flight.labels(*labels)
        in_flight.inc()

        def ended(outcome: Outcome) -> None:
            in_flight.dec()
            self._calls.labels(*labels, outcome.code).inc()
            self._call_seconds.labels(*labels).observe(outcome.seconds)

        return ended

    def rpc(self, rpc: RpcFacts, metadata: Metadata) -> Ended:
        """Count an RPC by its outcome."""
        del metadata
        labels = rpc.method, rpc.channel

        def ended(outcome: Outcome) -> None:
            self._rpcs.labels(*labels, outcome.code).inc()
            self._rpc_seconds.labels(*labels).observe(outcome.seconds)

        return ended

    def stream(self, rpc: RpcFacts, metadata: Metadata) -> Ended:
        """Count a stream while it is open, and how it ended."""
        del metadata
        labels = rpc.method, rpc.channel
        streams = self._streams.labels(*labels)
        streams.inc()

        def ended(outcome: Outcome) -> None:
            streams.dec()
            self._ends.labels(*labels, outcome.code).inc()
            self._answers.labels(*labels).inc(outcome.items)

        return ended
