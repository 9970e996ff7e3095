"""The server against a fake peer over real gRPC."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from fabric_protos.peer import chaincode_shim_pb2

from hlf_chaincode import Context, Contract, ContractError, Private, query
from hlf_chaincode import transaction as writes
from hlf_chaincode.abilities import Abilities
from hlf_chaincode.server import ChaincodeService, ConfigurationError, ServerTls, serve
from tests.unit.hlf_chaincode.certificates import Authority
from tests.unit.hlf_chaincode.fake_peer import DEADLINE, FakePeer, Message, transaction
from tests.unit.hlf_chaincode.running import Ledger, Running

released = threading.Event()
entered = threading.Event()
left = threading.Event()


class Store(Contract):
    name = "store"

    @query
    def get(self, ctx: Context, key: str) -> bytes:
        return ctx.state.get(key) or b"absent"

    @query
    def echo(self, ctx: Context, value: bytes) -> bytes:
        return value

    @query
    def wait(self, ctx: Context) -> str:
        entered.set()
        released.wait(DEADLINE)
        return "done"

    @writes
    def put(self, ctx: Context, key: str, value: bytes) -> None:
        ctx.state.put(key, value)
        ctx.emit("Put", key.encode())

    @writes
    def many(self, ctx: Context, count: int) -> int:
        for number in range(count):
            ctx.state.put(f"k{number}", b"v")
        return count

    @writes
    def fails(self, ctx: Context) -> None:
        raise RuntimeError("broken on purpose")

    @writes
    def exits(self, ctx: Context) -> None:
        sys.exit("broken on purpose")

    @query
    def wait_then_get(self, ctx: Context, key: str) -> bytes:
        entered.set()
        released.wait(DEADLINE)
        try:
            return ctx.state.get(key) or b"absent"
        finally:
            left.set()

    @query
    def get_twice(self, ctx: Context, key: str) -> bytes:
        first = ctx.state.get(key) or b"absent"
        entered.set()
        released.wait(DEADLINE)
        return first + b", " + (ctx.state.get(key) or b"absent")

    @writes
    def refuses(self, ctx: Context) -> None:
        raise ContractError("NO", "not today", day="Monday")

    @writes
    def secret(self, ctx: Context, key: str, value: Private[str]) -> None:
        ctx.state.put(key, value.encode())
        raise RuntimeError("after the write")


@pytest.fixture
def server() -> Iterator[Running]:
    released.clear()
    entered.clear()
    left.clear()
    running = Running(Store)
    yield running
    released.set()
    running.close()


@pytest.fixture
def connect(server: Running) -> Iterator[Callable[..., FakePeer]]:
    peers: list[FakePeer] = []

    def make(answer=None, **options) -> FakePeer:
        peer = FakePeer(server.server.address, answer or Ledger(), **options)
        peers.append(peer)
        assert peer.ready.wait(DEADLINE)
        return peer

    yield make
    for peer in peers:
        peer.close()


def test_registers_with_its_package_id(connect):
    assert connect().package_id == "store:1"


def test_hundred_transactions_in_flight_on_one_stream_each_get_their_own_answer(connect):
    """Defect: unsynchronised stream writes lose or hang concurrent transactions."""
    held: list[Message] = []
    all_asked = threading.Event()

    def hold(peer: FakePeer, message: Message) -> None:
        held.append(message)
        if len(held) == 100:
            all_asked.set()

    peer = connect(hold)
    for number in range(100):
        peer.begin(transaction(f"tx{number}", b"get", f"key{number}".encode()))
    assert all_asked.wait(DEADLINE)
    for request in reversed(held):
        key = chaincode_shim_pb2.GetState.FromString(request.payload).key
        peer.reply(request, b"value of " + key.encode())
    for number in range(100):
        response = peer.response(f"tx{number}")
        assert (response.status, response.payload) == (200, f"value of key{number}".encode())


def test_same_transaction_id_on_two_channels_is_two_calls(connect):
    asked: list[Message] = []
    both = threading.Event()

    def hold(_: FakePeer, message: Message) -> None:
        asked.append(message)
        if len(asked) == 2:
            both.set()

    peer = connect(hold)
    peer.begin(transaction("same", b"get", b"k", channel="one"))
    peer.send(transaction("same", b"get", b"k", channel="two"))
    assert both.wait(DEADLINE)
    for message in asked:
        peer.reply(message, message.channel_id.encode())
    answers = {peer.completed("same").channel_id, peer.completed("same").channel_id}
    assert answers == {"one", "two"}


def test_event_is_sent_with_the_result(connect):
    """Defect: events never sent."""
    peer = connect()
    peer.begin(transaction("tx", b"put", b"k", b"v"))
    message = peer.completed("tx")
    assert (message.chaincode_event.event_name, message.chaincode_event.payload) == ("Put", b"k")


def test_peer_error_is_raised_and_not_taken_as_success(connect):
    """Defect: peer ERROR taken as success."""
    peer = connect(lambda p, m: p.reply(m, b"GET_STATE failed: no ledger context", Message.ERROR))
    response = peer.call("tx", b"get", b"k")
    assert (response.status, response.message) == (500, "GET_STATE failed: no ledger context")


def test_exception_in_a_contract_answers_500_at_once(connect):
    """Defect: an exception in raw chaincode answers nothing (the peer waits 30 s)."""
    response = connect().call("tx", b"fails")
    assert (response.status, response.message) == (500, "INTERNAL: RuntimeError: broken on purpose")


def test_exit_in_a_contract_answers_500_at_once(server, connect):
    response = connect().call("tx", b"exits")
    assert (response.status, response.message) == (500, "INTERNAL: SystemExit")
    assert server.server.in_flight == 0


def test_a_call_that_was_given_up_asks_nothing_in_the_name_of_its_successor(connect):
    asked: list[Message] = []
    peer = connect(lambda _peer, message: asked.append(message))
    peer.begin(transaction("tx", b"wait_then_get", b"old"))
    assert entered.wait(DEADLINE)
    peer.begin(transaction("tx", b"wait"))
    assert peer.call("other", b"echo", b"x").payload == b"x"
    released.set()
    assert left.wait(DEADLINE)
    assert peer.response("tx").payload == b"done"
    assert peer.call("another", b"echo", b"x").payload == b"x"
    assert asked == []


def test_an_answer_that_nobody_asked_for_is_not_taken_for_that_of_the_next_request(connect):
    def answer_twice(peer: FakePeer, message: Message) -> None:
        peer.reply(message, b"asked for")
        peer.reply(message, b"not asked for")

    peer = connect(answer_twice)
    peer.begin(transaction("tx", b"get_twice", b"k"))
    assert entered.wait(DEADLINE)
    assert peer.call("other", b"echo", b"x").payload == b"x"
    released.set()
    assert peer.response("tx").payload == b"asked for, asked for"


def test_refusal_answers_500_with_code_and_fields(connect):
    response = connect().call("tx", b"refuses")
    assert (response.status, response.message) == (500, "NO: not today")
    assert json.loads(response.payload) == {"code": "NO", "message": "not today", "fields": {"day": "Monday"}}


def test_unreadable_proposal_answers_500(connect):
    peer = connect()
    message = transaction("tx", b"get", b"k")
    message.ClearField("proposal")
    peer.begin(message)
    assert peer.response("tx").status == 500


def test_messages_over_four_mebibytes_pass_both_ways(connect):
    """Defect: 4 MiB limit."""
    big = os.urandom(1024) * (6 * 1024)
    response = connect().call("tx", b"echo", big)
    assert response.payload == big


def test_keepalive_is_echoed(connect):
    peer = connect()
    peer.send(Message(type=Message.KEEPALIVE))
    peer.call("tx", b"echo", b"x")
    assert Message.KEEPALIVE in [message.type for message in peer.received]


def test_writes_go_in_batches_where_the_peer_offers_it(connect):
    ledger = Ledger()
    peer = connect(ledger, ready=Abilities(200, 0).to_payload())
    assert peer.call("tx", b"many", b"450").payload == b"450"
    assert ledger.kinds == ["WRITE_BATCH_STATE"] * 3
    assert len(ledger.state) == 450


def test_writes_go_singly_to_a_peer_of_fabric_2_5(connect):
    ledger = Ledger()
    assert connect(ledger).call("tx", b"many", b"3").status == 200
    assert ledger.kinds == ["PUT_STATE"] * 3


def test_neither_values_nor_proposals_are_logged(connect, caplog):
    """Defect: proposals and state values logged."""
    peer = connect()
    with caplog.at_level(logging.DEBUG, logger="hlf_chaincode"):
        peer.begin(transaction("tx", b"secret", b"thekey", transient={"value": b'"hushhush"'}))
        assert peer.response("tx").status == 500
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("hlf_chaincode")]
    assert ours
    assert not [text for text in ours if "hushhush" in text or "thekey" in text or "after the write" in text]


def test_half_closed_stream_ends_its_calls(server, connect):
    """Defect: tasks leaked when a peer half-closes."""
    asked = threading.Event()
    peer = connect(lambda p, m: asked.set())
    peer.begin(transaction("tx", b"get", b"k"))
    assert asked.wait(DEADLINE)
    assert server.server.in_flight == 1
    peer.half_close()
    assert peer.ended.wait(DEADLINE)
    assert peer.status is grpc.StatusCode.OK
    assert server.server.in_flight == 0
    assert connect().call("tx", b"echo", b"x").payload == b"x"


def test_message_out_of_place_ends_the_stream_with_an_error(connect):
    peer = connect()
    peer.send(Message(type=Message.REGISTERED))
    assert peer.ended.wait(DEADLINE)
    assert peer.received[-1].type == Message.ERROR


def test_stop_answers_what_is_under_way_first(server, connect):
    peer = connect()
    peer.begin(transaction("tx", b"wait"))
    assert entered.wait(DEADLINE)
    stopping = server.submit(server.server.stop(DEADLINE))
    released.set()
    assert peer.response("tx").payload == b"done"
    stopping.result(DEADLINE)
    assert peer.ended.wait(DEADLINE)


def test_health_says_serving(server):
    with grpc.insecure_channel(server.server.address) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check(b"", timeout=DEADLINE) == b"\x08\x01"


def test_port_in_use_is_a_sentence(server):
    async def second() -> None:
        other = ChaincodeService("x:1", (Store,), server.server.address, None)
        await serve([other], stop=asyncio.Event())

    with pytest.raises(ConfigurationError, match="cannot listen on"):
        server.do(second())


# TLS


def test_mutual_tls_serves_the_named_authority_and_nobody_else():
    """Defect: TLS settings ignored."""
    authority = Authority()
    root = authority.root
    running = Running(Store, tls=ServerTls(*authority.issue("server"), root))
    try:
        client = authority.issue("peer")
        good = grpc.ssl_channel_credentials(root, client.key, client.certificate)
        peer = FakePeer(running.server.address, Ledger(), credentials=good)
        assert peer.ready.wait(DEADLINE)
        assert peer.call("tx", b"echo", b"x").payload == b"x"
        peer.close()
        stranger = Authority("other ca").issue("stranger")
        for credentials in (
            grpc.ssl_channel_credentials(root, stranger.key, stranger.certificate),
            grpc.ssl_channel_credentials(root),
            None,
        ):
            refused = FakePeer(running.server.address, Ledger(), credentials=credentials)
            assert refused.ended.wait(DEADLINE)
            assert not refused.ready.is_set()
            assert refused.status is grpc.StatusCode.UNAVAILABLE
            refused.close()
    finally:
        running.close()


# The command line


CONTRACT = """
from hlf_chaincode import Contract, Context, query
class Hello(Contract):
    name = "hello"
    @query
    def hello(self, ctx: Context, who: str) -> str:
        return "hello " + who
"""


def _start(folder: Path, config: dict) -> subprocess.Popen[str]:
    (folder / "hello_contract.py").write_text(CONTRACT)
    (folder / "config.json").write_text(json.dumps(config))
    return subprocess.Popen(
        [sys.executable, "-m", "hlf_chaincode.server", "--config", str(folder / "config.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


def test_one_process_serves_several_chaincodes_and_ends_on_sigterm(tmp_path):
    entry = {"address": "127.0.0.1:0", "contracts": ["hello_contract:Hello"], "tls": None}
    servers = [{**entry, "package_id": "one:1"}, {**entry, "package_id": "two:2"}]
    with _start(tmp_path, {"servers": servers}) as process:
        word, *addresses = process.stdout.readline().split()
        assert (word, len(addresses)) == ("ready", 2)
        peers = [FakePeer(address, Ledger()) for address in addresses]
        for peer in peers:
            assert peer.ready.wait(DEADLINE)
        assert [peer.package_id for peer in peers] == ["one:1", "two:2"]
        assert peers[1].call("tx", b"hello", b"Ada").payload == b"hello Ada"
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        assert process.stderr.read() == ""
        for peer in peers:
            assert peer.ended.wait(DEADLINE)
            peer.close()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"contracts": ["hello_contract:Nobody"]}, "servers[0].contracts: hello_contract:Nobody"),
        ({"tls": {"certificate": "no.pem", "key": "no.pem"}}, "servers[0].tls.certificate: no.pem"),
        ({"address": "nowhere"}, "expected HOST:PORT"),
        ({"colour": "red"}, "unknown field colour"),
    ],
)
def test_wrong_configuration_names_the_field(tmp_path, change, text):
    entry = {
        "package_id": "one:1",
        "address": "127.0.0.1:0",
        "contracts": ["hello_contract:Hello"],
        "tls": None,
    }
    with _start(tmp_path, {"servers": [{**entry, **change}]}) as process:
        _, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert text in errors


def test_pydantic_is_not_imported_for_contracts_without_models():
    program = (
        "import sys, hlf_chaincode.server; "
        "sys.exit(bool({'pydantic', 'cryptography'} & {name.split('.')[0] for name in sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
