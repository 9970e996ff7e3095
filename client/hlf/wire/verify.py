"""Whether blocks are what a channel's orderers agreed on: hashes, numbers and signatures.

Source: Fabric's deliverclient/block_verification.go. A block is judged by the configuration before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from fabric_protos.common import common_pb2, configtx_pb2, configuration_pb2, policies_pb2
from fabric_protos.msp import identities_pb2, msp_principal_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_pb2
from google.protobuf.message import DecodeError

from hlf.errors import IdentityError
from hlf.identity import verify
from hlf.wire.blocks import chain_problem, decode_transaction, signatures_metadata, signed_bytes
from hlf.wire.configtx import channel_of, config_of
from hlf.wire.consensus import RAFT
from hlf.wire.writers import Writers


@dataclass(frozen=True)
class Consenters:
    """Who must sign a channel's blocks: certificates in PEM by consenter id, and how many of them."""

    certificates: dict[int, bytes]
    quorum: int

    @classmethod
    def of(cls, config: configtx_pb2.Config) -> Consenters:
        """Read them from a channel's configuration; ValueError when it is not ordered by SmartBFT.

        The BlockValidation policy decides, as it does for peers: its identities and its number.
        """
        orderer = config.channel_group.groups["Orderer"]
        policy = policies_pb2.SignaturePolicyEnvelope.FromString(
            orderer.policies["BlockValidation"].policy.value
        )
        allowed = {
            identities_pb2.SerializedIdentity.FromString(each.principal).id_bytes
            for each in policy.identities
            if each.principal_classification == msp_principal_pb2.MSPPrincipal.IDENTITY
        }
        mapping = configuration_pb2.Orderers.FromString(orderer.values["Orderers"].value).consenter_mapping
        if not mapping or not allowed:
            raise ValueError("the channel names no BFT consenters")
        certificates = {each.id: each.identity for each in mapping if each.identity in allowed}
        return cls(certificates, policy.rule.n_out_of.n)

    def problem(self, block: common_pb2.Block) -> str:
        """Why the block's signatures will not do; empty when they do."""
        signers = valid_signers(block, self)
        if len(signers) < self.quorum:
            return f"{len(signers)} valid signatures, {self.quorum} are needed"
        return ""


def valid_signers(block: common_pb2.Block, consenters: Consenters) -> tuple[int, ...]:
    """The consenters whose signatures over `block` are valid, each once; bad signatures are skipped."""
    metadata = signatures_metadata(block)
    found: dict[int, None] = {}
    for signature in metadata.signatures:
        identifier = common_pb2.IdentifierHeader.FromString(signature.identifier_header).identifier
        certificate = consenters.certificates.get(identifier)
        if certificate is None or identifier in found:
            continue
        if verify(certificate, signed_bytes(metadata, signature, block.header), signature.signature):
            found[identifier] = None
    return tuple(found)


def block_signers(config: configtx_pb2.Config) -> Consenters | Writers:
    """Who signs the blocks of a channel: SmartBFT's consenters, or Raft's orderers. ValueError for others."""
    value = config.channel_group.groups["Orderer"].values["ConsensusType"].value
    if orderer_pb2.ConsensusType.FromString(value).type == RAFT:
        return Writers.of(config)
    return Consenters.of(config)


class ChainVerifier:
    """Follows a channel from its genesis block, which is taken on trust; give it blocks in order."""

    def __init__(self, genesis: common_pb2.Block) -> None:
        problem = chain_problem(None, genesis)
        if problem:
            raise ValueError(problem)
        self.channel = channel_of(genesis)
        self.signers = block_signers(config_of(genesis))
        self._last = genesis

    @property
    def height(self) -> int:
        """How many blocks have been accepted."""
        return self._last.header.number + 1

    def problem(self, block: common_pb2.Block) -> str:
        """Why the next block cannot be believed; empty when it can, and then it is the new last one."""
        number = block.header.number
        found = chain_problem(self._last, block)
        if found:
            return found
        try:
            found = self.signers.problem(block)
            if found:
                return f"block {number}: {found}"
            if _is_config(block):
                self.signers = block_signers(config_of(block))
        except (DecodeError, IdentityError, ValueError) as error:
            # ValueError: a configuration that names nobody who could sign the blocks after it.
            return f"block {number}: {error}"
        self._last = block
        return ""


def _is_config(block: common_pb2.Block) -> bool:
    # A config block holds nothing else; what cannot be read is a transaction that peers marked invalid.
    if len(block.data.data) != 1:
        return False
    return decode_transaction(block.data.data[0]).type == "CONFIG"
