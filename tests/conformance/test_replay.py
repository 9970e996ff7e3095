"""A whole chain that real peers committed, judged again by the emulator, block by block.

On Docker, a network of its own takes the cases of `PAGES`, and its chain is kept. On the emulator no network
runs: the chain's blocks, without what peers added to them, must get the same codes and commit hashes.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2

from hlf_emulator.ledger.ledger import SharedLedger
from hlf_emulator.membership.msp import Verifier
from tests.conformance.book import CASES, HERE, fill, kinds
from tests.conformance.calls_admin import arrange, perform
from tests.conformance.chain import PEERS, fetch_chain, read_chain, write_chain
from tests.networks import KINDS, Networks, opened

pytestmark = pytest.mark.fabric

PAGES = ("validation", "crafted", "private")
_SLOTS = (common_pb2.TRANSACTIONS_FILTER, common_pb2.COMMIT_HASH)


@pytest.mark.parametrize("kind", ["slice", "fabric-2.5"])
def test_a_recorded_chain_gets_the_same_codes_and_commit_hashes(
    kind: str, fabric: str, tmp_path: Path
) -> None:
    path = HERE / "recordings" / KINDS[kind].version / "chain.xz"
    if fabric == "docker":
        with opened(fabric, lambda name: tmp_path) as networks:
            _record(networks, kind, path)
    if not path.exists():
        pytest.skip("unproven: no chain of this version of Fabric is recorded")
    asyncio.run(_replay(tmp_path / "replayed", read_chain(path)))


def _record(networks: Networks, kind: str, path: Path) -> None:
    access = networks.access(kind)
    for page, case in CASES:
        if page in PAGES and kind in kinds(case):
            ours = fill(case, f"k{secrets.token_hex(6)}")
            for step in ours.get("arrange", []):
                arrange(access, step)
            perform(access, ours)
    first, second = (fetch_chain(access, peer) for peer in PEERS)
    # Orderers need not have gathered the same signatures.
    assert [_added(block) for block in first] == [_added(block) for block in second], "two peers disagree"
    write_chain(path, first)


def _added(block: common_pb2.Block) -> list[bytes]:
    """What a peer adds to a block."""
    return [block.metadata.metadata[slot] for slot in _SLOTS]


async def _replay(folder: Path, recorded: list[common_pb2.Block]) -> None:
    ledger = SharedLedger(folder, "slice", Verifier())
    for block in recorded:
        bare = common_pb2.Block.FromString(block.SerializeToString())
        for slot in _SLOTS:
            bare.metadata.metadata[slot] = b""
        await ledger.commit(bare)
        judged = ledger.block(block.header.number)
        assert judged.metadata == block.metadata, f"block {block.header.number}"
    ledger.close()
    again = SharedLedger(folder, "slice", Verifier())
    assert again.height == len(recorded)
    assert sorted(again.state.entries(), key=repr) == sorted(ledger.state.entries(), key=repr)
    assert again.definitions == ledger.definitions
    again.close()
