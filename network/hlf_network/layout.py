"""What the topology amounts to: every host, port, path, policy, ACL and collection. Pure.

A `Layout` is the same for the same topology, runtime and ports. It refuses a channel whose peers cannot
satisfy its policies, since such a channel would accept nothing and could not be repaired from inside.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hlf_network.policies import Policy, all_of, any_of, majority_of
from hlf_network.topology import Chaincode, Channel, CollectionRequest, FieldPath, Topology

LOOPBACK = "127.0.0.1"
PEER_PORT, ORDERER_PORT, ADMIN_PORT, CA_PORT = 7051, 7050, 7053, 7054
LISTENERS = "/Channel/Application/Listeners"
DEPLOYERS = "/Channel/Application/Deployers"
_TOLERANT = {"bft": ("SmartBFT", 4, "four"), "raft": ("Raft", 3, "three")}
# Everything that hands out whole blocks or their private data.
LISTENER_RESOURCES = (
    "event/Block",
    "qscc/GetChainInfo",
    "qscc/GetBlockByNumber",
    "qscc/GetBlockByHash",
    "qscc/GetTransactionByID",
    "qscc/GetBlockByTxID",
)


@dataclass(frozen=True)
class Paths:
    """Where everything of one network is kept, under its state folder."""

    state: Path

    def organization(self, name: str) -> Path:
        return self.state / "organizations" / name

    def node(self, node: "Node") -> Path:
        return self.organization(node.organization) / node.kind / node.name

    def ca_certificate(self, organization: str) -> Path:
        return self.organization(organization) / "ca" / "cert.pem"

    def ca_registrar(self, organization: str) -> Path:
        """The secret of `admin`, the identity that the organization's Fabric CA starts with."""
        return self.organization(organization) / "ca" / "registrar"

    def tls_ca_certificate(self, organization: str) -> Path:
        return self.organization(organization) / "tlsca" / "cert.pem"

    def admin_tls(self, organization: str) -> Path:
        """The TLS client certificate with which an organization speaks to its orderers' admin port."""
        return self.organization(organization) / "admin-tls"

    def chaincode_tls(self, organization: str) -> Path:
        return self.organization(organization) / "chaincode-tls"

    def chaincode_client(self, organization: str) -> Path:
        """The TLS client certificate with which an organization's peers dial its chaincode servers."""
        return self.organization(organization) / "chaincode-client"

    def wallet(self, organization: str) -> Path:
        return self.state / "wallets" / organization

    def genesis(self, channel: str) -> Path:
        return self.state / "channels" / f"{channel}.block"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def data(self) -> Path:
        return self.state / "data"

    @property
    def topology(self) -> Path:
        """The topology that the network was made from, whatever has become of the file since."""
        return self.state / "topology.yaml"

    @property
    def record(self) -> Path:
        return self.state / "network.json"


@dataclass(frozen=True)
class Node:
    """A peer, an orderer or a CA. `host:port` is how nodes reach it, `published` its port on this machine."""

    name: str
    organization: str
    msp_id: str
    kind: str
    host: str
    port: int
    published: int
    admin_published: int = 0

    @property
    def endpoint(self) -> str:
        """How the other nodes dial it."""
        return f"{self.host}:{self.port}"

    @property
    def address(self) -> str:
        """How clients on this machine dial it; the certificate names localhost."""
        return f"localhost:{self.published}"


@dataclass(frozen=True)
class Collection:
    """A private data collection as the chaincode's definition states it; policies in Fabric's notation."""

    name: str
    members: tuple[str, ...]
    endorsement: Policy
    max_peers: int
    member_only_read: bool
    member_only_write: bool
    block_to_live: int

    @property
    def policy(self) -> str:
        return any_of(self.members).expression("member")

    @property
    def endorsement_policy(self) -> str:
        return self.endorsement.expression()


@dataclass(frozen=True)
class Definition:
    """A chaincode on one channel, and the organizations whose peers run it."""

    channel: str
    chaincode: str
    version: str
    policy: Policy
    collections: tuple[Collection, ...]
    organizations: tuple[str, ...]

    @property
    def endorsement_policy(self) -> str:
        return self.policy.expression()


@dataclass(frozen=True)
class ChaincodeServer:
    """One organization's copy of one chaincode: `port` on the host, `label` of its package."""

    organization: str
    chaincode: str
    contracts: tuple[str, ...]
    label: str
    port: int


@dataclass(frozen=True)
class ChannelLayout:
    """A channel: members, those with peers, orderer nodes in consenter order, policies and ACLs."""

    name: str
    members: tuple[str, ...]
    peers: tuple[Node, ...]
    orderers: tuple[Node, ...]
    lifecycle: Policy
    policies: Mapping[str, str]
    acls: Mapping[str, str]
    definitions: tuple[Definition, ...]

    @property
    def peer_organizations(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(peer.organization for peer in self.peers))


def port_names(topology: Topology) -> list[str]:
    """The names under which a network needs a port on this machine."""
    names: list[str] = []
    for organization in topology.organizations.values():
        names += [f"peer{index}.{organization.name}" for index in range(organization.peers)]
        for index in range(organization.orderers):
            names += [f"orderer{index}.{organization.name}", f"orderer{index}.{organization.name}/admin"]
        names += [f"ca.{organization.name}"] if organization.authority else []
    names += [f"{chaincode}.{organization}" for organization, chaincode in _served(topology)]
    return [*names, "control"]


def _served(topology: Topology) -> dict[tuple[str, str], tuple[str, ...]]:
    """(organization, chaincode) -> contracts, for every member with a peer on the chaincode's channel."""
    served: dict[tuple[str, str], tuple[str, ...]] = {}
    for channel in topology.channels.values():
        for chaincode in channel.chaincodes:
            for member in channel.members:
                if not topology.organizations[member].peers:
                    continue
                contracts = served.setdefault((member, chaincode.name), chaincode.contracts)
                if contracts != chaincode.contracts:
                    topology.source.refuse(
                        ["channels", channel.name, "chaincodes", chaincode.name, "contract"],
                        f"{member} already runs a chaincode of this name with other contracts",
                    )
    return served


class Layout:
    """A topology resolved for one runtime.

    `in_containers`: nodes have hosts and ports of their own; otherwise they share this machine's.
    Raises ConfigurationError where the topology makes a channel that could not work.
    """

    def __init__(
        self, topology: Topology, state: Path, ports: Mapping[str, int], *, in_containers: bool
    ) -> None:
        self.topology = topology
        self.paths = Paths(state)
        self.ports = dict(ports)
        self.in_containers = in_containers
        self.nodes = tuple(self._nodes())
        self.servers = tuple(
            ChaincodeServer(
                organization,
                chaincode,
                contracts,
                f"{chaincode}.{organization}",
                ports[f"{chaincode}.{organization}"],
            )
            for (organization, chaincode), contracts in _served(topology).items()
        )
        self.channels = {channel.name: self._channel(channel) for channel in topology.channels.values()}
        # The name that nodes dial chaincode servers by; containers are told its address when they are made.
        self.chaincode_host = f"chaincode.{topology.network}" if in_containers else "localhost"

    def peers(self, organization: str | None = None) -> tuple[Node, ...]:
        """All peers, or one organization's."""
        return self._of("peer", organization)

    def orderers(self, organization: str | None = None) -> tuple[Node, ...]:
        """All orderers, or one organization's."""
        return self._of("orderer", organization)

    def authorities(self, organization: str | None = None) -> tuple[Node, ...]:
        """All Fabric CAs, or one organization's."""
        return self._of("ca", organization)

    def node(self, name: str) -> Node:
        """The node of that name; KeyError, listing the names, if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(f"no node {name}; there are {', '.join(node.name for node in self.nodes)}")

    def gateway(self, organization: str) -> Node:
        """The peer that an organization's clients connect to."""
        return self.peers(self.topology.organizations[organization].gateway)[0]

    def channels_of(self, node: Node) -> tuple[ChannelLayout, ...]:
        """The channels a node takes part in."""
        return tuple(
            channel for channel in self.channels.values() if node in channel.peers or node in channel.orderers
        )

    def server(self, organization: str, chaincode: str) -> ChaincodeServer:
        """An organization's server for a chaincode."""
        return next(
            server
            for server in self.servers
            if server.organization == organization and server.chaincode == chaincode
        )

    def _of(self, kind: str, organization: str | None) -> tuple[Node, ...]:
        return tuple(
            node for node in self.nodes if node.kind == kind and organization in {None, node.organization}
        )

    def _nodes(self) -> Iterator[Node]:
        for organization in self.topology.organizations.values():
            for kind, count, inner in (
                ("peer", organization.peers, PEER_PORT),
                ("orderer", organization.orderers, ORDERER_PORT),
            ):
                for index in range(count):
                    name = f"{kind}{index}.{organization.name}"
                    published = self.ports[name]
                    yield Node(
                        name=name,
                        organization=organization.name,
                        msp_id=organization.name if kind == "peer" else organization.orderer_msp,
                        kind=kind,
                        host=name if self.in_containers else "localhost",
                        port=inner if self.in_containers else published,
                        published=published,
                        admin_published=self.ports[f"{name}/admin"] if kind == "orderer" else 0,
                    )
            if organization.authority:
                name = f"ca.{organization.name}"
                published = self.ports[name]
                yield Node(
                    name=name,
                    organization=organization.name,
                    msp_id=organization.name,
                    kind="ca",
                    host=name if self.in_containers else "localhost",
                    port=CA_PORT if self.in_containers else published,
                    published=published,
                )

    def _channel(self, channel: Channel) -> ChannelLayout:
        where = ["channels", channel.name]
        peers = tuple(node for node in self.peers() if node.organization in channel.members)
        orderers = tuple(node for node in self.orderers() if node.organization in channel.orderers)
        if not peers:
            self.topology.source.refuse([*where, "members"], "no member runs a peer")
        protocol, fewest, spelled = _TOLERANT[self.topology.consensus]
        if len(orderers) < fewest:
            self.topology.source.refuse(
                [*where, "orderers"] if "orderers" in self.topology.data["channels"][channel.name] else where,
                f"{len(orderers)} orderers; {protocol} tolerates a fault from {spelled} on",
                hint="add `orderers: 1` to more organizations",
            )
        own_peers = tuple(dict.fromkeys(peer.organization for peer in peers))
        lifecycle = channel.lifecycle or majority_of(own_peers)
        self._satisfiable([*where, "lifecycle"], "the lifecycle policy", lifecycle, own_peers)
        return ChannelLayout(
            name=channel.name,
            members=channel.members,
            peers=peers,
            orderers=orderers,
            lifecycle=lifecycle,
            policies={
                "Listeners": f"OR({', '.join(self._listeners(channel))})",
                "Deployers": any_of(own_peers).expression("admin"),
            },
            acls={
                **dict.fromkeys(LISTENER_RESOURCES, LISTENERS),
                "_lifecycle/CommitChaincodeDefinition": DEPLOYERS,
            },
            definitions=tuple(
                self._definition(channel, chaincode, own_peers) for chaincode in channel.chaincodes
            ),
        )

    def _listeners(self, channel: Channel) -> Iterator[str]:
        for member in channel.members:
            for role in self.topology.organizations[member].listeners:
                yield f"'{member}.{role}'"

    def _definition(self, channel: Channel, chaincode: Chaincode, own_peers: tuple[str, ...]) -> Definition:
        where = ["channels", channel.name, "chaincodes", chaincode.name]
        self._satisfiable([*where, "policy"], "the endorsement policy", chaincode.policy, own_peers)
        collections: dict[str, Collection] = {}
        for index, request in enumerate(chaincode.collections):
            place: FieldPath = [*where, "collections", index]
            for collection in _expand(request):
                for member in collection.members:
                    if member not in own_peers:
                        self.topology.source.refuse(
                            place, f"{member} has no peer on channel {channel.name} to keep {collection.name}"
                        )
                if collection.name in collections:
                    self.topology.source.refuse(
                        place, f"collection {collection.name} is defined twice", hint="add a `suffix`"
                    )
                collections[collection.name] = collection
        return Definition(
            channel=channel.name,
            chaincode=chaincode.name,
            version=chaincode.version,
            policy=chaincode.policy,
            collections=tuple(collections.values()),
            organizations=own_peers,
        )

    def _satisfiable(self, where: list[str], what: str, policy: Policy, own_peers: tuple[str, ...]) -> None:
        for name in policy.organizations():
            if name not in own_peers:
                self.topology.source.refuse(where, f"{what} names {name}, which has no peer on this channel")
        if not policy.satisfied_by(own_peers):
            self.topology.source.refuse(where, f"the channel's peers can never satisfy {what}")


def _expand(request: CollectionRequest) -> Iterator[Collection]:
    generated: list[tuple[str, tuple[str, ...], Policy]]
    if request.kind == "pair":
        first, second = request.sides
        pairs = [(one, other) for one in first for other in second if one != other]
        suffix = (request.name,) if request.name else ()
        generated = [("_".join((*pair, *suffix)), pair, all_of(pair)) for pair in pairs]
    elif request.kind == "own":
        generated = [(member, (member,), any_of((member,))) for member in request.sides[0]]
    else:
        generated = [(request.name, request.sides[0], any_of(request.sides[0]))]
    for name, members, policy in generated:
        yield Collection(
            name=name,
            members=members,
            endorsement=policy,
            max_peers=len(members) - 1,
            member_only_read=request.member_only_read,
            member_only_write=request.member_only_write,
            block_to_live=request.block_to_live,
        )
