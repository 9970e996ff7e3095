"""Service discovery: which peers and orderers a channel has, and who can endorse.

Source: discovery/protocol.proto, gossip/message.proto. The identity must satisfy the channel's Writers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from fabric_protos.discovery import protocol_pb2, protocol_pb2_grpc
from fabric_protos.gossip import message_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import proposal_response_pb2

from hlf.admin.peer import rpc_error
from hlf.endpoint import Endpoint
from hlf.errors import GatewayError, PeerDetail
from hlf.identity import SigningIdentity

_TIMEOUT = 30.0


@dataclass(frozen=True)
class DiscoveredPeer:
    """A live peer: `endpoint` is "host:port" as it announces itself, `chaincodes` maps a name to a version.

    A peer found without a channel has height 0 and no chaincodes. `certificate` is PEM.
    """

    msp_id: str
    endpoint: str
    height: int = 0
    chaincodes: Mapping[str, str] = field(default_factory=dict)
    certificate: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class OrganizationRoots:
    """An organization's certification authorities as the channel knows them, in PEM."""

    root_certs: tuple[bytes, ...] = field(repr=False)
    tls_root_certs: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class ChannelConfig:
    """A channel's organizations by MSP id, and its orderers' "host:port" by MSP id."""

    organizations: Mapping[str, OrganizationRoots]
    orderers: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class ChaincodeCall:
    """A chaincode that a transaction will call, and what it will touch there."""

    name: str
    collections: tuple[str, ...] = ()
    no_private_reads: bool = False
    no_public_writes: bool = False
    disregard_namespace_policy: bool = False


@dataclass(frozen=True)
class EndorsementPlan:
    """Who can endorse: each layout says how many peers of each group are enough."""

    chaincode: str
    groups: Mapping[str, tuple[DiscoveredPeer, ...]]
    layouts: tuple[Mapping[str, int], ...]


def _peer(message: protocol_pb2.Peer) -> DiscoveredPeer:
    identity = identities_pb2.SerializedIdentity.FromString(message.identity)
    alive = message_pb2.GossipMessage.FromString(message.membership_info.payload).alive_msg
    state = message_pb2.GossipMessage.FromString(message.state_info.payload).state_info.properties
    return DiscoveredPeer(
        msp_id=identity.mspid,
        endpoint=alive.membership.endpoint,
        height=state.ledger_height,
        chaincodes={each.name: each.version for each in state.chaincodes},
        certificate=identity.id_bytes,
    )


def _members(result: protocol_pb2.PeerMembershipResult) -> tuple[DiscoveredPeer, ...]:
    found = [_peer(each) for peers in result.peers_by_org.values() for each in peers.peers]
    return tuple(sorted(found, key=lambda each: (each.msp_id, each.endpoint)))


class Discovery:
    """Asks one peer what it knows. Close it, or use it as a context manager."""

    def __init__(self, endpoint: Endpoint, identity: SigningIdentity, *, timeout: float = _TIMEOUT) -> None:
        self.endpoint = endpoint
        self.identity = identity
        self.timeout = timeout
        # grpc's synchronous half carries no annotations.
        self._channel: Any = endpoint.connect()
        self._stub = protocol_pb2_grpc.DiscoveryStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def request(self, queries: Sequence[protocol_pb2.Query]) -> Sequence[protocol_pb2.QueryResult]:
        """Sign and send queries; the results come in their order, errors among them."""
        request = protocol_pb2.Request(
            authentication=protocol_pb2.AuthInfo(
                client_identity=self.identity.serialized(),
                client_tls_cert_hash=self.endpoint.tls_certificate_hash,
            ),
            queries=queries,
        )
        payload = request.SerializeToString()
        signed = protocol_pb2.SignedRequest(payload=payload, signature=self.identity.sign(payload))
        try:
            answer: protocol_pb2.Response = self._stub.Discover(signed, timeout=self.timeout)
        except grpc.RpcError as error:
            raise rpc_error(error, self.endpoint.address, self.identity.msp_id) from error
        return answer.results

    def _one(self, query: protocol_pb2.Query) -> protocol_pb2.QueryResult:
        results = self.request([query])
        if len(results) != 1:
            raise GatewayError(
                f"{self.endpoint.address} gave {len(results)} answers to one query", code="INTERNAL"
            )
        result = results[0]
        if result.WhichOneof("result") == "error":
            message = result.error.content
            raise GatewayError(
                "discovery refused",
                code="PERMISSION_DENIED" if message == "access denied" else "FAILED_PRECONDITION",
                details=(PeerDetail(self.endpoint.address, self.identity.msp_id, message),),
                # The peer gives the same answer for both.
                hint="no such channel on this peer, or no right to it" if message == "access denied" else "",
            )
        return result

    def peers(self, channel: str) -> tuple[DiscoveredPeer, ...]:
        """The live peers of a channel, by organization and endpoint."""
        query = protocol_pb2.Query(channel=channel, peer_query=protocol_pb2.PeerMembershipQuery())
        return _members(self._one(query).members)

    def local_peers(self) -> tuple[DiscoveredPeer, ...]:
        """The live peers this peer knows, of any channel; for administrators of its organization."""
        return _members(self._one(protocol_pb2.Query(local_peers=protocol_pb2.LocalPeerQuery())).members)

    def config(self, channel: str) -> ChannelConfig:
        """The channel's organizations and orderers."""
        query = protocol_pb2.Query(channel=channel, config_query=protocol_pb2.ConfigQuery())
        result = self._one(query).config_result
        return ChannelConfig(
            organizations={
                msp_id: OrganizationRoots(tuple(each.root_certs), tuple(each.tls_root_certs))
                for msp_id, each in result.msps.items()
            },
            orderers={
                msp_id: tuple(f"{each.host}:{each.port}" for each in endpoints.endpoint)
                for msp_id, endpoints in result.orderers.items()
            },
        )

    def endorsers(self, channel: str, *calls: ChaincodeCall | str) -> EndorsementPlan:
        """Which peers can endorse a transaction that makes these chaincode calls, the client's first.

        Raises GatewayError when no combination of live peers satisfies the policies.
        """
        interest = proposal_response_pb2.ChaincodeInterest(
            chaincodes=[
                proposal_response_pb2.ChaincodeCall(
                    name=call.name,
                    collection_names=call.collections,
                    no_private_reads=call.no_private_reads,
                    no_public_writes=call.no_public_writes,
                    disregard_namespace_policy=call.disregard_namespace_policy,
                )
                for call in (
                    each if isinstance(each, ChaincodeCall) else ChaincodeCall(each) for each in calls
                )
            ]
        )
        query = protocol_pb2.Query(
            channel=channel, cc_query=protocol_pb2.ChaincodeQuery(interests=[interest])
        )
        descriptor = self._one(query).cc_query_res.content[0]
        return EndorsementPlan(
            chaincode=descriptor.chaincode,
            groups={
                name: tuple(_peer(each) for each in peers.peers)
                for name, peers in descriptor.endorsers_by_groups.items()
            },
            layouts=tuple(dict(layout.quantities_by_group) for layout in descriptor.layouts),
        )
