"""What a contract's calls become on the wire, and when: order, closing, refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_shim_pb2, proposal_response_pb2

from hlf_chaincode import (
    Context,
    Contract,
    DecodeError,
    InvokeError,
    PeerError,
    QueryError,
    StateError,
    transaction,
)
from hlf_chaincode.abilities import Abilities
from hlf_chaincode.contract import Registry
from hlf_chaincode.session import Begin, Session
from hlf_chaincode.stub import Message
from tests.unit.hlf_chaincode.fake_peer import transaction as call

BATCHES = Abilities(100, 100)
PLAIN = Abilities()
Body = Callable[[Context], Any]


@dataclass(frozen=True)
class Asset:
    owner: str
    size: int


class Peer:
    """Answers from a list of payloads, empty at its end, and refuses the kinds that it is told to."""

    def __init__(self, *answers: bytes, refuse: str = "") -> None:
        self.requests: list[Message] = []
        self._answers = list(answers)
        self._refuse = refuse

    def __call__(self, request: Message) -> Message:
        self.requests.append(request)
        if self.kinds[-1] == self._refuse:
            return Message(type=Message.ERROR, payload=b"the peer's own words")
        return Message(type=Message.RESPONSE, payload=self._answers.pop(0) if self._answers else b"")

    @property
    def kinds(self) -> list[str]:
        return [Message.Type.Name(request.type) for request in self.requests]


def run(body: Body, peer: Peer, abilities: Abilities = BATCHES) -> proposal_response_pb2.Response:
    """Run a function's body on a peer; what it raised is raised here."""

    class One(Contract):
        @transaction
        def act(self, ctx: Context) -> None:
            body(ctx)

    session = Session("one:1", Registry([One]))
    session.open()
    session.receive(Message(type=Message.REGISTERED))
    session.receive(Message(type=Message.READY, payload=abilities.to_payload()))
    (action,) = session.receive(call("tx", b"act"))
    assert isinstance(action, Begin)
    answer = action.call.run(peer)
    if action.call.failure is not None:
        raise action.call.failure
    return proposal_response_pb2.Response.FromString(answer.payload)


def results(*keys: str, more: bool = False) -> bytes:
    found = [kv_query_result_pb2.KV(key=key, value=b"v").SerializeToString() for key in keys]
    return chaincode_shim_pb2.QueryResponse(
        results=[chaincode_shim_pb2.QueryResultBytes(resultBytes=one) for one in found],
        has_more=more,
        id="it",
    ).SerializeToString()


def test_writes_wait_for_the_end_of_the_call_or_of_a_batch():
    def body(ctx: Context) -> None:
        with ctx.write_batch():
            ctx.state.put("a", b"1")
            ctx.private("c").purge("b")
        ctx.state.put("c", b"3")

    peer = Peer()
    run(body, peer)
    assert peer.kinds == ["WRITE_BATCH_STATE", "WRITE_BATCH_STATE"]
    records = chaincode_shim_pb2.WriteBatchState.FromString(peer.requests[0].payload).rec
    assert [record.key for record in records] == ["a", "b"]
    plain = Peer()
    run(body, plain, PLAIN)
    assert plain.kinds == ["PUT_STATE", "PURGE_PRIVATE_DATA", "PUT_STATE"]


def test_a_refused_batch_is_refused_where_it_ends():
    def body(ctx: Context) -> None:
        with pytest.raises(StateError, match="the peer's own words"), ctx.write_batch():
            ctx.state.put("a", b"1")

    assert run(body, Peer(refuse="WRITE_BATCH_STATE")).status == 200


@pytest.mark.parametrize(
    "ask",
    [
        lambda ctx: ctx.state.range_page("", "", 10),
        lambda ctx: ctx.state.by_partial_key_page("t", [], 10),
        lambda ctx: ctx.state.all_composite_page(10),
        lambda ctx: ctx.state.query_page({"selector": {}}, 10),
        lambda ctx: ctx.private("c").range(),
        lambda ctx: ctx.private("c").by_partial_key("t"),
        lambda ctx: ctx.private("c").query("{}"),
    ],
)
def test_what_only_readers_may_ask_and_writes_meet_in_the_order_of_the_contract(ask):
    """The peer refuses the second of the two, by its own rule: it has to see them in their order."""

    def write_first(ctx: Context) -> None:
        ctx.state.put("a", b"1")
        ask(ctx)

    def ask_first(ctx: Context) -> None:
        ask(ctx)
        ctx.state.put("a", b"1")
        ctx.state.delete("a")

    peer = Peer()
    run(write_first, peer)
    assert peer.kinds[0] == "WRITE_BATCH_STATE"
    peer = Peer()
    run(ask_first, peer)
    assert peer.kinds[1:] == ["PUT_STATE", "DEL_STATE"]


def test_a_write_after_a_page_is_refused_at_its_own_line():
    def body(ctx: Context) -> None:
        ctx.state.range_page("", "", 10)
        with pytest.raises(StateError, match="the peer's own words"):
            ctx.state.put("a", b"1")

    run(body, Peer(refuse="PUT_STATE"))


def test_reads_leave_writes_waiting():
    def body(ctx: Context) -> None:
        ctx.state.put("a", b"1")
        ctx.state.get("a")
        list(ctx.state.range())
        list(ctx.state.history("a"))
        ctx.state.put("b", b"1")

    peer = Peer()
    run(body, peer)
    assert peer.kinds == ["GET_STATE", "GET_STATE_BY_RANGE", "GET_HISTORY_FOR_KEY", "WRITE_BATCH_STATE"]


def test_another_chaincode_is_called_after_what_was_written_before():
    response = proposal_response_pb2.Response(status=200, payload=b"told").SerializeToString()
    told = Message(type=Message.COMPLETED, payload=response).SerializeToString()
    heard = []

    def body(ctx: Context) -> None:
        ctx.state.put("a", b"1")
        heard.append(ctx.invoke("other", ["f"]))

    peer = Peer(b"", told)
    run(body, peer)
    assert peer.kinds == ["WRITE_BATCH_STATE", "INVOKE_CHAINCODE"]
    assert heard == [b"told"]


def test_what_the_peer_refuses_has_a_kind_and_the_peers_words():
    cases: list[tuple[Body, str, type[PeerError], str]] = [
        (lambda ctx: ctx.state.get("k"), "GET_STATE", StateError, ""),
        (lambda ctx: ctx.private("c").get("k"), "GET_STATE", StateError, "c"),
        (lambda ctx: ctx.private("c").hash("k"), "GET_PRIVATE_DATA_HASH", StateError, "c"),
        (lambda ctx: ctx.state.get_policy("k"), "GET_STATE_METADATA", StateError, ""),
        (lambda ctx: ctx.state.range(), "GET_STATE_BY_RANGE", QueryError, ""),
        (lambda ctx: ctx.private("c").query("{}"), "GET_QUERY_RESULT", QueryError, "c"),
        (lambda ctx: ctx.state.history("k"), "GET_HISTORY_FOR_KEY", QueryError, ""),
    ]
    for body, kind, error, collection in cases:
        with pytest.raises(error, match=r"^the peer's own words$") as refusal:
            run(body, Peer(refuse=kind))
        assert (type(refusal.value), refusal.value.collection) == (error, collection)
    with pytest.raises(InvokeError, match=r"^the peer's own words$") as refused:
        run(lambda ctx: ctx.invoke("other", []), Peer(refuse="INVOKE_CHAINCODE"))
    assert refused.value.status == 0


def test_a_called_chaincode_that_fails_without_a_code_tells_its_status():
    response = proposal_response_pb2.Response(status=503, message="closed").SerializeToString()
    told = Message(type=Message.COMPLETED, payload=response).SerializeToString()
    with pytest.raises(InvokeError, match=r"^closed$") as refusal:
        run(lambda ctx: ctx.invoke("other", []), Peer(told))
    assert refusal.value.status == 503


def test_results_close_themselves_when_left():
    def left_by_with(ctx: Context) -> None:
        with ctx.state.range() as found:
            assert next(found).key == "a"
        with pytest.raises(StopIteration):
            next(found)

    def left_by_break(ctx: Context) -> None:
        for one in ctx.state.range():
            assert one.key == "a"
            break

    def read_to_the_end(ctx: Context) -> None:
        with ctx.state.by_partial_key("t") as found:
            assert len(list(found)) == 3

    for body in (left_by_with, left_by_break):
        peer = Peer(results("a", "b", more=True))
        run(body, peer)
        assert peer.kinds == ["GET_STATE_BY_RANGE", "QUERY_STATE_CLOSE"]
    peer = Peer(results("a", "b", more=True), results("c"))
    run(read_to_the_end, peer)
    assert peer.kinds == ["GET_STATE_BY_RANGE", "QUERY_STATE_NEXT"]


def test_values_as_json_by_annotation():
    def body(ctx: Context) -> None:
        for place in (ctx.state, ctx.private("c")):
            assert place.get_json("k", Asset) == Asset("me", 3)
            assert place.get_json("k", Asset) is None
            with pytest.raises(DecodeError, match="size: expected an integer"):
                place.get_json("k", Asset)
            place.put_json("k", Asset("you", 4))

    stored = b'{"owner":"me","size":3}'
    wrong = b'{"owner":"me","size":"3"}'
    peer = Peer(stored, b"", wrong, stored, b"", wrong)
    run(body, peer, PLAIN)
    puts = [m for m in peer.requests if m.type == Message.PUT_STATE]
    assert [chaincode_shim_pb2.PutState.FromString(put.payload).value for put in puts] == [
        b'{"owner":"you","size":4}'
    ] * 2


def test_a_rich_query_is_text_or_what_becomes_it():
    def body(ctx: Context) -> None:
        ctx.state.query({"selector": {"size": {"$gt": 3}}})
        ctx.state.query('{"selector":{}}')

    peer = Peer()
    run(body, peer)
    queries = [
        chaincode_shim_pb2.GetQueryResult.FromString(request.payload).query for request in peer.requests
    ]
    assert queries == ['{"selector":{"size":{"$gt":3}}}', '{"selector":{}}']
