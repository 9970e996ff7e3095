"""The known defects of the chaincode runtime for Python that there was before, ticked off: a test for each.

First those of the stream, by a fake peer over real gRPC; then those of the contract's side, on MemoryLedger,
which drives the same session. Each test does what went wrong there and holds what must happen.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import grpc
import pydantic
import pytest

from hlf_chaincode import Context, Contract, ContractError, PeerError, Private, key_policy, query
from hlf_chaincode import transaction as writes
from hlf_chaincode.serving.tls import ServerTls
from hlf_chaincode.testing import Caller, CollectionSpec, MemoryLedger
from tests.unit.hlf_chaincode.certificates import Authority
from tests.unit.hlf_chaincode.fake_peer import DEADLINE, FakePeer, Message, PeerSide, transaction
from tests.unit.hlf_chaincode.running import Ledger, Running

BEYOND_THE_DEFAULT = 5 * 1024 * 1024


class Tree(pydantic.BaseModel):
    """A model with models inside, named before they are there."""

    name: str
    children: list[Tree] = []
    leaf: Leaf | None = None


class Leaf(pydantic.BaseModel):
    price: Decimal


@dataclasses.dataclass
class Branch:
    at: datetime.datetime
    tree: Tree


class Everything(Contract):
    """Whatever once went wrong."""

    name = "everything"

    # the stream

    @writes
    def put(self, ctx: Context, key: str, value: bytes) -> None:
        ctx.state.put(key, value)
        ctx.emit("Put", key.encode())

    @query
    def get(self, ctx: Context, key: str) -> bytes:
        return ctx.state.get(key) or b"absent"

    @writes
    def put_ten(self, ctx: Context, prefix: str) -> str:
        for number in range(10):
            ctx.state.put(f"{prefix}-{number}", prefix.encode())
        return prefix

    @writes
    def raises(self, ctx: Context) -> None:
        raise RuntimeError("broken on purpose")

    @writes
    def secret(self, ctx: Context, value: Private[str]) -> None:
        ctx.state.put("secret-key", value.encode())
        raise RuntimeError(value)

    # private data, identity, other chaincodes

    @writes
    def keep(self, ctx: Context, key: str, value: Private[bytes]) -> str:
        ctx.private("vault").put(key, value)
        return ",".join(sorted(ctx.transient))

    @query
    def kept(self, ctx: Context, key: str) -> bytes:
        vault = ctx.private("vault")
        return (vault.get(key) or b"absent") + b"|" + (vault.hash(key) or b"none").hex().encode()

    @writes
    def lock(self, ctx: Context, key: str, organization: str) -> None:
        ctx.state.set_policy(key, key_policy([organization]))

    @query
    def policy(self, ctx: Context, key: str) -> bytes:
        return ctx.state.get_policy(key) or b"none"

    @query
    def attribute(self, ctx: Context, name: str) -> str:
        return ctx.client.attribute(name) or "absent"

    @query
    def ask_other(self, ctx: Context, function: str, argument: bytes) -> bytes:
        return ctx.invoke("other", [function, argument], "elsewhere")

    # keys and ranges

    @writes
    def put_composite(self, ctx: Context, kind: str, parts: list[str]) -> None:
        ctx.state.put(ctx.composite_key(kind, parts), b"composite")

    @query
    def all_keys(self, ctx: Context) -> list[str]:
        return [key for key, _ in ctx.state.range()]

    @query
    def composite_page(self, ctx: Context, kind: str, size: int, bookmark: str) -> list[str]:
        page = ctx.state.by_partial_key_page(kind, [], size, bookmark)
        return [*(ctx.split_composite_key(key)[1][0] for key, _ in page.items), page.bookmark]

    @query
    def page(self, ctx: Context, size: int, bookmark: str) -> list[str]:
        page = ctx.state.range_page("", "", size, bookmark)
        return [*(key for key, _ in page.items), page.bookmark]

    # values

    @query
    def echo_bytes(self, ctx: Context, value: bytes) -> bytes:
        return value

    @query
    def echo_decimal(self, ctx: Context, value: Decimal) -> Decimal:
        return value

    @query
    def echo_moment(self, ctx: Context, value: datetime.datetime) -> datetime.datetime:
        return value

    @query
    def echo_tree(self, ctx: Context, value: Tree) -> Tree:
        assert all(isinstance(child, Tree) for child in value.children)
        return value

    @query
    def echo_branch(self, ctx: Context, value: Branch) -> Branch:
        assert isinstance(value.tree, Tree)
        return value


class Other(Contract):
    name = "other"

    @query
    def echo(self, ctx: Context, value: bytes) -> bytes:
        return value

    @query
    def refuses(self, ctx: Context, value: bytes) -> None:
        raise ContractError("NO", "not for you", who="you")


@contextmanager
def served(
    answer: Callable[[PeerSide, Message], None] | None = None, tls: ServerTls | None = None, **options
) -> Iterator[tuple[Running, FakePeer]]:
    running = Running(Everything, tls=tls)
    peer = FakePeer(running.server.address, answer or Ledger(), **options)
    try:
        assert peer.ready.wait(DEADLINE)
        yield running, peer
    finally:
        peer.close()
        running.close()


@pytest.fixture
def ledger() -> MemoryLedger:
    vault = CollectionSpec("vault", ("A", "B"))
    return MemoryLedger(organizations=["A", "B"], contracts=[Everything], collections=[vault])


# The stream


def test_unsynchronised_writes_lose_or_hang_concurrent_transactions():
    """100 calls at once, ten requests each: every request is answered, every call ends, each with its own."""
    ledger = Ledger()
    with served(ledger) as (running, peer):
        for number in range(100):
            peer.begin(transaction(f"tx{number}", b"put_ten", f"p{number}".encode()))
        for number in range(100):
            response = peer.response(f"tx{number}")
            assert (response.status, response.payload) == (200, f"p{number}".encode())
        assert running.server.in_flight == 0
    assert len(ledger.state) == len(ledger.kinds) == 1000


def test_events_never_sent():
    with served() as (_, peer):
        peer.begin(transaction("tx", b"put", b"k", b"v"))
        event = peer.completed("tx").chaincode_event
    assert (event.event_name, event.payload) == ("Put", b"k")


def test_peer_error_taken_as_success():
    with served(lambda peer, message: peer.reply(message, b"GET_STATE failed: no", Message.ERROR)) as (
        _,
        peer,
    ):
        response = peer.call("tx", b"get", b"k")
    assert (response.status, response.message) == (500, "GET_STATE failed: no")


def test_peer_error_on_a_write_taken_as_success():
    with served(lambda peer, message: peer.reply(message, b"PUT_STATE failed: no", Message.ERROR)) as (
        _,
        peer,
    ):
        response = peer.call("tx", b"put", b"k", b"v")
    assert (response.status, response.message) == (500, "PUT_STATE failed: no")


def test_an_exception_answers_nothing_and_the_peer_waits():
    with served() as (running, peer):
        response = peer.call("tx", b"raises")
        assert (response.status, response.message) == (500, "INTERNAL: RuntimeError: broken on purpose")
        assert running.server.in_flight == 0


def test_messages_over_4_mib_end_the_stream():
    big = bytes(BEYOND_THE_DEFAULT)
    ledger = Ledger()
    with served(ledger) as (_, peer):
        assert peer.call("tx1", b"echo_bytes", big).payload == big
        assert peer.call("tx2", b"put", b"k", big).status == 200
        assert peer.call("tx3", b"get", b"k").payload == big
        assert not peer.ended.is_set()


def test_tls_settings_ignored():
    """With a certificate configured, plain text is refused; with an authority, so is a stranger."""
    authority = Authority()
    client, stranger = authority.issue("peer"), Authority("other").issue("stranger")
    good = grpc.ssl_channel_credentials(authority.root, client.key, client.certificate)
    bad = grpc.ssl_channel_credentials(authority.root, stranger.key, stranger.certificate)
    tls = ServerTls(*authority.issue("server"), authority.root)
    with served(tls=tls, credentials=good) as (running, peer):
        assert peer.call("tx", b"echo_bytes", b"x").payload == b"x"
        for credentials in (None, grpc.ssl_channel_credentials(authority.root), bad):
            refused = FakePeer(running.server.address, Ledger(), credentials=credentials)
            assert refused.ended.wait(DEADLINE)
            assert not refused.ready.is_set()
            assert refused.status is grpc.StatusCode.UNAVAILABLE
            refused.close()


def test_proposals_and_state_values_logged(caplog):
    ledger = Ledger()
    ledger.state["k"] = b"hushhush"
    with caplog.at_level(logging.DEBUG, logger="hlf_chaincode"), served(ledger) as (_, peer):
        peer.call("tx1", b"get", b"k")
        peer.call("tx2", b"put", b"hushhush", b"hushhush")
        peer.call("tx3", b"hushhush")
        peer.begin(transaction("tx4", b"secret", transient={"value": b'"hushhush"'}))
        assert peer.response("tx4").status == 500
    records = [record for record in caplog.records if record.name.startswith("hlf_chaincode")]
    assert {"tx1", "tx2", "tx3", "tx4"} <= {getattr(record, "transaction_id", "") for record in records}
    assert not [
        record for record in records if "hush" in str(vars(record)) or "secret-key" in str(vars(record))
    ]


def test_tasks_leaked_when_a_peer_half_closes():
    asked = threading.Event()
    with served(lambda _peer, _message: asked.set()) as (running, peer):

        async def tasks() -> int:
            return len(asyncio.all_tasks())

        peer.begin(transaction("tx", b"get", b"k"))
        assert asked.wait(DEADLINE)
        assert running.server.in_flight == 1
        peer.half_close()
        assert peer.ended.wait(DEADLINE)
        assert peer.status is grpc.StatusCode.OK
        assert running.server.in_flight == 0
        # A stream costs tasks, and none is left of one that has come and gone.
        before = running.do(tasks())
        for _ in range(5):
            other = FakePeer(running.server.address, Ledger())
            assert other.ready.wait(DEADLINE)
            other.half_close()
            assert other.ended.wait(DEADLINE)
            other.close()
        # gRPC's own task of a stream ends a moment after the peer has seen the end.
        deadline = time.monotonic() + DEADLINE
        while running.do(tasks()) > before:
            assert time.monotonic() < deadline


# Transient and private data, key-level endorsement: silently None there


def test_transient_silently_none(ledger):
    assert ledger.submit(Everything, "keep", "k", transient={"value": b"hidden"}) == "value"
    with pytest.raises(ContractError, match="transient field 'value' is missing"):
        ledger.submit(Everything, "keep", "k")


def test_private_data_silently_none(ledger):
    ledger.submit(Everything, "keep", "k", transient={"value": b"hidden"})
    value, _, digest = ledger.evaluate(Everything, "kept", "k").partition(b"|")
    assert value == b"hidden"
    assert len(bytes.fromhex(digest.decode())) == 32
    assert ledger.private("A", "vault")["k"] == b"hidden"


def test_key_level_endorsement_silently_none(ledger):
    ledger.submit(Everything, "put", "k", b"v")
    ledger.submit(Everything, "lock", "k", "A")
    assert ledger.evaluate(Everything, "policy", "k") == key_policy(["A"])
    assert ledger.policy_of("k") == key_policy(["A"])


def test_attributes_never_filled(ledger):
    auditor = Caller("A", attributes={"role": "auditor"})
    assert ledger.evaluate(Everything, "attribute", "role", caller=auditor) == "auditor"
    assert ledger.evaluate(Everything, "attribute", "age", caller=auditor) == "absent"


# Other chaincodes


@pytest.fixture
def connected(ledger: MemoryLedger) -> MemoryLedger:
    ledger.connect(MemoryLedger(organizations=["A", "B"], contracts=[Other], channel="elsewhere"))
    return ledger


def test_invoke_chaincode_parsed_wrongly(connected):
    """The answer is a message in a message: its payload comes back as it is, whatever bytes it has."""
    payload = bytes(range(256))
    assert connected.evaluate(Everything, "ask_other", "echo", payload) == payload


def test_invoke_chaincode_takes_a_refusal_for_success(connected):
    with pytest.raises(ContractError) as caught:
        connected.evaluate(Everything, "ask_other", "refuses", b"")
    assert (caught.value.code, caught.value.fields) == ("NO", {"who": "you"})


def test_invoke_chaincode_takes_the_peers_error_for_success():
    def answer(peer: PeerSide, message: Message) -> None:
        inner = Message(type=Message.ERROR, payload=b"no such chaincode")
        peer.reply(message, inner.SerializeToString())

    with served(answer) as (_, peer):
        response = peer.call("tx", b"ask_other", b"echo", b"")
    assert (response.status, response.message) == (500, "no such chaincode")


# Keys, ranges, pages


@pytest.mark.parametrize(
    ("kind", "parts"), [("kind", ["a\x00b"]), ("ki\x00nd", ["a"]), ("kind", ["\U0010ffff"])]
)
def test_composite_keys_with_embedded_nul_accepted(ledger, kind, parts):
    with pytest.raises((ContractError, PeerError, ValueError)):
        ledger.submit(Everything, "put_composite", kind, parts)
    assert ledger.state == {}


def test_an_open_range_returns_composite_keys(ledger):
    ledger.submit(Everything, "put", "simple", b"v")
    ledger.submit(Everything, "put_composite", "kind", ["a"])
    assert ledger.evaluate(Everything, "all_keys") == ["simple"]


def test_bookmarks_lost(ledger):
    """A page says where the next begins, and a page that begins there ends with what is left."""
    for name in "abcde":
        ledger.submit(Everything, "put", name, b"v")
        ledger.submit(Everything, "put_composite", "kind", [name])
    for function, first in (("page", ()), ("composite_page", ("kind",))):
        seen, bookmark = [], ""
        for _ in range(3):
            *names, bookmark = ledger.evaluate(Everything, function, *first, 2, bookmark)
            seen.append(names)
        assert seen == [["a", "b"], ["c", "d"], ["e"]]
        assert bookmark == ""


# Values


@pytest.mark.parametrize("value", [b"", bytes(range(256)), b"\xff\xfe", b'"quoted"', b"\xed\xa0\x80"])
def test_bytes_arguments_and_results_mangled(ledger, value):
    assert ledger.evaluate_bytes(Everything, "echo_bytes", value) == value


@pytest.mark.parametrize("text", ["0.1", "123456789012345678.123456789", "1E+2", "-0.10", "100"])
def test_decimal_through_float(ledger, text):
    result = ledger.evaluate(Everything, "echo_decimal", Decimal(text))
    assert (result, str(result.normalize())) == (Decimal(text), str(Decimal(text).normalize()))


@pytest.mark.parametrize("hours", [0, 9, -8])
def test_tz_aware_datetimes_shifted(ledger, hours):
    moment = datetime.datetime(
        2026, 3, 1, 23, 59, 59, 123456, datetime.timezone(datetime.timedelta(hours=hours))
    )
    result = ledger.evaluate(Everything, "echo_moment", moment)
    assert result == moment
    assert result.tzinfo is not None


def test_naive_datetimes_are_not_given_a_zone(ledger):
    with pytest.raises(ContractError, match="INVALID_ARGUMENT"):
        ledger.evaluate(Everything, "echo_moment", "2026-03-01T23:59:59")


def test_nested_models_unresolvable(ledger):
    tree = Tree(name="root", children=[Tree(name="child", leaf=Leaf(price=Decimal("1.10")))])
    result = ledger.evaluate(Everything, "echo_tree", tree)
    assert result == tree
    assert result.children[0].leaf.price == Decimal("1.10")


def test_models_nested_in_dataclasses_unresolvable(ledger):
    branch = Branch(datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC), Tree(name="root"))
    assert ledger.evaluate(Everything, "echo_branch", branch) == branch


def test_metadata_that_tooling_reads_is_answered():
    with served() as (_, peer):
        response = peer.call("tx", b"org.hyperledger.fabric:GetMetadata")
    assert response.status == 200
    assert "everything" in json.loads(response.payload)["contracts"]
