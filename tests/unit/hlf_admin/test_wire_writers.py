"""A Raft chain is believed when an orderer whom its organization lets write has signed each block."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.orderer import configuration_pb2

from hlf.wire import blocks
from hlf.wire.configtx import config_of
from hlf.wire.policy import config_policy
from hlf.wire.verify import ChainVerifier, Writers, block_signers

RECORDED = Path(__file__).parents[2] / "data" / "blocks"
NEWEST = 5


def recorded(number: int) -> common_pb2.Block:
    return common_pb2.Block.FromString((RECORDED / f"raft-{number}.pb").read_bytes())


def genesis_config() -> configtx_pb2.Config:
    return config_of(recorded(0))


def writers(expression: str) -> Writers:
    """Those of the recorded channel, if its organizations let others write."""
    config = genesis_config()
    for name, group in config.channel_group.groups["Orderer"].groups.items():
        group.policies["Writers"].policy.CopyFrom(config_policy(expression.replace("ORG", name)))
    return Writers.of(config)


def test_the_recorded_chain_is_believed() -> None:
    verifier = ChainVerifier(recorded(0))
    assert [verifier.problem(recorded(number)) for number in range(1, NEWEST + 1)] == [""] * NEWEST
    assert (verifier.channel, verifier.height) == ("slice", NEWEST + 1)


def test_a_spoilt_signature_is_noticed() -> None:
    block = recorded(1)
    metadata = blocks.signatures_metadata(block)
    metadata.signatures[0].signature = metadata.signatures[0].signature[:-1] + b"\x00"
    block.metadata.metadata[common_pb2.SIGNATURES] = metadata.SerializeToString()
    assert ChainVerifier(recorded(0)).problem(block).startswith("block 1: 0 valid signatures")


def test_a_signature_that_is_no_identity_s_is_skipped() -> None:
    block = recorded(1)
    metadata = blocks.signatures_metadata(block)
    stranger = metadata.signatures.add(signature=b"signature")
    stranger.signature_header = common_pb2.SignatureHeader(creator=b"\xff\xff").SerializeToString()
    block.metadata.metadata[common_pb2.SIGNATURES] = metadata.SerializeToString()
    assert block_signers(genesis_config()).problem(block) == ""


@pytest.mark.parametrize(
    "expression",
    [
        "OR('ORG.orderer')",
        "OR('ORG.member')",
        "OR('ORG.admin', 'ORG.orderer')",
        "OutOf(1, 'ORG.client', 'ORG.orderer')",
    ],
)
def test_orderers_may_write_where_their_organization_says_so(expression: str) -> None:
    assert writers(expression).problem(recorded(1)) == ""


@pytest.mark.parametrize(
    "expression", ["OR('ORG.admin')", "OR('nobody.orderer')", "OutOf(2, 'ORG.orderer', 'ORG.member')"]
)
def test_an_orderer_who_may_not_write_is_not_believed(expression: str) -> None:
    """One signer counts once, whatever it is."""
    problem = writers(expression).problem(recorded(1))
    assert problem == "1 valid signatures, and none of an orderer whom its organization lets write"


def test_a_signer_of_another_authority_is_not_believed() -> None:
    config = genesis_config()
    groups = config.channel_group.groups["Orderer"].groups
    first, second = sorted(groups)
    groups[first].values["MSP"].value, groups[second].values["MSP"].value = (
        groups[second].values["MSP"].value.replace(second.encode(), first.encode()),
        groups[first].values["MSP"].value.replace(first.encode(), second.encode()),
    )
    assert Writers.of(config).problem(recorded(1)).startswith("0 valid signatures")


def test_another_policy_of_blocks_is_said() -> None:
    config = genesis_config()
    config.channel_group.groups["Orderer"].policies["BlockValidation"].policy.CopyFrom(
        config_policy("MAJORITY Writers")
    )
    with pytest.raises(ValueError, match="BlockValidation"):
        Writers.of(config)


class Believing:
    """Signers who vouch for every block."""

    def problem(self, block: common_pb2.Block) -> str:
        return ""


def test_a_config_block_that_leaves_nobody_to_sign_is_a_problem_and_no_error() -> None:
    verifier = ChainVerifier(recorded(0))
    assert [verifier.problem(recorded(number)) for number in (1, 2, 3)] == [""] * 3
    verifier.signers = Believing()  # type: ignore[assignment]
    assert "names no BFT consenters" in verifier.problem(ordered_by_nobody(recorded(4)))
    assert verifier.height == 4


def ordered_by_nobody(block: common_pb2.Block) -> common_pb2.Block:
    """A config block whose channel is ordered by no kind of orderer that there is."""
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    payload = common_pb2.Payload.FromString(envelope.payload)
    config = configtx_pb2.ConfigEnvelope.FromString(payload.data)
    value = config.config.channel_group.groups["Orderer"].values["ConsensusType"]
    value.value = configuration_pb2.ConsensusType(type="nothing").SerializeToString()
    payload.data = config.SerializeToString()
    envelope.payload = payload.SerializeToString()
    block.data.data[0] = envelope.SerializeToString()
    block.header.data_hash = blocks.data_hash(block.data)
    return block
