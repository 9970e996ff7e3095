"""Random bytes in place of every part of a proposal: always an answer or a refusal, never an exception."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from fabric_protos.peer import proposal_pb2

from hlf_emulator.peer.peer import RpcRefused
from tests.conformance.proposals import LAYERS, Parts
from tests.unit.hlf_emulator.peer.peer_world import Keys, running

TIMES = 60
KINDS = ("nothing", "noise", "cut", "flipped")


def spoilt(content: bytes, kind: str, chance: random.Random) -> bytes:
    """Bytes that are no longer what they were."""
    if kind == "nothing":
        return b""
    if kind == "cut":
        return content[: chance.randrange(len(content) + 1)]
    if kind == "flipped" and content:
        at = chance.randrange(len(content))
        return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
    return chance.randbytes(chance.randrange(1, 60))


def layers(parts: Parts) -> dict[str, bytes]:
    """The parts of a proposal as they are."""
    return {
        "proposal": parts.proposal.SerializeToString(),
        "header": parts.proposal.header,
        "channel_header": parts.header.channel_header,
        "signature_header": parts.header.signature_header,
        "extension": parts.channel_header.extension,
        "payload": parts.proposal.payload,
        "input": parts.payload.input,
    }


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_there_is_always_an_answer(layer: str, keys: Keys, tmp_path: Path) -> None:
    async def scene() -> None:
        chance = random.Random(layer)
        signer = keys.identities["alpha/client"]
        async with running(keys, tmp_path) as world:
            for number in range(TIMES):
                parts = Parts(world.propose("get", "k", chaincode="qscc").proposal)
                content = spoilt(layers(parts)[layer], KINDS[number % len(KINDS)], chance)
                raw = parts.joined({layer: content}, None)
                signed = proposal_pb2.SignedProposal(proposal_bytes=raw, signature=signer.sign(raw))
                try:
                    answer = await world.peers["alpha"].process_proposal(signed)
                except RpcRefused as refused:
                    assert refused.message
                else:
                    assert answer.response.status

    asyncio.run(scene())
