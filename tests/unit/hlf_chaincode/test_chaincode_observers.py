"""What metrics, spans and logs are told of calls, and what they are not."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hlf_chaincode import Context, Contract, ContractError, Private, query
from hlf_chaincode import transaction as writes
from hlf_chaincode.metrics import CallMetrics, serve_metrics
from hlf_chaincode.observer import CallFacts, Outcome
from hlf_chaincode.serving.config import ConfigurationError
from hlf_chaincode.serving.logs import JsonFormatter
from hlf_chaincode.tracing import CallSpans
from tests.unit.hlf_chaincode.fake_peer import DEADLINE, FakePeer, Message, transaction
from tests.unit.hlf_chaincode.running import Ledger, Running

SECRET = "hushhush"


class Vault(Contract):
    name = "vault"
    released = threading.Event()

    @query
    def get(self, ctx: Context, key: str) -> bytes:
        return ctx.state.get(key) or b"absent"

    @writes
    def put(self, ctx: Context, key: str, value: Private[str]) -> None:
        ctx.state.put(key, value.encode())
        ctx.emit("Put", value.encode())

    @query
    def refuses(self, ctx: Context, text: str) -> None:
        raise ContractError("NO", text)

    @query
    def fails(self, ctx: Context, text: str) -> None:
        raise ValueError(text)

    @query
    def hangs(self, ctx: Context, text: str) -> None:
        self.released.wait(DEADLINE)


class Told:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.streams: list[str] = []
        self.calls: list[tuple[CallFacts, Outcome]] = []
        self.begun = 0

    def stream(self, package_id: str):
        self.streams.append(f"+{package_id}")
        return lambda: self.streams.append(f"-{package_id}")

    def call(self, call: CallFacts):
        self.begun += 1
        return lambda outcome: self.calls.append((call, outcome))

    @property
    def reasons(self) -> list[tuple[str, int, str]]:
        return [(call.function, outcome.status, outcome.reason) for call, outcome in self.calls]


def run(*observers: Any) -> None:
    """Calls of every outcome, one after the other; each carries the secret wherever a call can."""
    Vault.released.clear()
    running = Running(Vault, observers=observers, time_limit=0.5, workers=1, waiting=0)
    ledger = Ledger()
    ledger.state[SECRET] = SECRET.encode()
    peer = FakePeer(running.server.address, ledger)
    try:
        assert peer.ready.wait(DEADLINE)
        peer.call("tx1", b"get", SECRET.encode())
        peer.begin(transaction("tx2", b"vault:put", b"k", transient={"value": json.dumps(SECRET).encode()}))
        peer.response("tx2")
        for number, name in enumerate(("refuses", "fails", SECRET), 3):
            peer.call(f"tx{number}", name.encode(), SECRET.encode())
        peer._answer = lambda peer, message: peer.reply(message, SECRET.encode(), Message.ERROR)
        peer.call("tx6", b"get", b"k")
        peer.begin(transaction("tx7", b"hangs", SECRET.encode()))
        assert peer.call("tx8", b"get", b"k").message.startswith("BUSY")
        assert peer.response("tx7").message.startswith("TIMEOUT")
        peer.begin(transaction("tx9", b"hangs", SECRET.encode()))
        deadline = time.monotonic() + DEADLINE
        while running.server.in_flight == 0:
            assert time.monotonic() < deadline
        peer.close()
        while running.server.in_flight:
            assert time.monotonic() < deadline
    finally:
        Vault.released.set()
        running.close()


def test_an_observer_is_told_of_every_call_once_and_of_both_ends_of_a_stream():
    told = Told()
    run(told)
    assert told.streams == ["+store:1", "-store:1"]
    assert told.reasons == [
        ("vault:get", 200, "ok"),
        ("vault:put", 200, "ok"),
        ("vault:refuses", 500, "refused"),
        ("vault:fails", 500, "failed"),
        ("", 500, "refused"),
        ("vault:get", 500, "peer"),
        ("vault:get", 500, "busy"),
        ("vault:hangs", 500, "timeout"),
        ("vault:hangs", 0, "lost"),
    ]
    assert told.begun == len(told.calls)
    assert all(outcome.seconds >= 0 for _, outcome in told.calls)
    first = told.calls[0][0]
    assert (first.package_id, first.channel, first.transaction_id) == ("store:1", "ch", "tx1")


def test_logs_have_fields_and_nothing_of_what_a_call_carried(caplog):
    with caplog.at_level(logging.DEBUG, logger="hlf_chaincode"):
        run()
    records = [record for record in caplog.records if record.name.startswith("hlf_chaincode")]
    calls = [record for record in records if record.name == "hlf_chaincode.calls"]
    assert [(r.function, r.status, r.reason) for r in calls][:2] == [
        ("vault:get", 200, "ok"),
        ("vault:put", 200, "ok"),
    ]
    assert {r.levelname for r in calls if r.reason in ("timeout", "busy", "lost")} == {"WARNING"}
    assert all(r.channel == "ch" and r.transaction_id and r.seconds >= 0 for r in calls)
    (failure,) = [record for record in records if getattr(record, "place", None)]
    assert failure.place.startswith("Vault.fails:")
    assert failure.levelname == "ERROR"
    formatter = JsonFormatter()
    lines = [formatter.format(record) for record in records]
    assert len(calls) == 9
    assert all(json.loads(line)["logger"] for line in lines)
    assert not [line for line in lines if SECRET in line]
    assert not [record for record in records if SECRET in str(vars(record))]


# Prometheus and OpenTelemetry, which are extras: their few functions that are used, by hand


class Meter:
    """A counter, gauge or histogram with its values by labels."""

    def __init__(self, name: str, _text: str, labels: tuple[str, ...], registry: dict, **_: Any) -> None:
        self._labels = labels
        self._values = registry.setdefault(name, {})

    def labels(self, *values: str) -> SimpleNamespace:
        assert len(values) == len(self._labels)

        def add(amount: float = 1) -> None:
            self._values[values] = self._values.get(values, 0) + amount

        return SimpleNamespace(inc=add, dec=lambda: add(-1), observe=lambda _seconds: add())


@pytest.fixture
def prometheus(monkeypatch) -> ModuleType:
    module = ModuleType("prometheus_client")
    module.Counter = module.Gauge = module.Histogram = Meter
    module.REGISTRY = {}
    monkeypatch.setitem(sys.modules, "prometheus_client", module)
    return module


def test_metrics_count_calls_by_function_and_status(prometheus):
    run(CallMetrics())
    found = prometheus.REGISTRY
    assert found["hlf_chaincode_calls"]["store", "vault:get", "200", "ok"] == 1
    assert found["hlf_chaincode_calls"]["store", "", "500", "refused"] == 1
    assert found["hlf_chaincode_calls"]["store", "vault:hangs", "500", "timeout"] == 1
    assert sum(found["hlf_chaincode_calls"].values()) == 9
    assert sum(found["hlf_chaincode_call_seconds"].values()) == 9
    assert found["hlf_chaincode_calls_in_flight"] == {("store",): 0}
    assert found["hlf_chaincode_streams"] == {("store",): 0}
    assert SECRET not in str(found)


def test_metrics_are_served_where_they_are_asked_for(prometheus):
    served = []
    prometheus.start_http_server = lambda port, host: served.append((port, host))
    serve_metrics("127.0.0.1:9100")
    assert served == [(9100, "127.0.0.1")]

    def taken(port: int, host: str) -> None:
        raise OSError(98, "Address already in use")

    prometheus.start_http_server = taken
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:9100: Address already in use"):
        serve_metrics("127.0.0.1:9100")
    with pytest.raises(ConfigurationError, match="expected HOST:PORT"):
        serve_metrics("9100")


class Span:
    def __init__(self, name: str, kind: str, attributes: dict[str, Any]) -> None:
        self.name, self.kind, self.attributes = name, kind, dict(attributes)
        self.status, self.ends = "", 0

    def set_attribute(self, name: str, value: Any) -> None:
        self.attributes[name] = value

    def set_status(self, status: str) -> None:
        self.status = status

    def end(self) -> None:
        self.ends += 1


def test_each_call_is_one_span(monkeypatch):
    spans: list[Span] = []

    def start_span(name: str, **options: Any) -> Span:
        spans.append(Span(name, **options))
        return spans[-1]

    trace = ModuleType("opentelemetry.trace")
    trace.SpanKind, trace.StatusCode = SimpleNamespace(SERVER="server"), SimpleNamespace(ERROR="error")
    trace.get_tracer = lambda _name: SimpleNamespace(start_span=start_span)
    monkeypatch.setitem(sys.modules, "opentelemetry", ModuleType("opentelemetry"))
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", trace)
    run(CallSpans())
    assert [span.ends for span in spans] == [1] * 9
    assert {span.kind for span in spans} == {"server"}
    assert [span.status for span in spans] == ["", "", "", "error", "", "", "error", "error", "error"]
    assert spans[0].name == "vault:get"
    assert spans[0].attributes == {
        "rpc.system": "hlf_chaincode",
        "hlf.chaincode": "store",
        "hlf.channel": "ch",
        "hlf.transaction_id": "tx1",
        "hlf.status": 200,
        "hlf.reason": "ok",
    }
    assert not [span for span in spans if SECRET in str(vars(span))]


def test_an_extra_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(ConfigurationError, match=r"install dure\[metrics\]"):
        CallMetrics()
    with pytest.raises(ConfigurationError, match=r"install dure\[tracing\]"):
        CallSpans()
