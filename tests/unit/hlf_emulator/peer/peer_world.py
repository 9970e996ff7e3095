"""Peers of three organizations on one channel, an ordering service of one line, and a real chaincode."""

from __future__ import annotations

import datetime
import secrets
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.msp import msp_config_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2, transaction_pb2
from fabric_protos.peer.lifecycle import lifecycle_pb2
from google.protobuf.message import Message

from hlf.admin.definition import Collection, collection_package
from hlf.admin.package import ccaas_package, package_id
from hlf.identity import SigningIdentity
from hlf.wire.blocks import data_hash, header_hash
from hlf.wire.configtx import ChannelSpec, OrganizationSpec, genesis_block
from hlf.wire.consensus import ConsenterSpec
from hlf.wire.policy import application_policy
from hlf.wire.proposal import ProposalParts, build_proposal
from hlf.wire.transaction import assemble_transaction
from hlf_chaincode import Context, Contract, ContractError, Private, key_policy, query, transaction
from hlf_chaincode.server import ChaincodeServer
from hlf_chaincode.serving.config import ChaincodeService, Limits
from hlf_emulator.membership.msp import Msp, Verifier
from hlf_emulator.peer.peer import Channel, Peer, Shared
from hlf_network.crypto import Authority

CHANNEL = "trade"
ORGANIZATIONS = ("alpha", "beta", "gamma")
SHARED, OWN, BRIEF = "alpha_beta", "alpha", "brief"
COLLECTIONS = (
    Collection(SHARED, "OR('alpha.member','beta.member')", 0, 1, 0, True, True),
    Collection(OWN, "OR('alpha.member')", 0, 0, 0, True, True),
    Collection(BRIEF, "OR('alpha.member','beta.member')", 0, 1, 2, False, False),
)
Code = transaction_pb2.TxValidationCode


class Store(Contract):
    """One function for each ledger call."""

    name = "store"

    @transaction
    def put(self, ctx: Context, key: str, value: str) -> str:
        ctx.state.put(key, value.encode())
        ctx.emit("put", key.encode())
        return value

    @query
    def get(self, ctx: Context, key: str) -> str:
        return (ctx.state.get(key) or b"").decode()

    @transaction
    def add(self, ctx: Context, key: str) -> int:
        total = int(ctx.state.get(key) or b"0") + 1
        ctx.state.put(key, str(total).encode())
        return total

    @transaction
    def remove(self, ctx: Context, key: str) -> None:
        ctx.state.delete(key)

    @transaction
    def lock(self, ctx: Context, key: str, owner: str) -> None:
        ctx.state.set_policy(key, key_policy([owner]))

    @query
    def keys(self, ctx: Context, start: str, end: str) -> list[str]:
        return [entry.key for entry in ctx.state.range(start, end)]

    @transaction
    def count(self, ctx: Context, start: str, end: str, target: str) -> int:
        found = len(list(ctx.state.range(start, end)))
        ctx.state.put(target, str(found).encode())
        return found

    @query
    def history(self, ctx: Context, key: str) -> list[str]:
        return [change.transaction_id for change in ctx.state.history(key)]

    @transaction
    def share(self, ctx: Context, collection: str, key: str, value: Private[str]) -> None:
        ctx.private(collection).put(key, value.encode())

    @transaction
    def purge(self, ctx: Context, collection: str, key: str) -> None:
        ctx.private(collection).purge(key)

    @transaction
    def lock_private(self, ctx: Context, collection: str, key: str, owner: str) -> None:
        ctx.private(collection).set_policy(key, key_policy([owner]))

    @query
    def shared(self, ctx: Context, collection: str, key: str) -> str:
        return (ctx.private(collection).get(key) or b"").decode()

    @query
    def shared_hash(self, ctx: Context, collection: str, key: str) -> str:
        return (ctx.private(collection).hash(key) or b"").hex()

    @query
    def shared_keys(self, ctx: Context, collection: str) -> list[str]:
        return [entry.key for entry in ctx.private(collection).range("", "")]

    @transaction
    def call(self, ctx: Context, chaincode: str, function: str, key: str) -> str:
        return ctx.invoke(chaincode, [function, key]).decode()

    @transaction
    def refuse(self, ctx: Context) -> None:
        raise ContractError("NO", "as asked")


@dataclass
class Keys:
    """Identities by `organization/role`, MSP definitions, and the channel's first block."""

    identities: dict[str, SigningIdentity]
    msps: dict[str, msp_config_pb2.FabricMSPConfig]
    genesis: common_pb2.Block


def make_keys() -> Keys:
    now = datetime.datetime.now(datetime.UTC)
    identities: dict[str, SigningIdentity] = {}
    msps: dict[str, msp_config_pb2.FabricMSPConfig] = {}
    organizations, consenters = [], []
    for number, name in enumerate((*ORGANIZATIONS, "delta"), 1):
        authority = Authority.create(f"ca.{name}", name, "KR", now)
        for role in ("client", "admin", "peer", "orderer"):
            made = authority.identity(f"{role}.{name}", role, name, "KR")
            identities[f"{name}/{role}"] = SigningIdentity.from_pem(name, made.certificate, made.key)
        orderer = identities[f"{name}/orderer"].certificate
        consenters.append(ConsenterSpec(number, "localhost", 7000 + number, name, orderer, orderer, orderer))
        organizations.append(
            OrganizationSpec(
                msp_id=name,
                root_certs=(authority.certificate,),
                tls_root_certs=(authority.certificate,),
                orderer_endpoints=(f"localhost:{7000 + number}",),
            )
        )
        msps[name] = _msp(name, authority.certificate)
    spec = ChannelSpec(
        name=CHANNEL,
        application_orgs=tuple(organizations[:3]),
        orderer_orgs=tuple(organizations),
        consenters=tuple(consenters),
    )
    return Keys(identities, msps, genesis_block(spec, timestamp_ns=time.time_ns(), nonce=b"\x01" * 24))


def _msp(name: str, root: bytes) -> msp_config_pb2.FabricMSPConfig:
    config = msp_config_pb2.FabricMSPConfig(name=name, root_certs=[root])
    config.fabric_node_ous.enable = True
    for role in ("client", "peer", "admin", "orderer"):
        getattr(config.fabric_node_ous, f"{role}_ou_identifier").organizational_unit_identifier = role
    return config


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class World:
    """The running peers; `order` is what an ordering service would do."""

    keys: Keys
    folder: Path
    clock: Any = None
    shared: Shared = field(init=False)
    peers: dict[str, Peer] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    package_ids: dict[str, str] = field(default_factory=dict)

    async def start(self) -> None:
        verifier = Verifier()
        self.shared = Shared(self.folder, verifier)
        options = {"clock": self.clock} if self.clock else {}
        for name in ORGANIZATIONS:
            identity = self.keys.identities[f"{name}/peer"]
            local = Msp(self.keys.msps[name], verifier)
            self.peers[name] = Peer(f"peer0.{name}", identity, f"{name}:7051", local, self.shared, **options)
            await self.peers[name].start()

    async def stop(self) -> None:
        for peer in self.peers.values():
            await peer.stop()
        self.shared.close()

    def channel(self, organization: str) -> Channel:
        return self.peers[organization].channels[CHANNEL]

    def propose(
        self,
        function: str,
        *args: str | bytes,
        by: str = "alpha/client",
        chaincode: str = "store",
        channel: str = CHANNEL,
        transient: Mapping[str, bytes] | None = None,
        timestamp_ns: int | None = None,
    ) -> ProposalParts:
        encoded = [arg.encode() if isinstance(arg, str) else arg for arg in (function, *args)]
        return build_proposal(
            self.keys.identities[by].identity,
            channel,
            chaincode,
            encoded,
            dict(transient or {}),
            secrets.token_bytes(24),
            time.time_ns() if timestamp_ns is None else timestamp_ns,
        )

    def sign(self, parts: ProposalParts, by: str = "alpha/client") -> proposal_pb2.SignedProposal:
        signature = self.keys.identities[by].sign(parts.proposal)
        return proposal_pb2.SignedProposal(proposal_bytes=parts.proposal, signature=signature)

    async def ask(
        self, organization: str, function: str, *args: str | bytes, by: str = "", **options: Any
    ) -> proposal_response_pb2.ProposalResponse:
        """One peer's answer to a proposal."""
        by = by or f"{organization}/client"
        parts = self.propose(function, *args, by=by, **options)
        return await self.peers[organization].process_proposal(self.sign(parts, by))

    async def endorse(
        self,
        endorsers: Sequence[str],
        function: str,
        *args: str | bytes,
        by: str = "alpha/client",
        **options: Any,
    ) -> tuple[str, bytes]:
        """(transaction id, encoded envelope) of a transaction that those peers endorse."""
        parts = self.propose(function, *args, by=by, **options)
        signed = self.sign(parts, by)
        responses = [await self.peers[name].process_proposal(signed) for name in endorsers]
        for response in responses:
            assert response.response.status == 200, response.response.message
        envelope = assemble_transaction(parts.proposal, responses)
        envelope.signature = self.keys.identities[by].sign(envelope.payload)
        return parts.transaction_id, envelope.SerializeToString()

    def cut(self, *envelopes: bytes) -> common_pb2.Block:
        """The next block with these transactions."""
        ledger = self.shared.ledger(CHANNEL)
        newest = ledger.block(ledger.height - 1)
        block = common_pb2.Block()
        block.data.data.extend(envelopes)
        block.header.number = ledger.height
        block.header.previous_hash = header_hash(newest.header)
        block.header.data_hash = data_hash(block.data)
        block.metadata.metadata.extend([b""] * 5)
        return block

    async def order(self, *envelopes: bytes, to: Sequence[str] = ORGANIZATIONS) -> list[int]:
        """Commit a block at the peers; the transactions' codes."""
        block = self.cut(*envelopes)
        for name in to:
            await self.channel(name).commit(block)
        committed = self.shared.ledger(CHANNEL).block(block.header.number)
        return list(committed.metadata.metadata[common_pb2.TRANSACTIONS_FILTER])

    async def submit(
        self, endorsers: Sequence[str], function: str, *args: str | bytes, **options: Any
    ) -> int:
        """Endorse and commit one transaction; its code."""
        _, envelope = await self.endorse(endorsers, function, *args, **options)
        return (await self.order(envelope))[0]

    async def lifecycle(
        self, organization: str, function: str, message: Message, *, channel: str = CHANNEL, by: str = "admin"
    ) -> proposal_response_pb2.ProposalResponse:
        return await self.ask(
            organization,
            function,
            message.SerializeToString(),
            by=f"{organization}/{by}",
            chaincode="_lifecycle",
            channel=channel,
        )

    async def install(self, organization: str, address: str, label: str = "store") -> str:
        package = ccaas_package(label, address)
        args = lifecycle_pb2.InstallChaincodeArgs(chaincode_install_package=package)
        answer = await self.lifecycle(organization, "InstallChaincode", args, channel="")
        assert answer.response.status == 200, answer.response.message
        return package_id(package)

    async def approve(self, organization: str, package: str, name: str = "store", sequence: int = 1) -> int:
        args = lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs(
            source=lifecycle_pb2.ChaincodeSource(
                local_package=lifecycle_pb2.ChaincodeSource.Local(package_id=package)
            ),
            **self.terms(name, sequence),
        )
        return await self.submit(
            [organization],
            "ApproveChaincodeDefinitionForMyOrg",
            args.SerializeToString(),
            by=f"{organization}/admin",
            chaincode="_lifecycle",
        )

    def terms(self, name: str = "store", sequence: int = 1) -> dict[str, Any]:
        policy = application_policy("AND('alpha.peer','beta.peer')").SerializeToString()
        return {
            "name": name,
            "version": "1.0",
            "sequence": sequence,
            "validation_parameter": policy,
            "collections": collection_package(COLLECTIONS),
        }

    async def deploy(self, name: str = "store", organizations: Sequence[str] = ("alpha", "beta")) -> None:
        """Install, approve and commit; the chaincode's server must be told the package id."""
        for organization in organizations:
            port = free_port()
            self.addresses[f"{organization}/{name}"] = f"127.0.0.1:{port}"
            address = self.addresses[f"{organization}/{name}"]
            package = await self.install(organization, address, name)
            self.package_ids[f"{organization}/{name}"] = package
            assert await self.approve(organization, package, name) == Code.VALID
        args = lifecycle_pb2.CommitChaincodeDefinitionArgs(**self.terms(name))
        code = await self.submit(
            list(organizations),
            "CommitChaincodeDefinition",
            args.SerializeToString(),
            by="alpha/admin",
            chaincode="_lifecycle",
        )
        assert code == Code.VALID

    async def serve(self) -> list[ChaincodeServer]:
        servers = []
        for key, address in self.addresses.items():
            limits = Limits(workers=4)
            service = ChaincodeService(self.package_ids[key], (Store,), address, None, limits)
            server = ChaincodeServer(service)
            await server.start()
            servers.append(server)
        return servers


@asynccontextmanager
async def running(
    keys: Keys, folder: Path, *, join: bool = True, deploy: Sequence[str] = (), clock: Any = None
) -> AsyncIterator[World]:
    """A world with the channel joined and the named chaincodes deployed and served."""
    world = World(keys, folder, clock)
    await world.start()
    servers: list[ChaincodeServer] = []
    try:
        if join:
            for peer in world.peers.values():
                await peer.join(keys.genesis)
        for name in deploy:
            await world.deploy(name)
        servers = await world.serve()
        yield world
    finally:
        await world.stop()
        for server in servers:
            await server.stop(0)
