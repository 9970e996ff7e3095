"""The wire state machine alone: messages in, actions out."""

from __future__ import annotations

import gc

import pytest
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_response_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from hlf_chaincode import Context, Contract, query
from hlf_chaincode import transaction as writes
from hlf_chaincode.abilities import Abilities
from hlf_chaincode.contract import METADATA_FUNCTION, Registry
from hlf_chaincode.errors import ProtocolError, StreamClosed
from hlf_chaincode.session import Answer, Begin, Send, Session
from tests.unit.hlf_chaincode.fake_peer import Message, transaction


class Store(Contract):
    name = "store"

    @writes
    def put(self, ctx: Context, key: str) -> None:
        ctx.state.put(key, b"v")

    @writes
    def put_then_fail(self, ctx: Context, key: str) -> None:
        ctx.state.put(key, b"v")
        raise ValueError("no")

    @writes
    def put_big(self, ctx: Context, count: int) -> None:
        for number in range(count):
            ctx.state.put(f"k{number}", bytes([1]) * (4 * 1024 * 1024))

    @query
    def first(self, ctx: Context) -> str:
        return next(iter(ctx.state.range())).key

    @query
    def all(self, ctx: Context) -> list[str]:
        return [key for key, _ in ctx.state.range()]


REGISTRY = Registry([Store])


def ready(abilities: Abilities = Abilities()) -> Session:  # noqa: B008 - an immutable tuple
    session = Session("store:1", REGISTRY)
    session.open()
    session.receive(Message(type=Message.REGISTERED))
    session.receive(Message(type=Message.READY, payload=abilities.to_payload()))
    return session


def begin(session: Session, *args: bytes):
    (action,) = session.receive(transaction("tx", *args))
    assert isinstance(action, Begin)
    return action.call


class Recorder:
    """Answers every request from a list, or with an empty RESPONSE."""

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[Message] = []
        self._answers = list(answers)

    def __call__(self, request: Message) -> Message:
        self.requests.append(request)
        return Message(type=Message.RESPONSE, payload=self._answers.pop(0) if self._answers else b"")

    @property
    def kinds(self) -> list[str]:
        return [Message.Type.Name(request.type) for request in self.requests]


def response(message: Message) -> proposal_response_pb2.Response:
    assert message.type == Message.COMPLETED
    return proposal_response_pb2.Response.FromString(message.payload)


def test_opens_with_the_package_id():
    (action,) = Session("store:1", REGISTRY).open()
    assert isinstance(action, Send)
    assert action.message.type == Message.REGISTER
    assert chaincode_pb2.ChaincodeID.FromString(action.message.payload).name == "store:1"


def test_answers_go_to_the_call_of_their_channel_and_transaction():
    for kind in (Message.RESPONSE, Message.ERROR):
        message = Message(type=kind, channel_id="ch", txid="tx")
        assert ready().receive(message) == [Answer(("ch", "tx"), message)]


@pytest.mark.parametrize("kind", ["READY", "TRANSACTION", "RESPONSE", "REGISTER"])
def test_nothing_but_registered_comes_first(kind):
    session = Session("store:1", REGISTRY)
    session.open()
    with pytest.raises(ProtocolError, match=f"cannot handle message .{kind}. while in state: created"):
        session.receive(Message(type=Message.Type.Value(kind)))


def test_ready_that_cannot_be_read_is_an_error():
    session = Session("store:1", REGISTRY)
    session.receive(Message(type=Message.REGISTERED))
    with pytest.raises(ProtocolError, match="READY"):
        session.receive(Message(type=Message.READY, payload=b"\xff"))


def test_messages_of_a_call_carry_its_channel_and_transaction():
    peer = Recorder()
    answer = begin(ready(), b"put", b"k").run(peer)
    assert {(m.channel_id, m.txid) for m in [*peer.requests, answer]} == {("ch", "tx")}


def test_a_call_is_told_of_by_a_name_that_the_chaincode_has():
    assert begin(ready(), b"put", b"k").function == "store:put"
    assert begin(ready(), METADATA_FUNCTION.encode()).function == METADATA_FUNCTION
    assert begin(ready(), b"secret").function == ""


def test_writes_of_a_failed_call_are_not_sent():
    peer = Recorder()
    answer = begin(ready(Abilities(100, 100)), b"put_then_fail", b"k").run(peer)
    assert response(answer).message == "INTERNAL: ValueError: no"
    assert peer.kinds == []


def test_batches_stay_far_below_the_limit_of_a_message():
    peer = Recorder()
    assert response(begin(ready(Abilities(1000, 100)), b"put_big", b"5").run(peer)).status == 200
    assert peer.kinds == ["WRITE_BATCH_STATE", "WRITE_BATCH_STATE"]
    assert all(request.ByteSize() < 20 * 1024 * 1024 for request in peer.requests)


def test_peers_refusal_of_a_batch_is_the_answer():
    def refuse(request: Message) -> Message:
        return Message(type=Message.ERROR, payload=b"WRITE_BATCH_STATE failed: no")

    answer = begin(ready(Abilities(100, 100)), b"put", b"k").run(refuse)
    assert (response(answer).status, response(answer).message) == (500, "WRITE_BATCH_STATE failed: no")


def _results(keys: list[str], more: bool) -> bytes:
    from fabric_protos.ledger.queryresult import kv_query_result_pb2

    return chaincode_shim_pb2.QueryResponse(
        results=[
            chaincode_shim_pb2.QueryResultBytes(
                resultBytes=kv_query_result_pb2.KV(key=key, value=b"v").SerializeToString()
            )
            for key in keys
        ],
        has_more=more,
        id="it",
    ).SerializeToString()


def test_results_are_fetched_as_they_are_asked_for_and_closed_when_left():
    peer = Recorder(_results(["a", "b"], True))
    assert response(begin(ready(), b"first").run(peer)).payload == b"a"
    assert peer.kinds == ["GET_STATE_BY_RANGE", "QUERY_STATE_CLOSE"]
    peer = Recorder(_results(["a", "b"], True), _results(["c"], False))
    assert response(begin(ready(), b"all").run(peer)).payload == b'["a","b","c"]'
    assert peer.kinds == ["GET_STATE_BY_RANGE", "QUERY_STATE_NEXT"]


def test_a_call_leaves_nothing_to_the_garbage_collector():
    """Arguments of up to 100 MiB would stay until its next round."""
    session = ready(Abilities(100, 100))
    begin(session, b"put", b"k").run(Recorder())
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            begin(session, b"put", b"k").run(Recorder())
        # Each call left something, if it leaves anything.
        assert gc.collect() < 50
    finally:
        gc.enable()


def test_a_stream_that_ends_ends_the_call():
    def gone(request: Message) -> Message:
        raise StreamClosed("gone")

    with pytest.raises(StreamClosed):
        begin(ready(), b"put", b"k").run(gone)


_MESSAGES = st.builds(
    Message,
    type=st.sampled_from([*Message.Type.values()]),
    payload=st.binary(max_size=40),
    txid=st.text("ab", max_size=2),
    channel_id=st.just("ch"),
)


@settings(deadline=None)
@given(st.lists(_MESSAGES, max_size=8), st.booleans())
def test_any_message_is_acted_upon_or_refused(messages, start_ready):
    session = ready() if start_ready else Session("store:1", REGISTRY)
    for message in messages:
        try:
            actions = session.receive(message)
        except ProtocolError:
            continue
        for action in actions:
            if isinstance(action, Begin):
                assert response(action.call.run(Recorder())).status == 500
