"""What a call may take: its time, its thread, its place among those that wait."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from hlf_chaincode import Context, Contract, query, transaction
from hlf_chaincode.contract import Registry
from hlf_chaincode.errors import StreamClosed
from hlf_chaincode.serving.config import ConfigurationError, Limits, load_config
from hlf_chaincode.serving.stream import Stream
from hlf_chaincode.serving.workers import Workers
from hlf_chaincode.session import Session
from tests.unit.hlf_chaincode.fake_peer import DEADLINE, FakePeer, Message
from tests.unit.hlf_chaincode.fake_peer import transaction as call
from tests.unit.hlf_chaincode.running import Ledger, Running

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


class Gate(Contract):
    """Functions that wait until the test lets them go on."""

    entered = threading.Semaphore(0)
    released = threading.Event()
    ends: list[str]

    @query
    def quick(self, ctx: Context) -> str:
        return "quick"

    @query
    def wait(self, ctx: Context) -> str:
        self.entered.release()
        self.released.wait(DEADLINE)
        return "waited"

    @transaction
    def write(self, ctx: Context, key: str) -> str:
        for name in (key, f"{key}+"):
            ctx.state.put(name, b"v")
        return key

    @query
    def wait_then_get(self, ctx: Context) -> str:
        self.entered.release()
        self.released.wait(DEADLINE)
        for _ in range(2):
            try:
                ctx.state.get("k")
            except StreamClosed as error:
                self.ends.append(str(error))
        self.entered.release()
        return "got"


@contextmanager
def gate(**limits: float) -> Iterator[tuple[Running, FakePeer, Ledger]]:
    Gate.entered = threading.Semaphore(0)
    Gate.released = threading.Event()
    Gate.ends = []
    running = Running(Gate, **limits)
    ledger = Ledger()
    peer = FakePeer(running.server.address, ledger)
    try:
        assert peer.ready.wait(DEADLINE)
        yield running, peer, ledger
    finally:
        Gate.released.set()
        peer.close()
        running.close()


def entered(count: int = 1) -> None:
    for _ in range(count):
        assert Gate.entered.acquire(timeout=DEADLINE)


def health(running: Running) -> bytes:
    with grpc.insecure_channel(running.server.address) as channel:
        return channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=DEADLINE)


def test_the_default_is_less_than_a_peer_waits():
    assert Limits().time_limit < 30


def test_a_call_that_takes_too_long_is_answered_in_its_place():
    with gate(time_limit=0.1) as (running, peer, _):
        response = peer.call("tx", b"wait")
        assert (response.status, response.message) == (500, "TIMEOUT: no result within 0.1 s")
        assert json.loads(response.payload)["code"] == "TIMEOUT"
        assert running.server.in_flight == 0


def test_a_call_whose_time_is_over_asks_the_ledger_nothing_more():
    with gate(time_limit=0.1) as (_, peer, ledger):
        assert peer.call("tx", b"wait_then_get").status == 500
        Gate.released.set()
        entered(2)
        assert Gate.ends == ["the call has taken too long"] * 2
        assert peer.call("other", b"quick").payload == b"quick"
        assert ledger.kinds == []


def test_a_peer_that_answers_nothing_is_a_call_that_takes_too_long():
    with gate(time_limit=0.1) as (_, peer, ledger):
        Gate.released.set()
        peer._answer = lambda _peer, message: ledger.kinds.append(message.type)
        assert peer.call("tx", b"wait_then_get").message.startswith("TIMEOUT")
        assert ledger.kinds == [Message.GET_STATE]


def test_without_a_limit_a_call_takes_its_time():
    with gate(time_limit=0) as (running, peer, _):
        peer.begin(call("tx", b"wait"))
        entered()
        assert running.server.in_flight == 1
        Gate.released.set()
        assert peer.response("tx").payload == b"waited"


def test_a_thread_that_hangs_is_replaced():
    with gate(time_limit=0.1, workers=1) as (running, peer, _):
        assert peer.call("tx1", b"wait").status == 500
        assert peer.call("tx2", b"quick").payload == b"quick"
        assert running.server.abandoned == 1
        Gate.released.set()
        assert peer.call("tx3", b"quick").payload == b"quick"


def test_calls_behind_threads_that_all_hang_are_answered_and_health_says_so():
    with gate(time_limit=0.5, workers=2) as (running, peer, _):
        assert health(running) == SERVING
        for first in (0, 2):
            for number in (first, first + 1):
                peer.begin(call(f"tx{number}", b"wait"))
            entered(2)
            messages = {peer.response(f"tx{number}").message for number in (first, first + 1)}
            assert messages == {"TIMEOUT: no result within 0.5 s"}
            assert running.server.abandoned == 2
        assert health(running) == NOT_SERVING
        # The two that took their places hang as well: a call only waits.
        assert peer.call("tx5", b"quick").message.startswith("TIMEOUT")
        Gate.released.set()
        while running.server.abandoned:
            assert peer.call("tx6", b"quick").status in (200, 500)
        assert peer.call("tx7", b"quick").payload == b"quick"
        assert health(running) == SERVING


def test_slow_calls_hold_up_no_other():
    with gate(workers=3) as (_, peer, _):
        for number in range(2):
            peer.begin(call(f"slow{number}", b"wait"))
        entered(2)
        for number in range(20):
            assert peer.call(f"tx{number}", b"quick").payload == b"quick"
        Gate.released.set()
        assert {peer.response(f"slow{number}").payload for number in range(2)} == {b"waited"}


def test_calls_wait_for_a_thread_in_their_order_and_no_more_than_may():
    with gate(workers=1, waiting=2) as (running, peer, _):
        peer.begin(call("slow", b"wait"))
        entered()
        for number in range(2):
            peer.begin(call(f"tx{number}", b"quick"))
        response = peer.call("tx2", b"quick")
        assert (response.status, response.message) == (500, "BUSY: too many calls wait for a thread")
        assert running.server.in_flight == 3
        Gate.released.set()
        done = [peer.response(name).payload for name in ("slow", "tx0", "tx1")]
        assert done == [b"waited", b"quick", b"quick"]
        assert [m.txid for m in peer.received if m.type == Message.COMPLETED] == ["tx2", "slow", "tx0", "tx1"]


def written_and_unanswered(peer: FakePeer, *names: str) -> list[Message]:
    """Begin calls that write, and take their first requests."""
    asked: queue.SimpleQueue[Message] = queue.SimpleQueue()
    peer._answer = lambda _peer, message: asked.put(message)
    for name in names:
        peer.begin(call(name, b"write", name.encode()))
    return [asked.get(timeout=DEADLINE) for _ in names]


def test_a_function_that_has_returned_keeps_no_thread_while_the_peer_takes_its_writes():
    with gate(workers=1) as (running, peer, ledger):
        requests = written_and_unanswered(peer, "tx1", "tx2")
        assert [(message.txid, message.type) for message in requests] == [
            ("tx1", Message.PUT_STATE),
            ("tx2", Message.PUT_STATE),
        ]
        assert running.server.in_flight == 2
        peer._answer = ledger
        for message in requests:
            ledger(peer, message)
        assert [peer.response(name).payload for name in ("tx1", "tx2")] == [b"tx1", b"tx2"]
        assert set(ledger.state) == {"tx1", "tx1+", "tx2", "tx2+"}


def test_a_write_that_the_peer_leaves_unanswered_is_a_call_that_takes_too_long():
    with gate(time_limit=0.1, workers=1) as (running, peer, _):
        written_and_unanswered(peer, "tx1")
        assert peer.response("tx1").message == "TIMEOUT: no result within 0.1 s"
        assert (running.server.in_flight, running.server.abandoned) == (0, 0)
        assert peer.call("tx2", b"quick").payload == b"quick"


def test_a_write_that_the_peer_refuses_after_the_function_has_returned_is_the_answer():
    with gate() as (running, peer, _):
        (request,) = written_and_unanswered(peer, "tx1")
        peer.reply(request, b"PUT_STATE failed: no", Message.ERROR)
        response = peer.response("tx1")
        assert (response.status, response.message) == (500, "PUT_STATE failed: no")
        assert [message.type for message in peer.received].count(Message.PUT_STATE) == 1
        assert running.server.in_flight == 0


def test_a_write_over_the_limit_of_a_message_is_the_answer(monkeypatch):
    with gate() as (_, peer, ledger):
        monkeypatch.setattr("hlf_chaincode.serving.stream.MESSAGE_LIMIT", 100)
        assert "bytes is over the limit of" in peer.call("tx", b"write", b"k" * 100).message
        assert ledger.kinds == []


def test_a_stream_that_ends_frees_the_threads_that_waited_for_it():
    with gate(workers=2) as (running, peer, _):
        asked = threading.Semaphore(0)
        Gate.released.set()
        silent = FakePeer(running.server.address, lambda _peer, _message: asked.release())
        assert silent.ready.wait(DEADLINE)
        for number in range(4):
            silent.begin(call(f"tx{number}", b"wait_then_get"))
        for _ in range(2):
            assert asked.acquire(timeout=DEADLINE)
        silent.close()
        assert peer.call("tx", b"quick").payload == b"quick"
        while running.server.abandoned or running.server.in_flight:
            assert peer.call("tx", b"quick").status == 200


class Flood:
    """A peer that never stops sending, and reads only when it is let."""

    end = None

    def __init__(self) -> None:
        self.sent = self.read_back = 0
        self.reads = asyncio.Event()

    async def read(self) -> Message:
        await asyncio.sleep(0)
        self.sent += 1
        return Message(type=Message.KEEPALIVE)

    async def write(self, _message: Message) -> None:
        await self.reads.wait()
        self.read_back += 1

    async def close(self) -> None:
        pass


def test_a_peer_that_reads_nothing_is_not_read_either(monkeypatch):
    monkeypatch.setattr("hlf_chaincode.serving.stream._BACKLOG", 10)

    async def run() -> None:
        wire = Flood()
        stream = Stream(Session("gate:1", Registry([Gate])), wire, Workers(1, 1))
        serving = asyncio.create_task(stream.run())
        for _ in range(200):
            await asyncio.sleep(0)
        assert 10 <= wire.sent <= 13
        wire.reads.set()
        for _ in range(200):
            await asyncio.sleep(0)
        assert wire.read_back > 20
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(run())


def test_limits_are_read_from_the_configuration(tmp_path):
    entry = {
        "package_id": "one:1",
        "address": "127.0.0.1:0",
        "contracts": [f"{__name__}:Gate"],
        "tls": None,
    }
    file = tmp_path / "config.json"

    def load(**changed) -> Limits:
        file.write_text(json.dumps({"servers": [{**entry, **changed}]}))
        return load_config(file)[0].limits

    assert load() == Limits()
    assert load(time_limit=3, workers=4, waiting=0) == Limits(3.0, 4, 0)
    assert load(time_limit=None).time_limit == 0
    for name, value in (("time_limit", 0), ("time_limit", "5"), ("workers", 0), ("waiting", -1)):
        with pytest.raises(ConfigurationError, match=rf"servers\[0\].{name}: expected"):
            load(**{name: value})
