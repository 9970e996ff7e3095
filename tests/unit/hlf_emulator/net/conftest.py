"""A channel of two organizations with four consenters, made in memory."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from hlf.identity import SigningIdentity
from hlf.wire.configtx import ChannelSpec, OrganizationSpec, genesis_block
from hlf.wire.consensus import BatchSpec, ConsenterSpec
from hlf_emulator.membership.msp import Verifier
from hlf_emulator.ordering.consensus import OrdererKeys
from hlf_emulator.ordering.orderer import Orderer, OrderingService
from hlf_network.crypto import Authority

CHANNEL = "trade"
ORGANIZATIONS = ("alpha", "beta")


@dataclass
class World:
    """Identities by `organization/role` and orderers by number, and the channel's genesis block."""

    identities: dict[str, SigningIdentity]
    orderers: dict[int, SigningIdentity]
    genesis: common_pb2.Block
    roots: dict[str, bytes]
    spec: ChannelSpec

    def service(self, folder: Path, batch_timeout: float | None = 0.02) -> OrderingService:
        """An ordering service of nodes `orderer1` … `orderer4` with its state under `folder`."""
        keys = {
            f"orderer{number}": OrdererKeys(identity, identity.certificate)
            for number, identity in self.orderers.items()
        }
        return OrderingService(folder / "ordering", keys, Verifier(), batch_timeout)

    def nodes(self, folder: Path, service: OrderingService) -> list[Orderer]:
        """The four orderer nodes; neither running nor joined, but for what `folder` remembers."""
        return [
            Orderer(
                name=f"orderer{number}",
                msp_id=identity.msp_id,
                identity=identity,
                endpoint=f"localhost:{7000 + number}",
                state=folder / "orderers",
                service=service,
            )
            for number, identity in self.orderers.items()
        ]

    def envelope(
        self,
        signer: str = "alpha/client",
        *,
        content: bytes = b"content",
        channel: str = CHANNEL,
        kind: int = common_pb2.ENDORSER_TRANSACTION,
        nonce: bytes = b"",
    ) -> common_pb2.Envelope:
        """A signed envelope; different nonces make different requests."""
        identity = self.identities[signer]
        moment = Timestamp()
        moment.FromNanoseconds(time.time_ns())
        header = common_pb2.Header(
            channel_header=common_pb2.ChannelHeader(
                type=kind, channel_id=channel, tx_id=nonce.hex(), timestamp=moment
            ).SerializeToString(),
            signature_header=common_pb2.SignatureHeader(
                creator=identity.serialized(), nonce=nonce
            ).SerializeToString(),
        )
        payload = common_pb2.Payload(header=header, data=content).SerializeToString()
        return common_pb2.Envelope(payload=payload, signature=identity.sign(payload))


@pytest.fixture(scope="session")
def world() -> World:
    """Keys and genesis; nothing of it changes, so it is made once."""
    now = datetime.datetime.now(datetime.UTC)
    identities: dict[str, SigningIdentity] = {}
    orderers: dict[int, SigningIdentity] = {}
    organizations: list[OrganizationSpec] = []
    consenters: list[ConsenterSpec] = []
    roots: dict[str, bytes] = {}
    for index, name in enumerate(ORGANIZATIONS):
        authority = Authority.create(f"ca.{name}", name, "KR", now)
        roots[name] = authority.certificate
        for role in ("client", "admin", "peer"):
            made = authority.identity(f"{role}.{name}", role, name, "KR")
            identities[f"{name}/{role}"] = SigningIdentity.from_pem(name, made.certificate, made.key)
        numbers = (2 * index + 1, 2 * index + 2)
        for number in numbers:
            made = authority.identity(f"orderer{number}", "orderer", name, "KR")
            orderers[number] = SigningIdentity.from_pem(name, made.certificate, made.key)
            consenters.append(
                ConsenterSpec(
                    id=number,
                    host="localhost",
                    port=7000 + number,
                    msp_id=name,
                    identity=made.certificate,
                    client_tls_cert=made.certificate,
                    server_tls_cert=made.certificate,
                )
            )
        organizations.append(
            OrganizationSpec(
                msp_id=name,
                root_certs=(authority.certificate,),
                tls_root_certs=(authority.certificate,),
                orderer_endpoints=tuple(f"localhost:{7000 + number}" for number in numbers),
            )
        )
    spec = ChannelSpec(
        name=CHANNEL,
        application_orgs=tuple(organizations),
        orderer_orgs=tuple(organizations),
        consenters=tuple(consenters),
        batch=BatchSpec(max_messages=3, timeout="40ms"),
    )
    genesis = genesis_block(spec, timestamp_ns=time.time_ns(), nonce=b"\x01" * 24)
    return World(identities, orderers, genesis, roots, spec)
