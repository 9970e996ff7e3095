"""Raft's orderers when some of them are gone: three of them, stopped and started, on either version.

The answers are kept like those of the cases (page `raft-faults`), in the order in which they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2

from tests.conformance import calls_config
from tests.conformance.book import Book
from tests.conformance.calls import Access, Answer, endorse, sign_envelope
from tests.conformance.calls_admin import perform
from tests.conformance.calls_orderer import broadcast_all, build_envelope, fetch_block
from tests.conformance.calls_raft import read_messages
from tests.conformance.outages import SECONDS, USER, Faulty, eventually, network_of_its_own, submitted, until

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("raft-faults")]

PAGE = "raft-faults"
SURVIVOR, OTHERS = "orderer0.org-a", ("orderer1.org-a", "orderer0.org-b")


@pytest.fixture(scope="module", params=["raft", "fabric-2.5"])
def faulty(
    request: pytest.FixtureRequest,
    fabric: str,
    book_of: Callable[[str], Book],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Faulty]:
    """The Raft network of a kind with three orderers instead of four."""
    folder = tmp_path_factory.mktemp(PAGE)
    with network_of_its_own(
        request.param, PAGE, folder, fabric, book_of(request.param), {"org-b": {"orderers": 1}}
    ) as network:
        yield network


def test_without_a_majority_raft_takes_nothing_and_goes_on_with_one(faulty: Faulty) -> None:
    access = faulty.access
    waiting = {**USER, "call": ["put", "waiting", "value"]}
    transaction_id, made = endorse(access, waiting)
    envelope = sign_envelope(access, waiting, made)
    signer = access.identity("org-a/user")

    messages = read_messages(access, SURVIVOR, newest(access), seconds=SECONDS)
    assert next(messages).WhichOneof("Type") == "block"
    for node in OTHERS:
        faulty.network.stop_node(node)
    faulty.heard("a stream of blocks when the majority stops", {"ends": _end(messages)})
    until(lambda: send(access, SURVIVOR, build_envelope(signer, "slice", {}))["info"] != "")

    faulty.heard("broadcast without a leader", send(access, SURVIVOR, envelope))
    refused = build_envelope(signer, "slice", {"signature": "wrong"})
    faulty.heard("broadcast without a leader what is refused anyway", send(access, SURVIVOR, refused))
    faulty.heard("submit without a leader", submitted(access, transaction_id, envelope))
    for name, case in {
        "blocks without a leader": {"seek": [{"start": 0, "stop": 0}]},
        "blocks without a leader at best effort": {
            "seek": [{"start": 0, "stop": 0, "errors": "BEST_EFFORT"}]
        },
        "blocks without a leader for whom they are not": {
            "seek": [{"start": 0, "stop": 0, "signature": "wrong"}],
        },
        "blocks without a leader and without a start": {"seek": [{"start": None}]},
        "blocks without a leader of an unknown channel": {"seek": [{"channel": "nowhere"}]},
    }.items():
        asked = {"rpc": "OrdererSeeks", "as": "org-a/user", "at": SURVIVOR, **case}
        faulty.heard(name, perform(access, asked))
    relation = {"rpc": "Participation", "at": SURVIVOR, "request": "channel", "channel": "slice"}
    faulty.heard("the channel of an orderer without a leader", perform(access, relation))

    for node in OTHERS:
        faulty.network.start_node(node)
    faulty.heard("submit again when the majority is back", eventually(access, transaction_id, envelope))


@pytest.mark.parametrize("node", [SURVIVOR, *OTHERS])
def test_one_orderer_less_is_no_loss(faulty: Faulty, node: str) -> None:
    """One of the three is the leader: after its death another one leads."""
    access = faulty.access
    faulty.network.stop_node(node)
    try:
        call = {**USER, "call": ["put", node, "value"]}
        transaction_id, made = endorse(access, call)
        envelope = sign_envelope(access, call, made)
        faulty.heard(f"submit without {node}", eventually(access, transaction_id, envelope))
    finally:
        faulty.network.start_node(node)
    until(lambda: reachable(access, node))


def test_without_an_orderer_s_address(faulty: Faulty) -> None:
    """The last: no peer gets a block any more."""
    access = faulty.access
    call = {**USER, "call": ["put", "no address", "value"]}
    transaction_id, made = endorse(access, call)
    envelope = sign_envelope(access, call, made)
    change = {
        "remove": [{"at": f"Orderer/{name}-orderer", "value": "Endpoints"} for name in ("org-a", "org-b")]
    }
    update = {"rpc": "ConfigUpdate", "as": "org-a/admin", "at": SURVIVOR, "change": change}
    faulty.heard("no orderer's address in the configuration", calls_config.change(access, update))
    asked = {"rpc": "DiscoverMany", "as": "org-a/user", "queries": [{"query": "config"}]}
    faulty.heard("discovery without an orderer's address", perform(access, asked))
    faulty.heard("submit without an orderer's address", submitted(access, transaction_id, envelope))


def newest(access: Access) -> int:
    """The number of the survivor's last block."""
    return int(fetch_block(access, SURVIVOR, "slice", "newest").header.number)


def _end(messages: Iterator[ab_pb2.DeliverResponse]) -> str:
    for message in messages:
        if message.WhichOneof("Type") == "status":
            return common_pb2.Status.Name(message.status)
    return "nothing"


def send(access: Access, node: str, envelope: common_pb2.Envelope) -> Answer:
    """An orderer's answer to one envelope."""
    (answer,) = broadcast_all(access, node, [envelope])
    return answer


def reachable(access: Access, node: str) -> bool:
    """Whether an orderer gives its blocks: it runs, and knows who leads."""
    asked = {"rpc": "OrdererSeeks", "as": "org-a/user", "at": node, "seek": [{}], "take": 1}
    return "block" in perform(access, asked).get("messages", [{}])[0]
