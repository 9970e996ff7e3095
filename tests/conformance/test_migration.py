"""From Raft to SmartBFT: a channel's consensus changed under way, as an operator does it.

The answers are kept like those of the cases (page `migration`), in the order in which they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fabric_protos.common import common_pb2

from hlf.wire.verify import Consenters, valid_signers
from tests.conformance.book import Book
from tests.conformance.calls import Access, endorse, sign_envelope
from tests.conformance.calls_admin import perform
from tests.conformance.calls_config import change, current_config
from tests.conformance.calls_orderer import fetch_block
from tests.conformance.outages import USER, Faulty, eventually, network_of_its_own

pytestmark = [pytest.mark.fabric, pytest.mark.xdist_group("migration")]

PAGE = "migration"
LEADER = "orderer0.org-a"
OPERATOR = {"as": "node/orderer0.org-a", "at": LEADER, "peers": False}


@pytest.fixture(scope="module")
def faulty(
    fabric: str, book_of: Callable[[str], Book], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Faulty]:
    """A Raft network of its own."""
    folder = tmp_path_factory.mktemp(PAGE)
    with network_of_its_own("raft", PAGE, folder, fabric, book_of("raft")) as network:
        yield network


def test_a_channel_goes_from_raft_to_smartbft(faulty: Faulty) -> None:
    access = faulty.access
    faulty.heard("transactions under Raft", committed(access, "before"))
    faulty.heard("into maintenance", change(access, {**OPERATOR, "change": state("MAINTENANCE")}))
    faulty.heard(
        "another consensus", change(access, {**OPERATOR, "change": {"migration": {"consenters": 4}}})
    )
    for organization in ("org-a", "org-b"):
        for number in (0, 1):
            perform(access, {"rpc": "Restart", "at": f"orderer{number}.{organization}"})
    path = "/participation/v1/channels/slice"
    for number in (0, 1):
        asked = {"rpc": "Rest", "at": f"orderer{number}.org-b", "path": path}
        active = {"consensusRelation": "consenter", "status": "active"}
        faulty.heard(f"orderer {number} after its restart", perform(access, {**asked, "until": active}))
    faulty.heard("out of maintenance", change(access, {**OPERATOR, "change": state("NORMAL")}))
    faulty.heard("transactions under SmartBFT", committed(access, "after"))
    newest = fetch_block(access, LEADER, "slice", "newest")
    consenters = Consenters.of(current_config(access, LEADER, "slice"))
    assert len(valid_signers(newest, consenters)) >= consenters.quorum
    signatures = common_pb2.Metadata.FromString(newest.metadata.metadata[common_pb2.SIGNATURES]).signatures
    assert all(each.identifier_header and not each.signature_header for each in signatures)


def state(name: str) -> dict[str, dict[str, str]]:
    """Into maintenance mode, or out of it."""
    return {"consensus": {"state": name}}


def committed(access: Access, value: str) -> dict[str, str]:
    """The code of a transaction, submitted until it is ordered."""
    call = {**USER, "call": ["put", "migration", value]}
    transaction_id, made = endorse(access, call)
    return eventually(access, transaction_id, sign_envelope(access, call, made))
