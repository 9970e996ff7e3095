"""What observers are told, and what metrics and spans make of it; loggers that keep quiet."""

import asyncio
import logging
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import grpc
import pytest

import hlf
from hlf import AsyncGateway, Endpoint
from hlf.metrics import CallMetrics
from hlf.observer import CallFacts, Outcome, RpcFacts
from hlf.tracing import CallSpans, headers
from tests.unit.hlf.faces import run_on, take
from tests.unit.hlf.fake_gateway import Refuse

BROKEN = Refuse(grpc.StatusCode.UNAVAILABLE, "the peer goes down")


class Notes:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.calls, self.rpcs, self.streams = [], [], []

    def call(self, call):
        return lambda outcome: self.calls.append((call, outcome.code))

    def rpc(self, rpc, metadata):
        metadata.append(("x-note", rpc.method))
        return lambda outcome: self.rpcs.append((rpc.method, rpc.channel, outcome.code))

    def stream(self, rpc, metadata):
        metadata.append(("x-note", rpc.method))
        return lambda outcome: self.streams.append((rpc.method, outcome.code, outcome.items))


@pytest.fixture(params=["sync", "async"])
def run(request, fake, identity, quick):
    """Runs ``scenario(gateway, wait)`` with observers."""

    def go(scenario, *observers):
        target = Endpoint(fake.address), identity
        return run_on(request.param, scenario, *target, session=quick, observers=observers)

    return go


def contract(gateway):
    return gateway.network("ch").contract("basic")


async def submit(gateway, wait):
    return await wait(contract(gateway).submit("Write", "secret"))


@pytest.mark.feature("A19", "sync", "async")
def test_observers_are_told_of_calls_and_their_rpcs(run):
    notes = Notes()
    run(submit, notes)
    assert notes.calls == [(CallFacts("submit", "ch", "basic", "Write"), "OK")]
    assert notes.rpcs == [("Endorse", "ch", "OK"), ("Submit", "ch", "OK"), ("CommitStatus", "ch", "OK")]


def test_observers_are_told_how_calls_fail(run, fake):
    notes = Notes()
    fake.script["Endorse"] = [BROKEN]
    with pytest.raises(hlf.EndorseError):
        run(submit, notes)
    assert [code for _, code in notes.calls] == ["UNAVAILABLE"]
    assert notes.rpcs == [("Endorse", "ch", "UNAVAILABLE")]

    fake.script["Submit"] = [lambda request: fake.commit(request.transaction_id, "MVCC_READ_CONFLICT")]
    with pytest.raises(hlf.CommitError):
        run(submit, notes)
    assert notes.calls[-1][1] == "MVCC_READ_CONFLICT"


def test_observers_are_told_of_a_call_that_is_cancelled(fake, identity):
    notes = Notes()
    fake.commit_on_submit = False

    async def scenario():
        async with AsyncGateway(Endpoint(fake.address), identity, observers=[notes]) as gateway:
            call = asyncio.create_task(contract(gateway).submit("Write"))
            await asyncio.to_thread(fake.wait_for, lambda: "CommitStatus" in fake.requests)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(scenario())
    assert [code for _, code in notes.calls] == ["CANCELLED"]
    assert notes.rpcs[-1][2] == "CANCELLED"


def test_observers_are_told_of_streams_and_their_breaks(run, fake):
    notes = Notes()
    block = (3, [("t1", "a", b"")])
    fake.events = [block, BROKEN, block, (4, [("t2", "a", b"")])]

    async def scenario(gateway, wait):
        stream = gateway.network("ch").chaincode_events("basic", start_block=3, reconnect=True)
        taken = await take(stream, wait, 2)
        stream.close()
        return [event.transaction_id for event in taken]

    assert run(scenario, notes) == ["t1", "t2"]
    assert notes.streams == [("ChaincodeEvents", "UNAVAILABLE", 1), ("ChaincodeEvents", "CANCELLED", 2)]


def test_metadata_reaches_the_peer(run, fake):
    run(submit, Notes())
    assert {name: values["x-note"] for name, values in fake.metadata.items()} == {
        "Endorse": "Endorse",
        "Submit": "Submit",
        "CommitStatus": "CommitStatus",
    }


# Prometheus and OpenTelemetry, in the few calls that are made of them


class Family:
    """A metric of prometheus_client."""

    values: dict = {}  # noqa: RUF012 - each fixture sets its own

    def __init__(self, name, _text, _labels, **_options):
        self.name, self.key = name, ()

    def labels(self, *labels):
        child = Family(self.name, "", ())
        child.key = (self.name, *labels)
        return child

    def inc(self, amount=1):
        self.values[self.key] = self.values.get(self.key, 0) + amount

    def dec(self):
        self.inc(-1)

    def observe(self, value):
        assert value >= 0
        self.inc()


@pytest.fixture
def prometheus(monkeypatch):
    module = ModuleType("prometheus_client")
    monkeypatch.setattr(Family, "values", {})
    module.Counter = module.Gauge = module.Histogram = Family
    module.REGISTRY = object()
    monkeypatch.setitem(sys.modules, "prometheus_client", module)
    return Family.values


@pytest.mark.feature("A19", "sync", "async")
def test_metrics_count_calls_and_rpcs(run, fake, prometheus):
    metrics = CallMetrics()
    run(submit, metrics)
    fake.script["Endorse"] = [BROKEN]
    with pytest.raises(hlf.EndorseError):
        run(submit, metrics)
    assert prometheus["hlf_calls", "submit", "ch", "basic", "OK"] == 1
    assert prometheus["hlf_calls", "submit", "ch", "basic", "UNAVAILABLE"] == 1
    assert prometheus["hlf_calls_in_flight", "submit", "ch", "basic"] == 0
    assert prometheus["hlf_call_seconds", "submit", "ch", "basic"] == 2
    assert prometheus["hlf_rpcs", "Endorse", "ch", "UNAVAILABLE"] == 1
    assert prometheus["hlf_rpc_seconds", "CommitStatus", "ch"] == 1


def test_metrics_count_streams(prometheus):
    ended = CallMetrics().stream(RpcFacts("Deliver", "ch"), [])
    assert prometheus["hlf_streams", "Deliver", "ch"] == 1
    ended(Outcome("UNAVAILABLE", 1.0, 7))
    assert prometheus["hlf_streams", "Deliver", "ch"] == 0
    assert prometheus["hlf_stream_ends", "Deliver", "ch", "UNAVAILABLE"] == 1
    assert prometheus["hlf_stream_answers", "Deliver", "ch"] == 7


class Span:
    def __init__(self, number, name, attributes, parent):
        self.name, self.attributes, self.parent = name, dict(attributes), parent
        self.status, self.ended = None, False
        self.context = SimpleNamespace(
            is_valid=True, trace_id=0xABC, span_id=number, trace_flags=1, trace_state=None
        )

    def get_span_context(self):
        return self.context

    def set_attribute(self, name, value):
        self.attributes[name] = value

    def set_status(self, status):
        self.status = status

    def end(self):
        self.ended = True


class Tracer:
    """OpenTelemetry's tracer, and its modules for the current span."""

    def __init__(self, monkeypatch):
        self.spans, self.current = [], []
        trace, context = ModuleType("opentelemetry.trace"), ModuleType("opentelemetry.context")
        trace.SpanKind = SimpleNamespace(INTERNAL="internal", CLIENT="client")
        trace.StatusCode = SimpleNamespace(ERROR="error")
        trace.get_tracer = lambda _name: self
        trace.set_span_in_context = lambda span: span
        context.attach = self.current.append
        context.detach = lambda _token: self.current.pop()
        monkeypatch.setitem(sys.modules, "opentelemetry", ModuleType("opentelemetry"))
        monkeypatch.setitem(sys.modules, "opentelemetry.trace", trace)
        monkeypatch.setitem(sys.modules, "opentelemetry.context", context)

    def start_span(self, name, *, kind, attributes):
        assert kind in ("internal", "client")
        span = Span(len(self.spans) + 1, name, attributes, self.current[-1].name if self.current else None)
        self.spans.append(span)
        return span


@pytest.mark.feature("A19", "sync", "async")
def test_spans_of_a_call_and_its_rpcs_reach_the_peer(run, fake, monkeypatch):
    tracer = Tracer(monkeypatch)
    run(submit, CallSpans())
    assert [(span.name, span.parent) for span in tracer.spans] == [
        ("submit Write", None),
        ("Endorse", "submit Write"),
        ("Submit", "submit Write"),
        ("CommitStatus", "submit Write"),
    ]
    assert all(span.ended and span.status is None for span in tracer.spans)
    assert tracer.current == []
    assert "secret" not in str([span.attributes for span in tracer.spans])
    assert fake.metadata["Submit"]["traceparent"] == f"00-{0xABC:032x}-{3:016x}-01"


def test_spans_tell_of_failure(run, fake, monkeypatch):
    tracer = Tracer(monkeypatch)
    fake.script["Endorse"] = [BROKEN]
    with pytest.raises(hlf.EndorseError):
        run(submit, CallSpans())
    assert [(span.status, span.attributes["hlf.code"]) for span in tracer.spans] == [
        ("error", "UNAVAILABLE")
    ] * 2


def test_trace_context():
    state = SimpleNamespace(to_header=lambda: "vendor=1")
    context = SimpleNamespace(is_valid=True, trace_id=1, span_id=2, trace_flags=0, trace_state=state)
    assert headers(context) == [
        ("traceparent", f"00-{1:032x}-{2:016x}-00"),
        ("tracestate", "vendor=1"),
    ]
    assert headers(SimpleNamespace(is_valid=False)) == []


@pytest.mark.parametrize(
    ("kind", "extra", "module"),
    [(CallMetrics, "metrics", "prometheus_client"), (CallSpans, "tracing", "opentelemetry.trace")],
)
def test_an_extra_that_is_missing_is_named(monkeypatch, kind, extra, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(hlf.ConfigurationError, match=rf"dure\[{extra}\]"):
        kind()


@pytest.mark.feature("A19", "sync", "async")
def test_loggers_are_quiet_and_tell_no_contents(run, fake, caplog):
    fake.script["Submit"] = [Refuse(grpc.StatusCode.UNAVAILABLE, "text of the peer: secret")]
    with caplog.at_level(logging.DEBUG, "hlf"):
        run(submit)
    assert "is sent again" in caplog.text
    assert "secret" not in caplog.text


def test_importing_configures_no_logging():
    code = (
        "import hlf, logging; logging.getLogger('hlf.x').warning('no'); print(logging.getLogger().handlers)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
