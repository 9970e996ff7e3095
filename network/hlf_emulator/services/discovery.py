"""discovery.Discovery: peers, configuration and endorsers of a channel (discovery/service.go)."""

from typing import Any

import grpc
from fabric_protos.common import configtx_pb2
from fabric_protos.discovery import protocol_pb2, protocol_pb2_grpc
from fabric_protos.gossip import message_pb2
from fabric_protos.msp import msp_config_pb2
from google.protobuf.message import DecodeError

from hlf_emulator.config import split_address
from hlf_emulator.directory import Descriptor, Directory, Member, NoDescriptor, pki_id
from hlf_emulator.go.print import go_print
from hlf_emulator.go.text import INVALID_WIRE_FORMAT
from hlf_emulator.membership.bundle import Bundle
from hlf_emulator.membership.msp import MspError
from hlf_emulator.membership.policies import CHANNEL_WRITERS, PolicyError, SignedData
from hlf_emulator.peer.peer import Channel, Peer
from hlf_emulator.ports.rpc_status import RpcError, abort


class DiscoveryService(protocol_pb2_grpc.DiscoveryServicer):
    """Discovery as ``peer`` offers it."""

    def __init__(self, peer: Peer, directory: Directory) -> None:
        self._peer = peer
        self._directory = directory

    async def Discover(  # noqa: N802 - the RPC's name
        self, request: protocol_pb2.SignedRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> protocol_pb2.Response:
        """Answer every query of a signed request; refusals of single queries are results, not errors."""
        try:
            inner = protocol_pb2.Request.FromString(request.payload)
        except DecodeError:
            await abort(
                context, RpcError(grpc.StatusCode.UNKNOWN, f"failed parsing request: {INVALID_WIRE_FORMAT}")
            )
        if not inner.HasField("authentication"):
            await abort(
                context,
                RpcError(grpc.StatusCode.UNKNOWN, "access denied, no authentication info in request"),
            )
        identity = inner.authentication.client_identity
        if not identity:
            await abort(
                context,
                RpcError(grpc.StatusCode.UNKNOWN, "access denied, client identity wasn't supplied"),
            )
        signed = SignedData(request.payload, identity, request.signature)
        return protocol_pb2.Response(results=[self._answer(query, signed) for query in inner.queries])

    def _answer(self, query: protocol_pb2.Query, signed: SignedData) -> protocol_pb2.QueryResult:
        kind = query.WhichOneof("query")
        if not query.channel:
            if not self._may_ask_locally(signed):
                return _error("access denied")
            if kind != "local_peers":
                return _error("unknown or missing request type")
            return self._members([(peer, None) for peer in self._directory.seen_by(self._peer)])
        channel = self._peer.channels.get(query.channel)
        if channel is None or not _may_ask(channel, signed):
            return _error("access denied")
        if kind == "config_query":
            return protocol_pb2.QueryResult(config_result=config_result(channel.bundle))
        if kind == "peer_query":
            return self._peers(channel, query.peer_query)
        if kind == "cc_query":
            return self._endorsers(channel, query.cc_query)
        return _error("unknown or missing request type")

    def _may_ask_locally(self, signed: SignedData) -> bool:
        """Local queries are for the peer's own administrators (acl/support.go:64)."""
        try:
            identity = self._peer.local_msp.deserialize(signed.identity)
            identity.validate()
            identity.verify(signed.data, signed.signature)
            return self._peer.local_msp.role(identity, "admin")
        except MspError:
            # Whoever the organization's MSP refuses is not one of its administrators.
            return False

    def _peers(self, channel: Channel, query: protocol_pb2.PeerMembershipQuery) -> protocol_pb2.QueryResult:
        interest = query.filter if query.HasField("filter") else None
        try:
            found = self._directory.authorized(channel, interest)
        except NoDescriptor as error:
            return _error(str(error))
        return self._members([(member.peer, member) for member in found])

    def _members(self, found: list[tuple[Peer, Member | None]]) -> protocol_pb2.QueryResult:
        """Peers by organization; one whose identity gossip knows is named even without a peer to show."""
        result = protocol_pb2.PeerMembershipResult()
        for msp_id in self._directory.organizations_known_to(self._peer):
            result.peers_by_org[msp_id].SetInParent()
        for peer, member in found:
            result.peers_by_org[peer.msp_id].peers.append(_peer(peer, member))
        return protocol_pb2.QueryResult(members=result)

    def _endorsers(self, channel: Channel, query: protocol_pb2.ChaincodeQuery) -> protocol_pb2.QueryResult:
        if not query.interests:
            return _error("chaincode query must have at least one chaincode interest")
        result = protocol_pb2.ChaincodeQueryResult()
        for interest in query.interests:
            if not interest.chaincodes:
                return _error("chaincode interest must contain at least one chaincode")
            if any(not call.name for call in interest.chaincodes):
                return _error("chaincode name in interest cannot be empty")
            try:
                descriptor = self._directory.descriptor(channel, interest)
            except NoDescriptor:
                # The cause is logged by Fabric and kept from the client.
                return _error(f"failed constructing descriptor for {go_print(interest, self._peer.version)}")
            result.content.append(_descriptor(descriptor))
        return protocol_pb2.QueryResult(cc_query_res=result)


def config_result(bundle: Bundle) -> protocol_pb2.ConfigResult:
    """MSPs and orderer endpoints of a channel (discovery/support/config)."""
    result = protocol_pb2.ConfigResult()
    for section in ("Application", "Orderer"):
        group = bundle.config.channel_group.groups[section]
        for name in group.groups:
            msp = _msp_config(group.groups[name])
            result.msps[msp.name].CopyFrom(msp)
    everyone = list(bundle.orderer_organizations.values())
    for msp_id in everyone:
        result.orderers[msp_id].SetInParent()  # without an address it is listed all the same
    for endpoint in bundle.endpoints:
        host, port = split_address(endpoint.address)
        owners = [endpoint.msp_id] if endpoint.msp_id else everyone
        for msp_id in owners:
            result.orderers[msp_id].endpoint.add(host=host, port=port)
    return result


def _msp_config(group: configtx_pb2.ConfigGroup) -> msp_config_pb2.FabricMSPConfig:
    message = msp_config_pb2.MSPConfig.FromString(group.values["MSP"].value)
    return msp_config_pb2.FabricMSPConfig.FromString(message.config)


def _may_ask(channel: Channel, signed: SignedData) -> bool:
    try:
        channel.bundle.policies.evaluate(CHANNEL_WRITERS, [signed])
    except PolicyError:
        # Answered with "access denied", whatever the reason.
        return False
    return True


def _descriptor(descriptor: Descriptor) -> protocol_pb2.EndorsementDescriptor:
    message = protocol_pb2.EndorsementDescriptor(chaincode=descriptor.chaincode)
    for name, members in descriptor.groups.items():
        message.endorsers_by_groups[name].peers.extend(_peer(member.peer, member) for member in members)
    for layout in descriptor.layouts:
        added = message.layouts.add()
        for name, count in layout.items():
            added.quantities_by_group[name] = count
    return message


def _peer(peer: Peer, member: Member | None) -> protocol_pb2.Peer:
    identity = peer.identity.serialized()
    alive = message_pb2.GossipMessage(tag=message_pb2.GossipMessage.EMPTY)
    alive.alive_msg.membership.endpoint = peer.endpoint
    alive.alive_msg.membership.pki_id = pki_id(peer.identity)
    alive.alive_msg.identity = identity
    message = protocol_pb2.Peer(identity=identity)
    message.membership_info.payload = alive.SerializeToString()
    if member is not None:
        state = message_pb2.GossipMessage(tag=message_pb2.GossipMessage.CHAN_OR_ORG)
        state.state_info.pki_id = pki_id(peer.identity)
        properties = state.state_info.properties
        properties.ledger_height = member.height
        for name, version in sorted(member.chaincodes.items()):
            properties.chaincodes.add(name=name, version=version)
        message.state_info.payload = state.SerializeToString()
    return message


def _error(text: str) -> protocol_pb2.QueryResult:
    return protocol_pb2.QueryResult(error=protocol_pb2.Error(content=text))
