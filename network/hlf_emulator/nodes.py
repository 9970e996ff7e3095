"""Nodes with their ports: what starts, stops and starts again."""

import errno
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import grpc
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.discovery import protocol_pb2_grpc
from fabric_protos.gateway import gateway_pb2_grpc
from fabric_protos.orderer import ab_pb2_grpc
from fabric_protos.peer import events_pb2_grpc, peer_pb2_grpc, proposal_pb2, proposal_response_pb2

from hlf.identity import SigningIdentity, low_s
from hlf_emulator.config import NodeTls, OrdererConfig, PeerConfig, split_address
from hlf_emulator.directory import Directory
from hlf_emulator.gateway.service import GatewayService
from hlf_emulator.ordering.orderer import Orderer, OrderingService
from hlf_emulator.ordering.participation import ParticipationApi
from hlf_emulator.peer.block_feed import BlockFeed
from hlf_emulator.peer.peer import Peer, RpcRefused
from hlf_emulator.ports.open_streams import OpenStreams
from hlf_emulator.ports.rest import HttpServer
from hlf_emulator.ports.rpc_guard import CONCURRENCY_LIMITS, MESSAGE_BYTES, RpcGuard
from hlf_emulator.ports.rpc_status import RpcError, abort
from hlf_emulator.services.deliver import AtomicBroadcastService, PeerDeliverService
from hlf_emulator.services.discovery import DiscoveryService

_OPTIONS = (
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    # A message somewhat larger is refused in Go's words, by RpcGuard; one twice as large is not even read.
    ("grpc.max_receive_message_length", 2 * MESSAGE_BYTES),
    # Fabric's servers take nothing compressed, as RpcGuard says to those who try.
    ("grpc.per_message_decompression", 0),
    ("grpc.so_reuseport", 0),
    # Whoever connects and does not shake hands is dropped (DefaultConnectionTimeout, comm/config.go).
    ("grpc.server_handshake_timeout_ms", 5_000),
    # Fabric's servers drop clients that ping more often than once a minute.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 60_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
_Context = grpc.aio.ServicerContext[Any, Any]


class Node(Protocol):
    """A node of the network, by the name the topology gives it."""

    name: str
    streams: OpenStreams

    async def start(self) -> None:
        """Open the ports. Raises OSError or RuntimeError when one is taken."""

    async def stop(self, grace: float | None = None) -> None:
        """Close the ports; calls in progress are given ``grace`` seconds."""

    def refuse_disk(self, refuses: bool) -> None:
        """A fault: whether every write of the node fails as on a full disk."""

    def status(self) -> dict[str, object]:
        """What it is, whether it runs, the height of each of its channels, and the faults in force."""


class EndorserService(peer_pb2_grpc.EndorserServicer):
    """protos.Endorser of one peer."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def ProcessProposal(  # noqa: N802 - the RPC's name
        self, request: proposal_pb2.SignedProposal, context: _Context
    ) -> proposal_response_pb2.ProposalResponse:
        """Simulate and endorse."""
        try:
            return await self._peer.process_proposal(request)
        except RpcRefused as refused:
            await abort(context, RpcError(refused.code, refused.message))


class PeerNode:
    """A peer, its gRPC port and its feed of blocks."""

    def __init__(self, config: PeerConfig, peer: Peer, service: OrderingService) -> None:
        self.name = config.name
        self.peer = peer
        self.feed = BlockFeed(config.name, service)
        self.directory: Directory | None = None
        self.streams = OpenStreams()
        self._config = config
        self._server: grpc.aio.Server | None = None
        peer.on_join.append(self.feed.follow)

    async def start(self) -> None:
        """Open the port at the heights that the peer had."""
        if self._server is not None:
            return
        if self.directory is None:
            raise RuntimeError(f"{self.name} has no directory of the network")
        await self.peer.start()
        guard = RpcGuard(CONCURRENCY_LIMITS, self.streams)
        peer_pb2_grpc.add_EndorserServicer_to_server(EndorserService(self.peer), guard)
        gateway_pb2_grpc.add_GatewayServicer_to_server(GatewayService(self.peer, self.directory), guard)
        events_pb2_grpc.add_DeliverServicer_to_server(PeerDeliverService(self.peer), guard)
        protocol_pb2_grpc.add_DiscoveryServicer_to_server(DiscoveryService(self.peer, self.directory), guard)
        self._server = await _listen(guard, self._config.listen, self._config.tls)
        for channel in self.peer.channels.values():
            self.feed.follow(channel)

    async def stop(self, grace: float | None = None) -> None:
        """Close the port; blocks are taken up again at the next start."""
        if self._server is None:
            return
        server, self._server = self._server, None
        await server.stop(grace)
        await self.feed.stop()
        await self.peer.stop()

    def refuse_disk(self, refuses: bool) -> None:
        """Let every write of the peer fail as on a full disk, or no longer."""
        self.peer.disk.refusing = refuses

    async def rejoin_gossip(self) -> None:
        """Let the other peers see this one again; both sides look for private data they have missed."""
        if self.peer.in_gossip:
            return
        self.peer.in_gossip = True
        for name, channel in self.peer.channels.items():
            for side in (channel, *self.peer.siblings(name)):
                await side.reconcile()

    def status(self) -> dict[str, object]:
        """Kind, running, heights, faults."""
        channels = {name: channel.ledger.height for name, channel in sorted(self.peer.channels.items())}
        faults = {
            "delay": self.feed.delay,
            "lag": self.feed.lag,
            "forgotten": not self.peer.in_gossip,
            "disk refused": self.peer.disk.refusing,
        }
        return _status("peer", self._server is not None, channels, faults)


class OrdererNode:
    """An orderer, its gRPC port and its channel participation port."""

    def __init__(self, config: OrdererConfig, orderer: Orderer) -> None:
        self.name = config.name
        self.orderer = orderer
        self.streams = OpenStreams()
        self._config = config
        self._server: grpc.aio.Server | None = None
        self._admin: HttpServer | None = None

    async def start(self) -> None:
        """Open both ports and take part in ordering."""
        if self._server is not None:
            return
        host, port = split_address(self._config.admin_listen)
        admin = HttpServer(
            ParticipationApi(self.orderer).handle,
            host,
            port,
            _admin_tls(self._config.tls, self._config.admin_client_roots),
        )
        await admin.start()
        guard = RpcGuard({}, self.streams)
        ab_pb2_grpc.add_AtomicBroadcastServicer_to_server(AtomicBroadcastService(self.orderer), guard)
        try:
            self._server = await _listen(guard, self._config.listen, self._config.tls)
        except BaseException:
            await admin.stop()
            raise
        self._admin = admin
        self.orderer.running = True

    async def stop(self, grace: float | None = None) -> None:
        """Close both ports and leave the quorum."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self.orderer.running = False
        await server.stop(grace)
        if self._admin is not None:
            await self._admin.stop()
            self._admin = None

    def refuse_disk(self, refuses: bool) -> None:
        """Let every write of the orderer fail as on a full disk, or no longer."""
        self.orderer.refuses_disk = refuses

    def status(self) -> dict[str, object]:
        """Kind, running, heights, faults."""
        channels = {name: item.height for name, item in sorted(self.orderer.channels.items())}
        faults = {"disk refused": self.orderer.refuses_disk}
        return _status("orderer", self._server is not None, channels, faults)


def _status(
    kind: str, running: bool, channels: Mapping[str, int], faults: Mapping[str, object]
) -> dict[str, object]:
    in_force = {name: value for name, value in faults.items() if value}
    return {"kind": kind, "running": running, "channels": channels, "faults": in_force}


def load_identity(msp: Path, msp_id: str, *, repeatable: bool = False) -> SigningIdentity:
    """The signing identity of a local MSP folder; ``repeatable``: one message has one signature (RFC 6979).

    Raises IdentityError or OSError.
    """
    certificate = _only_file(msp / "signcerts")
    pem = _only_file(msp / "keystore").read_bytes()
    identity = SigningIdentity.from_pem(msp_id, certificate.read_bytes(), pem)
    key = identity.private_key
    if not repeatable or not isinstance(key, ec.EllipticCurvePrivateKey):
        return identity
    curve, algorithm = key.curve.name, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    return SigningIdentity(identity.identity, lambda message: low_s(key.sign(message, algorithm), curve))


def _only_file(folder: Path) -> Path:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if not files:
        raise FileNotFoundError(f"no file in {folder.parent.name}/{folder.name}")
    return files[0]


async def _listen(guard: RpcGuard, address: str, tls: NodeTls) -> grpc.aio.Server:
    server: grpc.aio.Server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers((guard,))
    pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
    credentials = grpc.ssl_server_credentials([pair])  # type: ignore[no-untyped-call]
    try:
        server.add_secure_port(address, credentials)
    except RuntimeError as error:  # gRPC's own text is about its debugging
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), address) from error
    await server.start()
    return server


def _admin_tls(tls: NodeTls, client_roots: tuple[Path, ...]) -> ssl.SSLContext:
    """A client certificate is required (orderer.yaml, Admin.TLS.ClientAuthRequired)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    context.verify_mode = ssl.CERT_REQUIRED
    for path in client_roots:
        context.load_verify_locations(path)
    return context
