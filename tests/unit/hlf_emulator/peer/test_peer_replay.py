"""Chains that real peers committed: the emulator must find the same codes and commit hashes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fabric_protos.common import common_pb2

from hlf_emulator.ledger.ledger import SharedLedger
from hlf_emulator.membership.msp import Verifier

RECORDED = Path(__file__).parents[3] / "data" / "blocks"


async def _replay(folder: Path, channel: str, blocks: list[common_pb2.Block]) -> None:
    ledger = SharedLedger(folder, channel, Verifier())
    for number, recorded in enumerate(blocks):
        bare = common_pb2.Block.FromString(recorded.SerializeToString())
        for slot in (common_pb2.TRANSACTIONS_FILTER, common_pb2.COMMIT_HASH):
            bare.metadata.metadata[slot] = b""
        await ledger.commit(bare)
        assert ledger.block(number).metadata == recorded.metadata
    ledger.close()


def test_recorded_blocks_get_the_codes_and_commit_hashes_of_a_real_peer(tmp_path: Path) -> None:
    names = [RECORDED / f"referral-{number}.pb" for number in range(10)]
    blocks = [common_pb2.Block.FromString(name.read_bytes()) for name in names]
    asyncio.run(_replay(tmp_path, "referral", blocks))
