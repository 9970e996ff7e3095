"""Prometheus metrics of calls and streams (extra ``metrics``).

| metric | labels |
|---|---|
| ``hlf_chaincode_calls_total`` | ``chaincode``, ``function``, ``status`` (of the response), ``reason`` |
| ``hlf_chaincode_call_seconds`` (histogram) | ``chaincode``, ``function`` |
| ``hlf_chaincode_calls_in_flight`` | ``chaincode`` |
| ``hlf_chaincode_streams`` | ``chaincode`` |

``chaincode`` is the package's label; ``function`` is empty where the chaincode has none of that name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .observer import CallFacts, Outcome
from .serving.config import ConfigurationError

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)


class CallMetrics:
    """An ``Observer`` that counts into ``registry`` (default: the process's)."""

    def __init__(self, registry: Any = None) -> None:
        """ConfigurationError where prometheus-client is not installed."""
        prometheus = _prometheus()
        options = {"registry": registry or prometheus.REGISTRY}
        self._calls = prometheus.Counter(
            "hlf_chaincode_calls",
            "Calls that have been answered.",
            ("chaincode", "function", "status", "reason"),
            **options,
        )
        self._seconds = prometheus.Histogram(
            "hlf_chaincode_call_seconds",
            "Seconds from a call's arrival to its answer.",
            ("chaincode", "function"),
            buckets=_BUCKETS,
            **options,
        )
        self._in_flight = prometheus.Gauge(
            "hlf_chaincode_calls_in_flight", "Calls without an answer yet.", ("chaincode",), **options
        )
        self._streams = prometheus.Gauge(
            "hlf_chaincode_streams", "Peers' streams.", ("chaincode",), **options
        )

    def stream(self, package_id: str) -> Callable[[], None]:
        """Count a stream until it ends."""
        gauge = self._streams.labels(_label(package_id))
        gauge.inc()
        return gauge.dec  # type: ignore[no-any-return]

    def call(self, call: CallFacts) -> Callable[[Outcome], None]:
        """Count a call, in flight and then by its outcome."""
        chaincode = _label(call.package_id)
        in_flight = self._in_flight.labels(chaincode)
        in_flight.inc()

        def ended(outcome: Outcome) -> None:
            in_flight.dec()
            self._calls.labels(chaincode, call.function, str(outcome.status), outcome.reason).inc()
            self._seconds.labels(chaincode, call.function).observe(outcome.seconds)

        return ended


def serve_metrics(address: str) -> CallMetrics:
    """Metrics of this process at ``http://HOST:PORT/metrics``; ConfigurationError where that cannot be."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigurationError(f"metrics: {address}: expected HOST:PORT")
    prometheus = _prometheus()
    try:
        prometheus.start_http_server(int(port), host)
    except OSError as error:
        raise ConfigurationError(f"metrics: cannot listen on {address}: {error.strerror}") from error
    return CallMetrics()


def _prometheus() -> Any:
    # Only here: the runtime needs none of it.
    try:
        return importlib.import_module("prometheus_client")
    except ImportError as error:
        raise ConfigurationError("metrics: install dure[metrics]") from error


def _label(package_id: str) -> str:
    return package_id.partition(":")[0]
