"""SmartBFT's orderers when some of the four are gone, stopped and started.

The answers are kept like those of the cases (page `orderers-faults`), in the order in which they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from hlf.wire.blocks import decode_block
from hlf.wire.verify import ChainVerifier
from tests.conformance.book import Book
from tests.conformance.calls import Access, Answer, commit_status, endorse, guarded, sign_envelope
from tests.conformance.calls_admin import perform
from tests.conformance.calls_orderer import broadcast_all, fetch_block
from tests.conformance.outages import USER, Faulty, eventually, network_of_its_own, submitted, until

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("orderers-faults")]

PAGE = "orderers-faults"
LEADER, FOLLOWER = "orderer0.org-a", "orderer1.org-b"
SURVIVORS, OTHERS = ("orderer0.org-a", "orderer1.org-a"), ("orderer0.org-b", "orderer1.org-b")


@pytest.fixture(scope="module")
def faulty(
    fabric: str, book_of: Callable[[str], Book], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Faulty]:
    """The slice again, for itself."""
    folder = tmp_path_factory.mktemp(PAGE)
    with network_of_its_own("config", PAGE, folder, fabric, book_of("config")) as network:
        yield network


@pytest.mark.parametrize(("node", "name"), [(FOLLOWER, "a follower"), (LEADER, "the leader")])
def test_one_orderer_less_is_no_loss(faulty: Faulty, node: str, name: str) -> None:
    access = faulty.access
    stop(faulty, node)
    try:
        transaction_id, envelope = signed(access, name)
        if node != LEADER:
            # A peer counts an orderer that came back as gone until it tries again, so only once this is sure.
            faulty.heard(f"submit without {name}", submitted(access, transaction_id, envelope))
        faulty.heard(f"commit without {name}", eventually(access, transaction_id, envelope))
    finally:
        faulty.network.start_node(node)
    until(lambda: level(access))


def test_without_a_quorum_transactions_wait_and_are_ordered_once(faulty: Faulty) -> None:
    access = faulty.access
    height = newest(access, LEADER).header.number + 1
    transaction_id, envelope = signed(access, "waiting")
    for node in OTHERS:
        stop(faulty, node)
    try:
        faulty.heard("submit without a quorum", submitted(access, transaction_id, envelope))
        faulty.heard("submit again without a quorum", submitted(access, transaction_id, envelope))
        # Who notices the deadline first, the client or the peer, is chance, and so is the text.
        code = status_within(access, transaction_id, 500)["code"]
        faulty.heard("the status of what waits", {"code": code})
        faulty.heard("broadcast again without a quorum", broadcast_all(access, LEADER, [envelope]))
        _, another = signed(access, "another")
        faulty.heard("broadcast without a quorum", broadcast_all(access, LEADER, [another]))
        for name, case in {
            "blocks without a quorum": {"seek": [{"start": 0, "stop": 0}]},
            "the next block without a quorum": {
                "seek": [{"start": "next", "stop": 1_000_000, "behavior": "FAIL_IF_NOT_READY"}]
            },
        }.items():
            asked = {"rpc": "OrdererSeeks", "as": "org-a/user", "at": LEADER, **case}
            faulty.heard(name, perform(access, asked))
        path = "/participation/v1/channels/slice"
        faulty.heard(
            "the channel without a quorum", perform(access, {"rpc": "Rest", "at": LEADER, "path": path})
        )
        faulty.network.start_node(OTHERS[0])
        faulty.heard("commit when the quorum is back", waited(access, transaction_id))
    finally:
        for node in OTHERS:
            faulty.network.start_node(node)
    faulty.heard("how often it was ordered", occurrences(access, height, transaction_id))
    until(lambda: level(access))
    faulty.heard("broadcast again after the commit", broadcast_all(access, LEADER, [envelope]))
    faulty.heard("how often it is ordered after all", occurrences(access, height, transaction_id))


def test_what_waits_only_where_all_stop_is_lost(faulty: Faulty) -> None:
    access = faulty.access
    height = newest(access, LEADER).header.number + 1
    lost_id, lost = signed(access, "lost")
    for node in OTHERS:
        stop(faulty, node)
    submitted(access, lost_id, lost)
    for node in SURVIVORS:
        stop(faulty, node)
    transaction_id, envelope = signed(access, "later")
    faulty.heard("submit without any orderer", submitted(access, transaction_id, envelope))
    for node in (*SURVIVORS, *OTHERS):
        faulty.network.start_node(node)
    faulty.heard("commit when all are back", eventually(access, transaction_id, envelope))
    faulty.heard("what waited when all stopped", occurrences(access, height, lost_id))
    faulty.heard("submitted once more", eventually(access, lost_id, lost))
    until(lambda: level(access))


def test_a_strict_verifier_believes_every_block(faulty: Faulty) -> None:
    """Blocks of elections, of configurations in between, of orderers that were away."""
    access = faulty.access
    change = {"rpc": "ConfigUpdate", "as": "org-a/admin", "at": LEADER, "change": {"timeout": "75ms"}}
    answer = perform(access, change)
    assert answer["status"] == "SUCCESS", answer
    transaction_id, envelope = signed(access, "after the configuration")
    assert eventually(access, transaction_id, envelope) == {"validation_code": "VALID"}
    for node in (*SURVIVORS, *OTHERS):
        chain = [fetch_block(access, node, "slice", str(number)) for number in range(level_height(access))]
        verifier = ChainVerifier(chain[0])
        assert [verifier.problem(block) for block in chain[1:]] == [""] * (len(chain) - 1)
        kinds = [decode_block(block).transactions[0].type for block in chain]
        assert kinds.count("CONFIG") == 3


def stop(faulty: Faulty, node: str) -> None:
    """Stop an orderer; the next call connects anew, and not only when gRPC thinks it is time."""
    faulty.network.stop_node(node)
    connection = faulty.access.channels.pop(node, None)
    if connection is not None:
        connection.close()


def signed(access: Access, value: str) -> tuple[str, common_pb2.Envelope]:
    """A transaction of its own, endorsed and signed."""
    call = {**USER, "call": ["put", f"faults {value}", value]}
    transaction_id, made = endorse(access, call)
    return transaction_id, sign_envelope(access, call, made)


def status_within(access: Access, transaction_id: str, milliseconds: int) -> Answer:
    """CommitStatus with a deadline that the peer is told."""
    return guarded(lambda: status(access, transaction_id, deadline=milliseconds))


def waited(access: Access, transaction_id: str) -> Answer:
    """CommitStatus, however long it takes."""
    answer: list[Answer] = []

    def committed() -> bool:
        answer[:] = [status_within(access, transaction_id, 2000)]
        return "validation_code" in answer[0]

    until(committed)
    return answer[0]


def status(access: Access, transaction_id: str, **case: Any) -> Answer:
    found = commit_status(access, {**USER, **case}, transaction_id)
    return {"validation_code": transaction_pb2.TxValidationCode.Name(found.result)}


def occurrences(access: Access, start: int, transaction_id: str) -> int:
    """In how many places a transaction stands in the chain from a block on."""
    blocks = [
        fetch_block(access, LEADER, "slice", str(number))
        for number in range(start, newest(access, LEADER).header.number + 1)
    ]
    return sum(
        each.transaction_id == transaction_id for block in blocks for each in decode_block(block).transactions
    )


def newest(access: Access, node: str) -> common_pb2.Block:
    """An orderer's last block."""
    return fetch_block(access, node, "slice", "newest")


def level(access: Access) -> bool:
    """Whether all four orderers have equally many blocks: one that was away fetches them when it is asked."""
    _, envelope = signed(access, "level")
    broadcast_all(access, LEADER, [envelope])
    heights = set()
    for node in (*SURVIVORS, *OTHERS):
        answer = guarded(lambda node=node: {"number": newest(access, node).header.number})
        heights.add(answer.get("number"))
    return len(heights) == 1 and None not in heights


def level_height(access: Access) -> int:
    """The height that all four have reached."""
    until(lambda: level(access))
    return min(newest(access, node).header.number for node in (*SURVIVORS, *OTHERS)) + 1
