"""Peers whose answers a test writes down, for the Gateway and the block streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2

from hlf.identity import SigningIdentity
from hlf.wire.policy import parse_policy
from hlf_emulator.directory import Directory
from hlf_emulator.ledger.definitions import CollectionDefinition
from hlf_emulator.membership.bundle import Bundle, OrdererEndpoint
from hlf_emulator.membership.policies import Policy, SignaturePolicy
from hlf_emulator.peer.peer import Peer
from hlf_emulator.version import FABRIC_3_1, Version
from tests.unit.hlf_emulator.net.conftest import CHANNEL, World

CHAINCODE = "goods"
Answering = Callable[[], proposal_response_pb2.ProposalResponse]


@dataclass
class FakeLedger:
    """Blocks in a list."""

    blocks: list[common_pb2.Block] = field(default_factory=list)
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def height(self) -> int:
        return len(self.blocks)

    def block(self, number: int) -> common_pb2.Block:
        return self.blocks[number]

    async def wait_height(self, height: int) -> None:
        while self.height < height:
            await self.grown.wait()

    def add(self, block: common_pb2.Block) -> None:
        self.blocks.append(block)
        self.grown.set()
        self.grown = asyncio.Event()


@dataclass
class FakeDefinition:
    sequence: int = 1


@dataclass
class FakePackages:
    packages: dict[str, bytes]


@dataclass
class FakeChannel:
    name: str
    bundle: Bundle
    ledger: FakeLedger
    policy: Policy
    ready: bool = True
    collections: dict[str, CollectionDefinition] = field(default_factory=dict)
    definitions: dict[str, FakeDefinition] = field(default_factory=lambda: {CHAINCODE: FakeDefinition()})

    @property
    def orderers(self) -> tuple[OrdererEndpoint, ...]:
        return self.bundle.endpoints

    def ready_chaincodes(self) -> dict[str, str]:
        return {CHAINCODE: "1.0"} if self.ready else {}

    def endorsement_policy(self, chaincode: str) -> Policy:
        if chaincode not in self.definitions:
            raise KeyError(chaincode)
        return self.policy

    def collection(self, chaincode: str, name: str) -> CollectionDefinition | None:
        assert chaincode == CHAINCODE
        return self.collections.get(name)


@dataclass
class FakePeer:
    name: str
    msp_id: str
    identity: SigningIdentity
    endpoint: str
    channels: dict[str, FakeChannel]
    answer: Answering
    running: bool = True
    asked: int = 0
    packages: FakePackages = field(default_factory=lambda: FakePackages({}))
    version: Version = FABRIC_3_1

    def sees(self, _other: object) -> bool:
        return True

    async def process_proposal(
        self, signed: proposal_pb2.SignedProposal, *, filters: bool = True
    ) -> proposal_response_pb2.ProposalResponse:
        assert filters
        assert signed.proposal_bytes
        self.asked += 1
        return self.answer()


def endorsement(
    identity: SigningIdentity, payload: bytes = b"payload"
) -> proposal_response_pb2.ProposalResponse:
    """A successful answer."""
    response = proposal_response_pb2.ProposalResponse(payload=payload)
    response.response.status = 200
    response.endorsement.endorser = identity.serialized()
    return response


def failure(status: int, message: str, payload: bytes = b"") -> proposal_response_pb2.ProposalResponse:
    """An answer that is none."""
    response = proposal_response_pb2.ProposalResponse(payload=payload)
    response.response.status = status
    response.response.message = message
    return response


def peer(world: World, msp_id: str, policy: str = "AND('alpha.peer','beta.peer')") -> FakePeer:
    """One organization's peer, joined to the channel, endorsing everything."""
    identity = world.identities[f"{msp_id}/peer"]
    channel = FakeChannel(
        CHANNEL,
        Bundle.from_config_block(world.genesis),
        FakeLedger([world.genesis]),
        SignaturePolicy(parse_policy(policy)),
    )
    return FakePeer(
        f"peer0.{msp_id}",
        msp_id,
        identity,
        f"localhost:{7050 + len(msp_id)}",
        {CHANNEL: channel},
        lambda: endorsement(identity),
    )


def directory(*peers: FakePeer) -> Directory:
    """The network of these peers."""
    return Directory([as_peer(item) for item in peers], [])


def as_peer(fake: FakePeer) -> Peer:
    """What the services expect; the fake has all they use of it."""
    return cast(Peer, cast(Any, fake))


def proposal(*, transient: bool = False, chaincode: str = CHAINCODE) -> proposal_pb2.SignedProposal:
    """An unsigned proposal: the Gateway reads it, only endorsers verify it."""
    invocation = chaincode_pb2.ChaincodeInvocationSpec()
    invocation.chaincode_spec.chaincode_id.name = chaincode
    payload = proposal_pb2.ChaincodeProposalPayload(input=invocation.SerializeToString())
    if transient:
        payload.TransientMap["secret"] = b"value"
    header = common_pb2.Header(
        channel_header=common_pb2.ChannelHeader(channel_id=CHANNEL).SerializeToString(),
        signature_header=common_pb2.SignatureHeader(nonce=b"n").SerializeToString(),
    )
    content = proposal_pb2.Proposal(header=header.SerializeToString(), payload=payload.SerializeToString())
    return proposal_pb2.SignedProposal(proposal_bytes=content.SerializeToString())
