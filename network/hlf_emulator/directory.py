"""What gossip would know: which peers are up, on which channel, with which chaincodes.

All nodes live in one process, so a node that stops is gone for everybody at once.
"""

import hashlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fabric_protos.peer import proposal_response_pb2
from google.protobuf.message import DecodeError

from hlf.identity import SigningIdentity
from hlf_emulator.chance import chance
from hlf_emulator.ledger.definitions import LIFECYCLE, CollectionDefinition
from hlf_emulator.membership.bundle import Bundle
from hlf_emulator.membership.msp import MspError
from hlf_emulator.membership.policies import ImplicitMetaPolicy, Policy, RejectPolicy, SignaturePolicy
from hlf_emulator.membership.principal_sets import Principal, PrincipalSet, merge, satisfied_by
from hlf_emulator.ordering.orderer import Orderer
from hlf_emulator.peer.peer import Channel, Peer

SYSTEM_CHAINCODES = frozenset({LIFECYCLE, "lscc", "cscc", "qscc"})
_PLANS = 512  # descriptors kept; a network asks for few different ones between two changes


class NoDescriptor(Exception):  # noqa: N818 - an answer of discovery, not a fault
    """No combination of peers can endorse; the text is discovery's."""


@dataclass(frozen=True)
class Member:
    """A running peer and its side of the channel asked for.

    ``chaincodes`` maps names to what gossip calls the version: the definition's sequence
    (metadata_provider.go).
    """

    peer: Peer
    channel: Channel
    chaincodes: Mapping[str, str]
    known_as: str
    """Which peer, with which channel opened and which chaincodes: what of it a plan depends on."""

    @property
    def height(self) -> int:
        """Blocks it has committed."""
        return self.channel.ledger.height


@dataclass(frozen=True)
class Descriptor:
    """Groups of peers, and the layouts (group -> how many) each of which endorses."""

    chaincode: str
    groups: dict[str, tuple[Member, ...]]
    layouts: tuple[dict[str, int], ...]


class Directory:
    """The nodes of this network."""

    def __init__(
        self, peers: Iterable[Peer], orderers: Iterable[Orderer], luck: random.Random | None = None
    ) -> None:
        """``luck``: where choices among equals come from."""
        self.luck = luck or chance()
        self.peers = tuple(peers)
        self.orderers = tuple(orderers)
        self._by_address = {orderer.endpoint: orderer for orderer in self.orderers}
        self._plans: dict[tuple[object, ...], Descriptor] = {}
        # What a peer is ready for changes only with a block or an installation.
        self._members: dict[tuple[str, str], tuple[int, int, Member]] = {}

    def seen_by(self, viewer: Peer) -> list[Peer]:
        """Peers whose ports are open and of which ``viewer`` knows by gossip, itself included."""
        return [peer for peer in self.peers if peer.running and viewer.sees(peer)]

    def organizations_known_to(self, peer: Peer) -> set[str]:
        """MSP ids of those whose identity gossip has brought to `peer`: they share a channel with it."""
        return {
            other.msp_id
            for other in self.peers
            if other is peer or not peer.channels.keys().isdisjoint(other.channels)
        }

    def members(self, channel: str, viewer: Peer) -> list[Member]:
        """The peers seen by ``viewer`` that have joined ``channel``."""
        return [self._member(peer, channel) for peer in self.seen_by(viewer) if channel in peer.channels]

    def _members_seen_from(self, channel: Channel) -> list[Member]:
        viewer = next(peer for peer in self.peers if peer.channels.get(channel.name) is channel)
        return self.members(channel.name, viewer)

    def _member(self, peer: Peer, name: str) -> Member:
        channel = peer.channels[name]
        height, packages = channel.ledger.height, len(peer.packages.packages)
        known = self._members.get((peer.name, name))
        if known is not None and known[:2] == (height, packages) and known[2].channel is channel:
            return known[2]
        definitions = channel.definitions
        ready = {
            chaincode: str(definitions[chaincode].sequence)
            for chaincode in channel.ready_chaincodes()
            if chaincode in definitions
        }
        chaincodes = {**ready, LIFECYCLE: "1"}
        member = Member(peer, channel, chaincodes, f"{peer.name} {id(channel)} {sorted(chaincodes.items())}")
        self._members[peer.name, name] = height, packages, member
        return member

    def forget(self, channel: str) -> None:
        """Let go of what was worked out for a channel."""
        for key in [key for key in self._members if key[1] == channel]:
            del self._members[key]
        for plan in [plan for plan in self._plans if plan[0] == channel]:
            del self._plans[plan]

    def orderer(self, address: str) -> Orderer | None:
        """The orderer that clients reach at ``address``."""
        return self._by_address.get(address)

    def descriptor(self, channel: Channel, interest: proposal_response_pb2.ChaincodeInterest) -> Descriptor:
        """How to endorse what ``interest`` says, seen from ``channel``'s peer. Raises NoDescriptor."""
        members = self._members_seen_from(channel)
        key = (
            channel.name,
            channel.bundle.sequence,
            interest.SerializeToString(deterministic=True),
            tuple(member.known_as for member in members),
        )
        known = self._plans.get(key)
        if known is None:
            known = _describe(channel, interest, members)
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[key] = known
        return known

    def authorized(
        self, channel: Channel, interest: proposal_response_pb2.ChaincodeInterest | None
    ) -> list[Member]:
        """Members that have the chaincodes of ``interest`` and may read its collections."""
        members = self._members_seen_from(channel)
        if interest is None or not interest.chaincodes:
            return members
        versions = _versions(channel, interest)
        members = [member for member in members if _has(member, versions)]
        return _readers(channel, interest, members)


def pki_id(identity: SigningIdentity) -> bytes:
    """SHA-256 of MSP id and certificate (internal/peer/gossip/mcs.go:93)."""
    return hashlib.sha256(identity.msp_id.encode() + identity.certificate).digest()


def _describe(
    channel: Channel, interest: proposal_response_pb2.ChaincodeInterest, members: list[Member]
) -> Descriptor:
    versions = _versions(channel, interest)
    allowed = _readers(channel, interest, members)
    sets = _principal_sets(channel, interest)
    names: dict[Principal, str] = {}
    for principals in sets:
        for principal in principals:
            names.setdefault(principal, f"G{len(names)}")
    satisfying = {
        name: [member for member in allowed if satisfies(channel.bundle, member.peer, principal)]
        for principal, name in names.items()
    }
    layouts = [_layout(principals, names) for principals in sets]
    layouts = [layout for layout in layouts if _enough(layout, satisfying)]
    if not layouts:
        raise NoDescriptor("no peer combination can satisfy the endorsement policy")
    groups = {
        name: tuple(member for member in found if _has(member, versions))
        for name, found in satisfying.items()
    }
    layouts = [layout for layout in layouts if _enough(layout, groups)]
    if not layouts:
        raise NoDescriptor("required chaincodes are not installed on sufficient peers")
    included = {name for layout in layouts for name in layout}
    return Descriptor(
        chaincode=interest.chaincodes[0].name,
        groups={name: found for name, found in groups.items() if name in included and found},
        layouts=tuple(layouts),
    )


def satisfies(bundle: Bundle, peer: Peer, principal: Principal) -> bool:
    """Whether the channel takes the peer's certificate for ``principal``."""
    try:
        return bundle.msps.deserialize(peer.identity.serialized()).satisfies(principal.message())
    except MspError:
        # A peer of an organization that the channel does not know satisfies nothing.
        return False


def _layout(principals: PrincipalSet, names: dict[Principal, str]) -> dict[str, int]:
    layout: dict[str, int] = {}
    for principal in principals:
        layout[names[principal]] = layout.get(names[principal], 0) + 1
    return layout


def _enough(layout: dict[str, int], groups: dict[str, tuple[Member, ...]] | dict[str, list[Member]]) -> bool:
    return all(len(groups.get(name, ())) >= count for name, count in layout.items())


def _versions(channel: Channel, interest: proposal_response_pb2.ChaincodeInterest) -> dict[str, str]:
    versions: dict[str, str] = {}
    for call in interest.chaincodes:
        if call.name == LIFECYCLE:
            versions[call.name] = "1"
        elif call.name in channel.definitions and _has_policy(channel, call.name):
            versions[call.name] = str(channel.definitions[call.name].sequence)
        else:
            raise NoDescriptor(f"No metadata was found for chaincode {call.name} in channel {channel.name}")
    return versions


def _has_policy(channel: Channel, chaincode: str) -> bool:
    """Whether the chaincode's policy can be found; without one it has no metadata (metadata_provider.go)."""
    return not isinstance(channel.endorsement_policy(chaincode), RejectPolicy)


def _has(member: Member, versions: dict[str, str]) -> bool:
    return all(member.chaincodes.get(name) == version for name, version in versions.items())


def _collection(channel: Channel, chaincode: str, name: str) -> CollectionDefinition:
    found = channel.collection(chaincode, name)
    if found is None:
        raise NoDescriptor(f"collection {name} doesn't exist in collection config for chaincode {chaincode}")
    return found


def _readers(
    channel: Channel, interest: proposal_response_pb2.ChaincodeInterest, members: list[Member]
) -> list[Member]:
    """Members of every collection that the calls read privately."""
    for call in interest.chaincodes:
        if call.no_private_reads:
            continue
        for name in call.collection_names:
            principals = list(_principals(_collection(channel, call.name, name).members))
            members = [
                member
                for member in members
                if any(satisfies(channel.bundle, member.peer, principal) for principal in principals)
            ]
    return members


def _principals(policy: Policy) -> list[Principal]:
    if isinstance(policy, SignaturePolicy):
        return [Principal.of(item) for item in policy.envelope.identities]
    if isinstance(policy, ImplicitMetaPolicy):
        return [principal for part in policy.parts for principal in _principals(part)]
    return []


def _principal_sets(
    channel: Channel, interest: proposal_response_pb2.ChaincodeInterest
) -> list[PrincipalSet]:
    policies: list[Policy] = []
    keys: list[Policy] = []
    for call in interest.chaincodes:
        # A collection's own policy stands in for the chaincode's (discovery/support/chaincode/support.go:38).
        found: list[Policy] = []
        for name in call.collection_names or ("",):
            collection = _collection(channel, call.name, name) if name else None
            policy = collection.policy if collection else None
            policy = policy or _chaincode_policy(channel, call.name)
            if policy not in found:
                found.append(policy)
        if call.disregard_namespace_policy:
            if not call.key_policies and len(found) == 1:
                raise NoDescriptor(
                    f"requested to disregard chaincode {call.name}'s policy but key and collection policies "
                    "are missing, either disable DisregardNamespacePolicy or specify at least one key policy "
                    "or at least one collection policy"
                )
            found = found[1:]
        policies.extend(found)
        keys.extend(SignaturePolicy(policy) for policy in call.key_policies)
    merged: list[PrincipalSet] | None = None
    for policy in [*policies, *keys]:
        try:
            sets = satisfied_by(policy)
        except DecodeError as fault:
            # A key's policy is the client's own, and may name principals that are none.
            raise NoDescriptor("failed creating a comparable principal set") from fault
        if not sets:
            raise NoDescriptor("endorsement policy cannot be satisfied")
        merged = sets if merged is None else merge(merged, sets)
    if merged is None:
        raise NoDescriptor("no principal sets remained after filtering")
    return merged


def _chaincode_policy(channel: Channel, chaincode: str) -> Policy:
    try:
        return channel.endorsement_policy(chaincode)
    except KeyError as error:
        raise NoDescriptor("policy not found") from error
