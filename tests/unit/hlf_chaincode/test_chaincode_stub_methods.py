"""Every method of the chaincode stub of Go, by its name there, as a contract reaches it here.

Each runs on peers that take batches and several keys at once (Fabric 3.1), and on peers that do not (2.5).
The names are those of docs/reference/chaincode.md.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import proposal_pb2

from hlf_chaincode import (
    Context,
    Contract,
    ContractError,
    InvokeError,
    Private,
    QueryError,
    StateError,
    key_policy,
    query,
    transaction,
)
from hlf_chaincode.stub import Message
from hlf_chaincode.testing import Caller, ChaincodeSpec, CollectionSpec, MemoryLedger, TransactionFailed
from hlf_chaincode.testing.peer import PeerSide

BOTH = "AND('A.peer','B.peer')"
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
Body = Callable[[Context], Any]


class Probe(Contract):
    """Does what a test tells it to."""

    name = "probe"

    def __init__(self) -> None:
        self.body: Body = lambda _ctx: None
        self.seen: Any = None

    @transaction
    def act(self, ctx: Context, first: str = "", second: str = "", secret: Private[bytes] = b"") -> None:
        self.seen = self.body(ctx)

    @query
    def look(self, ctx: Context, first: str = "", second: str = "", secret: Private[bytes] = b"") -> None:
        self.seen = self.body(ctx)


class Other(Contract):
    """A chaincode that is called."""

    name = "other"

    @transaction
    def set(self, ctx: Context, key: str, value: str) -> str:
        ctx.state.put(key, value.encode())
        return f"set {key}"

    @query
    def get(self, ctx: Context, key: str) -> bytes:
        value = ctx.state.get(key)
        if value is None:
            raise ContractError("NOT_FOUND", f"no {key}", key=key)
        return value


class Desk:
    """A ledger, and what is asked of its peers on the way."""

    def __init__(self, batching: bool) -> None:
        self.batching = batching
        self.probe = Probe()
        self.asked: list[str] = []
        collections = [CollectionSpec("A_B", ["A", "B"], endorsement_policy=BOTH)]
        self.ledger = MemoryLedger(
            channel="one",
            organizations=["A", "B", "C"],
            chaincodes=[
                ChaincodeSpec("probe", [self.probe], BOTH, collections),
                ChaincodeSpec("other", [Other], BOTH),
            ],
            time=NOW,
            batching=batching,
        )

    def act(self, body: Body, *args: str, **options: Any) -> Any:
        """Submit; what the body returned at the last endorser, and what one endorser was asked for."""
        self.probe.body = body
        self.asked.clear()
        endorsers = options.pop("endorsers", ["A", "B"])
        self.ledger.submit("probe", "act", *args, endorsers=endorsers, **options)
        del self.asked[: len(self.asked) - len(self.asked) // len(endorsers)]
        return self.probe.seen

    def look(self, body: Body, *args: str, **options: Any) -> Any:
        """Evaluate."""
        self.probe.body = body
        self.asked.clear()
        self.ledger.evaluate("probe", "look", *args, **options)
        return self.probe.seen

    def written(self, *plain: str) -> list[str]:
        """What peers are asked for, for these plain requests: on 3.1 one batch in their place."""
        return ["WRITE_BATCH_STATE"] if self.batching else list(plain)


@pytest.fixture(params=[True, False], ids=["3.1", "2.5"])
def desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(request.param)
    exchange = PeerSide.exchange

    def noted(side: PeerSide, message: Message) -> Message:
        made.asked.append(Message.Type.Name(message.type))
        return exchange(side, message)

    monkeypatch.setattr(PeerSide, "exchange", noted)
    return made


def puts(**values: bytes) -> Body:
    def body(ctx: Context) -> None:
        for key, value in values.items():
            ctx.state.put(key, value)

    return body


def hides(**values: bytes) -> Body:
    def body(ctx: Context) -> None:
        for key, value in values.items():
            ctx.private("A_B").put(key, value)

    return body


# The call


def test_GetArgs(desk: Desk) -> None:
    assert desk.look(lambda ctx: ctx.args, "안녕", "") == (b"look", "안녕".encode(), b"")


def test_GetStringArgs(desk: Desk) -> None:
    assert desk.look(lambda ctx: ctx.string_args, "안녕", "") == ("look", "안녕", "")


def test_GetFunctionAndParameters(desk: Desk) -> None:
    assert desk.look(lambda ctx: ctx.function_and_parameters, "a", "b") == ("look", ("a", "b"))


def test_GetArgsSlice(desk: Desk) -> None:
    assert desk.look(lambda ctx: ctx.args_slice, "a", "b") == b"lookab"


def test_GetTxID(desk: Desk) -> None:
    first, second = (desk.act(lambda ctx: ctx.transaction_id) for _ in range(2))
    assert [first, second] == [each.transaction_id for each in desk.ledger.transactions]
    assert first != second and len(bytes.fromhex(first)) == 32


def test_GetChannelID(desk: Desk) -> None:
    assert desk.look(lambda ctx: ctx.channel) == "one"


def test_GetCreator(desk: Desk) -> None:
    caller = Caller("C", {"role": "clerk"}, role="admin", name="kim")
    creator = identities_pb2.SerializedIdentity.FromString(desk.look(lambda ctx: ctx.creator, caller=caller))
    assert (creator.mspid, creator.id_bytes) == ("C", desk.ledger.certificate(caller))
    client = desk.look(lambda ctx: ctx.client, caller=caller)
    assert (client.msp_id, client.role, client.attribute("role")) == ("C", "admin", "clerk")


def test_GetTransient(desk: Desk) -> None:
    secrets = {"secret": b"\x00", "other": {"n": 1}}
    assert desk.look(lambda ctx: dict(ctx.transient), transient=secrets) == {
        "secret": b"\x00",
        "other": b'{"n":1}',
    }


def test_GetBinding(desk: Desk) -> None:
    def body(ctx: Context) -> tuple[bytes, bytes]:
        return ctx.binding, ctx.signed_proposal.proposal_bytes

    binding, raw = desk.look(body)
    header = common_pb2.Header.FromString(proposal_pb2.Proposal.FromString(raw).header)
    signature = common_pb2.SignatureHeader.FromString(header.signature_header)
    assert binding == hashlib.sha256(signature.nonce + signature.creator + bytes(8)).digest()


def test_GetDecorations(desk: Desk) -> None:
    # A peer without a decorator plugin adds nothing; what one adds is shown in test_chaincode_session.
    assert dict(desk.look(lambda ctx: ctx.decorations)) == {}


def test_GetSignedProposal(desk: Desk) -> None:
    signed = desk.look(lambda ctx: ctx.signed_proposal, "a")
    proposal = proposal_pb2.Proposal.FromString(signed.proposal_bytes)
    header = common_pb2.Header.FromString(proposal.header)
    channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
    assert channel_header.channel_id == "one"


def test_GetTxTimestamp(desk: Desk) -> None:
    assert desk.look(lambda ctx: ctx.timestamp) == NOW
    desk.ledger.time = NOW + datetime.timedelta(microseconds=1)
    assert desk.act(lambda ctx: ctx.timestamp) == NOW + datetime.timedelta(microseconds=1)


def test_SetEvent(desk: Desk) -> None:
    desk.act(lambda ctx: ctx.emit("Done", b"\x00"))
    (event,) = desk.ledger.events
    assert (event.name, event.payload, event.chaincode) == ("Done", b"\x00", "probe")
    with pytest.raises(ValueError, match="event name can not be empty string"):
        desk.act(lambda ctx: ctx.emit(""))


def test_InvokeChaincode(desk: Desk) -> None:
    assert desk.act(lambda ctx: ctx.invoke("other", ["set", "k", "v"])) == b"set k"
    assert desk.asked == ["INVOKE_CHAINCODE", *desk.written("PUT_STATE")]
    assert desk.ledger.state_of("other") == {"k": b"v"}
    with pytest.raises(ContractError, match="NOT_FOUND: no x") as refused:
        desk.act(lambda ctx: ctx.invoke("other", ["get", "x"]))
    assert refused.value.fields == {"key": "x"}
    with pytest.raises(InvokeError, match="chaincode nobody not found"):
        desk.act(lambda ctx: ctx.invoke("nobody", ["get", "x"]))
    two = MemoryLedger(channel="two", organizations=["A", "B"], contracts=[Other])
    two.submit(Other, "set", "k", "there")
    desk.ledger.connect(two)
    assert desk.look(lambda ctx: ctx.invoke("other", ["get", "k"], channel="two")) == b"there"
    desk.act(lambda ctx: ctx.invoke("other", ["set", "k", "here"], channel="two"))
    assert two.state == {"k": b"there"}


# Public state


def test_GetState(desk: Desk) -> None:
    assert desk.act(lambda ctx: (ctx.state.put("k", b"v"), ctx.state.get("k"))[1]) is None
    assert desk.look(lambda ctx: ctx.state.get("k")) == b"v"
    assert desk.asked == ["GET_STATE"]
    with pytest.raises(ValueError, match="must not be an empty string"):
        desk.look(lambda ctx: ctx.state.get(""))


def test_PutState(desk: Desk) -> None:
    desk.act(lambda ctx: (ctx.state.put("k", b"first"), ctx.state.put("k", b"\x00\xff")))
    assert desk.asked == desk.written("PUT_STATE", "PUT_STATE")
    assert desk.ledger.state == {"k": b"\x00\xff"}
    with pytest.raises(ContractError, match="READ_ONLY"):
        desk.look(puts(k=b"w"))
    with pytest.raises(TransactionFailed, match="ENDORSEMENT_POLICY_FAILURE"):
        desk.act(puts(k=b"w"), endorsers=["A"])


def test_DelState(desk: Desk) -> None:
    desk.act(puts(k=b"v", l=b"v"))
    desk.act(lambda ctx: (ctx.state.delete("k"), ctx.state.delete("never there")))
    assert desk.asked == desk.written("DEL_STATE", "DEL_STATE")
    assert desk.ledger.state == {"l": b"v"}


def test_GetMultipleStates(desk: Desk) -> None:
    desk.act(puts(a=b"1", b=b"2"))
    assert desk.look(lambda ctx: ctx.state.get_many(["b", "x", "a"])) == [b"2", None, b"1"]
    assert desk.asked == (["GET_STATE_MULTIPLE"] if desk.batching else ["GET_STATE"] * 3)
    assert desk.look(lambda ctx: ctx.state.get_many([])) == []


def test_GetStateByRange(desk: Desk) -> None:
    desk.act(puts(a=b"1", b=b"2", c=b"3"))
    desk.act(lambda ctx: ctx.state.put(ctx.composite_key("pair", ["a"]), b"4"))
    assert desk.look(lambda ctx: [tuple(each) for each in ctx.state.range("a", "c")]) == [
        ("a", b"1"),
        ("b", b"2"),
    ]
    assert desk.look(lambda ctx: [each.key for each in ctx.state.range()]) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="composite key"):
        desk.look(lambda ctx: list(ctx.state.range("\x00a", "")))


def test_GetStateByRangeWithPagination(desk: Desk) -> None:
    desk.act(puts(a=b"1", b=b"2", c=b"3"))
    page = desk.look(lambda ctx: ctx.state.range_page("a", "", 2))
    assert ([each.key for each in page.items], page.bookmark) == (["a", "b"], "c")
    last = desk.look(lambda ctx: ctx.state.range_page("a", "", 2, page.bookmark))
    assert ([each.key for each in last.items], last.bookmark) == (["c"], "")
    with pytest.raises(StateError, match=r"already performed a paginated query. Writes are not allowed"):
        desk.act(lambda ctx: (ctx.state.range_page("a", "", 2), ctx.state.put("k", b"v")))
    with pytest.raises(QueryError, match="supported only in a read-only transaction"):
        desk.act(lambda ctx: (ctx.state.put("k", b"v"), ctx.state.range_page("a", "", 2)))


def pairs(ctx: Context) -> None:
    for parts in (["a", "1"], ["a", "2"], ["ab", "1"]):
        ctx.state.put(ctx.composite_key("pair", parts), parts[1].encode())
    ctx.state.put(ctx.composite_key("other", ["a"]), b"other")
    ctx.state.put("plain", b"plain")


def test_GetStateByPartialCompositeKey(desk: Desk) -> None:
    desk.act(pairs)

    def found(*parts: str) -> list[list[str]]:
        return desk.look(
            lambda ctx: [
                ctx.split_composite_key(each.key)[1] for each in ctx.state.by_partial_key("pair", parts)
            ]
        )

    assert found("a") == [["a", "1"], ["a", "2"]]
    assert found() == [["a", "1"], ["a", "2"], ["ab", "1"]]
    assert found("b") == []


def test_GetStateByPartialCompositeKeyWithPagination(desk: Desk) -> None:
    desk.act(pairs)
    page = desk.look(lambda ctx: ctx.state.by_partial_key_page("pair", ["a"], 1))
    assert ([each.value for each in page.items], page.bookmark) == ([b"1"], "\x00pair\x00a\x002\x00")
    last = desk.look(lambda ctx: ctx.state.by_partial_key_page("pair", ["a"], 1, page.bookmark))
    assert ([each.value for each in last.items], last.bookmark) == ([b"2"], "")


def test_GetAllStatesCompositeKeyWithPagination(desk: Desk) -> None:
    desk.act(pairs)
    page = desk.look(lambda ctx: ctx.state.all_composite_page(3))
    assert [each.value for each in page.items] == [b"other", b"1", b"2"]
    last = desk.look(lambda ctx: ctx.state.all_composite_page(3, page.bookmark))
    assert ([each.value for each in last.items], last.bookmark) == ([b"1"], "")


def test_CreateCompositeKey(desk: Desk) -> None:
    assert desk.look(lambda ctx: ctx.composite_key("loan", ["a", ""])) == "\x00loan\x00a\x00\x00"
    for bad in ("\x00", "\U0010ffff"):
        with pytest.raises(ValueError, match="not allowed in a composite key"):
            desk.look(lambda ctx, bad=bad: ctx.composite_key("loan", [f"a{bad}b"]))


def test_SplitCompositeKey(desk: Desk) -> None:
    key = desk.look(lambda ctx: ctx.composite_key("loan", ["a", "7"]))
    assert desk.look(lambda ctx: ctx.split_composite_key(key)) == ("loan", ["a", "7"])


def test_GetQueryResult(desk: Desk) -> None:
    with pytest.raises(QueryError, match="ExecuteQuery not supported for leveldb"):
        desk.look(lambda ctx: list(ctx.state.query('{"selector":{}}')))


def test_GetQueryResultWithPagination(desk: Desk) -> None:
    with pytest.raises(QueryError, match="not supported for leveldb"):
        desk.look(lambda ctx: ctx.state.query_page('{"selector":{}}', 2))


def test_GetHistoryForKey(desk: Desk) -> None:
    desk.act(puts(k=b"one"))
    desk.ledger.time = NOW + datetime.timedelta(days=1)
    desk.act(lambda ctx: ctx.state.delete("k"))
    deleted, put = desk.look(lambda ctx: list(ctx.state.history("k")))
    assert (put.value, put.deleted, put.timestamp) == (b"one", False, NOW)
    assert (deleted.value, deleted.deleted, deleted.timestamp) == (None, True, desk.ledger.time)
    assert put.transaction_id == desk.ledger.transactions[0].transaction_id


def test_SetStateValidationParameter(desk: Desk) -> None:
    desk.act(lambda ctx: (ctx.state.put("k", b"v"), ctx.state.set_policy("k", key_policy(["C"]))))
    assert desk.asked == desk.written("PUT_STATE", "PUT_STATE_METADATA")
    with pytest.raises(TransactionFailed, match=r"'C\.peer', the policy of the key 'k'"):
        desk.act(puts(k=b"w"), endorsers=["A", "B"])
    desk.act(puts(k=b"w"), endorsers=["C"])
    assert desk.ledger.state == {"k": b"w"}


def test_GetStateValidationParameter(desk: Desk) -> None:
    assert desk.look(lambda ctx: ctx.state.get_policy("k")) is None
    desk.act(lambda ctx: (ctx.state.put("k", b"v"), ctx.state.set_policy("k", key_policy(["C"]))))
    assert desk.look(lambda ctx: ctx.state.get_policy("k")) == key_policy(["C"])
    assert desk.asked == ["GET_STATE_METADATA"]


# Private data


def test_GetPrivateData(desk: Desk) -> None:
    desk.act(hides(k=b"v"))
    assert desk.look(lambda ctx: ctx.private("A_B").get("k")) == b"v"
    assert desk.look(lambda ctx: ctx.private("A_B").get("x")) is None
    with pytest.raises(StateError, match="private data matching public hash version is not available") as no:
        desk.look(lambda ctx: ctx.private("A_B").get("k"), peer="C")
    assert no.value.collection == "A_B"
    with pytest.raises(StateError, match="does not have read access permission on privatedata"):
        desk.look(lambda ctx: ctx.private("A_B").get("k"), caller=Caller("C"))


def test_GetMultiplePrivateData(desk: Desk) -> None:
    desk.act(hides(a=b"1", b=b"2"))
    assert desk.look(lambda ctx: ctx.private("A_B").get_many(["b", "x", "a"])) == [b"2", None, b"1"]
    assert desk.asked == (["GET_STATE_MULTIPLE"] if desk.batching else ["GET_STATE"] * 3)


def test_GetPrivateDataHash(desk: Desk) -> None:
    desk.act(hides(k=b"v"))
    stranger = {"caller": Caller("C"), "peer": "C"}
    assert desk.look(lambda ctx: ctx.private("A_B").hash("k"), **stranger) == hashlib.sha256(b"v").digest()
    assert desk.look(lambda ctx: ctx.private("A_B").hash("x"), **stranger) is None


def test_PutPrivateData(desk: Desk) -> None:
    desk.act(lambda ctx: ctx.private("A_B").put("k", ctx.transient["secret"]), transient={"secret": b"v"})
    assert desk.asked == desk.written("PUT_STATE")
    assert [desk.ledger.private(each, "A_B") for each in "ABC"] == [{"k": b"v"}, {"k": b"v"}, {}]
    assert desk.ledger.state == {}
    with pytest.raises(StateError, match="does not have write access permission"):
        desk.act(hides(k=b"w"), caller=Caller("C"))
    with pytest.raises(TransactionFailed, match="the policy of the collection A_B"):
        desk.act(hides(k=b"w"), endorsers=["A"])


def test_DelPrivateData(desk: Desk) -> None:
    desk.act(hides(k=b"v"))
    desk.act(lambda ctx: ctx.private("A_B").delete("k"))
    assert desk.asked == desk.written("DEL_STATE")
    assert desk.look(lambda ctx: (ctx.private("A_B").get("k"), ctx.private("A_B").hash("k"))) == (None, None)


def test_PurgePrivateData(desk: Desk) -> None:
    desk.act(hides(k=b"v"))
    desk.act(lambda ctx: ctx.private("A_B").purge("k"))
    assert desk.asked == desk.written("PURGE_PRIVATE_DATA")
    assert "purged" in desk.ledger.transactions[-1].describe()
    assert desk.ledger.private("B", "A_B") == {}


def test_SetPrivateDataValidationParameter(desk: Desk) -> None:
    desk.act(hides(k=b"v"))
    desk.act(lambda ctx: ctx.private("A_B").set_policy("k", key_policy(["A"])))
    assert desk.asked == desk.written("PUT_STATE_METADATA")
    with pytest.raises(TransactionFailed, match=r"'A\.peer', the policy of a key of the collection A_B"):
        desk.act(hides(k=b"w"), endorsers=["B"])
    desk.act(hides(k=b"w"), endorsers=["A"])
    assert desk.ledger.private("B", "A_B") == {"k": b"w"}


def test_GetPrivateDataValidationParameter(desk: Desk) -> None:
    desk.act(hides(k=b"v"))
    assert desk.look(lambda ctx: ctx.private("A_B").get_policy("k")) is None
    desk.act(lambda ctx: ctx.private("A_B").set_policy("k", key_policy(["A"])))
    assert desk.look(lambda ctx: ctx.private("A_B").get_policy("k")) == key_policy(["A"])


def test_GetPrivateDataByRange(desk: Desk) -> None:
    desk.act(hides(a=b"1", b=b"2", c=b"3"))
    assert desk.look(lambda ctx: [each.key for each in ctx.private("A_B").range("a", "c")]) == ["a", "b"]
    with pytest.raises(StateError, match=r"already performed queries on pvt data. Writes are not allowed"):
        desk.act(lambda ctx: (list(ctx.private("A_B").range()), ctx.state.put("k", b"v")))
    with pytest.raises(QueryError, match="Queries on pvt data is supported only in a read-only transaction"):
        desk.act(lambda ctx: (ctx.state.put("k", b"v"), list(ctx.private("A_B").range())))


def test_GetPrivateDataByPartialCompositeKey(desk: Desk) -> None:
    def body(ctx: Context) -> None:
        for parts in (["a", "1"], ["b", "1"]):
            ctx.private("A_B").put(ctx.composite_key("pair", parts), parts[0].encode())

    desk.act(body)
    found = desk.look(lambda ctx: [each.value for each in ctx.private("A_B").by_partial_key("pair", ["b"])])
    assert found == [b"b"]


def test_GetPrivateDataQueryResult(desk: Desk) -> None:
    with pytest.raises(QueryError, match="not supported for leveldb"):
        desk.look(lambda ctx: list(ctx.private("A_B").query('{"selector":{}}')))


# Batches


def test_StartWriteBatch(desk: Desk) -> None:
    def body(ctx: Context) -> list[str]:
        with ctx.write_batch():
            ctx.state.put("a", b"1")
            ctx.state.delete("b")
            ctx.private("A_B").put("c", b"3")
            return list(desk.asked)

    held = desk.act(body, endorsers=["A", "B"])
    assert ("PUT_STATE" in held) == (not desk.batching)
    assert desk.asked == desk.written("PUT_STATE", "DEL_STATE", "PUT_STATE")
    assert desk.ledger.state == {"a": b"1"}
    assert desk.ledger.private("A", "A_B") == {"c": b"3"}


def test_FinishWriteBatch(desk: Desk) -> None:
    def body(ctx: Context) -> int:
        with ctx.write_batch():
            ctx.state.put("a", b"1")
        ctx.state.put("b", b"2")
        return len(desk.asked)

    desk.act(body)
    assert desk.asked == desk.written("PUT_STATE") + desk.written("PUT_STATE")

    def refused(ctx: Context) -> str:
        with (
            pytest.raises(StateError, match="collection one/probe/nowhere could not be found"),
            ctx.write_batch(),
        ):
            ctx.private("nowhere").put("k", b"v")
        raise ContractError("HEARD", "the peer's no came at the end of the batch")

    with pytest.raises(ContractError, match="HEARD"):
        desk.act(refused)
