"""From running nodes to a working network: channels joined, chaincodes in force, discovery complete.

One path for both runtimes, since it only speaks to sockets. Every step first asks what is there already,
so that it can be repeated after a crash. Independent steps overlap: peers install while orderers join, and
approvals, which need only the approving organization's own peer, fill the time gossip takes.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TypeVar

from hlf.admin import participation
from hlf.admin.definition import ChaincodeDefinition, Collection
from hlf.admin.discovery import Discovery
from hlf.admin.lifecycle import Lifecycle
from hlf.admin.peer import PeerAdmin
from hlf.errors import ConfigurationError, FabricError, GatewayError
from hlf.gateway import Gateway
from hlf_network.access import Access
from hlf_network.errors import NetworkError
from hlf_network.layout import ChannelLayout, Definition, Layout, Node
from hlf_network.processes import HostProcess
from hlf_network.runtime import Runtime
from hlf_network.servers import Package
from hlf_network.waiting import wait_until

Progress = Callable[[str], None]
_SERVE, _SETTLE, _REACH = 90.0, 120.0, 30.0
# Seconds between two looks at whether every node still runs.
_LOOK = 1.0
# Two cores that start many nodes take their time.
_SETTLE_PER_NODE = 10.0
_SEQUENCE = 1
_UNREACHED = ("could not launch chaincode", "make sure the chaincode")
_METADATA = b"org.hyperledger.fabric:GetMetadata"

T = TypeVar("T")
K = TypeVar("K")
C = TypeVar("C", Gateway, PeerAdmin, Discovery)


@dataclass
class Deployment:
    """One run of the steps; connections are given back when it ends."""

    layout: Layout
    access: Access
    runtime: Runtime
    packages: Mapping[tuple[str, str], Package]
    servers: Iterable[HostProcess]
    progress: Progress
    _stack: ExitStack = field(default_factory=ExitStack)
    _gateways: dict[str, Gateway] = field(default_factory=dict)
    _peers: dict[str, PeerAdmin] = field(default_factory=dict)
    _discoveries: dict[str, Discovery] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _failed: Event = field(default_factory=Event)
    _looking: Lock = field(default_factory=Lock)
    _next_look: float = 0.0
    _ended: list[str] = field(default_factory=list)

    @property
    def _settle(self) -> float:
        return max(_SETTLE, _SETTLE_PER_NODE * len(self.layout.nodes))

    def run(self) -> None:
        """Do whatever is left to do; NetworkError or another FabricError if it cannot be done."""
        with self._stack, ThreadPoolExecutor(max_workers=24) as pool:
            try:
                self._run(pool)
            except BaseException:
                # The pool waits for its threads: those that wait for a condition must give up first.
                self._failed.set()
                raise

    def _run(self, pool: ThreadPoolExecutor) -> None:
        orderers = [pool.submit(self._join_orderer, node) for node in self.layout.orderers()]
        authorities = [pool.submit(self._wait_serving, node) for node in self.layout.authorities()]
        joined = {node.name: pool.submit(self._join_peer, node) for node in self.layout.peers()}
        installed = {
            node.name: pool.submit(self._install, node, joined[node.name]) for node in self.layout.peers()
        }
        _all(orderers)
        self.progress("orderers have joined every channel")
        _all(joined.values())
        self.progress("peers have joined every channel")
        channels = self.layout.channels.values()
        seen = {channel.name: pool.submit(self._discover, channel) for channel in channels}
        definitions = [definition for channel in channels for definition in channel.definitions]
        committed = _results({channel.name: pool.submit(self._committed, channel) for channel in channels})
        missing = [one for one in definitions if not self._in_force(one, committed[one.channel])]
        approvals = {
            (one.channel, one.chaincode): [
                pool.submit(self._approve, one, organization, installed) for organization in one.organizations
            ]
            for one in missing
        }
        _all(installed.values())
        for group in approvals.values():
            _all(group)
        if missing:
            self.progress(f"chaincodes installed and approved ({len(self.packages)} packages)")
        _all(seen.values())
        self.progress("discovery sees every peer of every channel")
        _all([pool.submit(self._commit, one) for one in missing])
        for process in self.servers:
            process.wait_ready(30)
        _all([pool.submit(self._ready, channel) for channel in channels])
        _all(
            [
                pool.submit(self._call, one, node)
                for one in definitions
                for node in self.layout.channels[one.channel].peers
            ]
        )
        _all(authorities)
        self.progress(
            f"{len(definitions)} chaincode definitions in force on {len(self.layout.channels)} channels"
        )

    def _join_orderer(self, node: Node) -> None:
        self._wait_serving(node, node.admin_published)
        self._wait_serving(node)
        url, tls = self.access.participation(node)

        def join() -> None:
            joined = participation.channels(url, tls)
            for channel in self.layout.channels_of(node):
                if channel.name not in joined:
                    participation.join(url, self.layout.paths.genesis(channel.name).read_bytes(), tls)

        self._eventually(join, f"{node.name} could not join its channels")

    def _join_peer(self, node: Node) -> None:
        self._wait_serving(node)

        def join() -> None:
            peer = self._peer(node)
            joined = peer.channels()
            for channel in self.layout.channels_of(node):
                if channel.name not in joined:
                    peer.join_channel(self.layout.paths.genesis(channel.name).read_bytes())

        self._eventually(join, f"{node.name} could not join its channels")

    def _install(self, node: Node, joined: "Future[None]") -> None:
        joined.result()
        own = [
            package for (owner, _chaincode), package in self.packages.items() if owner == node.organization
        ]

        def install() -> None:
            peer = self._peer(node)
            installed = {chaincode.package_id for chaincode in peer.installed()}
            for package in own:
                if package.id not in installed:
                    peer.install(package.content)

        self._eventually(install, f"{node.name} could not install its chaincodes")

    def _committed(self, channel: ChannelLayout) -> dict[str, ChaincodeDefinition]:
        lifecycle = Lifecycle(self._gateway(channel.peers[0]), channel.name)
        return self._eventually(lifecycle.all_committed, f"{channel.name} cannot be queried")

    def _in_force(self, wanted: Definition, committed: Mapping[str, ChaincodeDefinition]) -> bool:
        present = committed.get(wanted.chaincode)
        if present is None:
            return False
        if not present.same_terms(definition(wanted)):
            raise NetworkError(
                f"channel {wanted.channel} has another definition of {wanted.chaincode} in force",
                hint="it was committed by other means; `hlf network down` and `up` start afresh",
            )
        return True

    def _approve(
        self, wanted: Definition, organization: str, installed: Mapping[str, "Future[None]"]
    ) -> None:
        node = self.layout.peers(organization)[0]
        for peer in self.layout.peers(organization):
            installed[peer.name].result()
        lifecycle = Lifecycle(self._gateway(node), wanted.channel)
        identifier = self.packages[organization, wanted.chaincode].id

        def approve() -> None:
            present = lifecycle.approved(wanted.chaincode, _SEQUENCE)
            if (
                present is None
                or present.package_id != identifier
                or not present.definition.same_terms(definition(wanted))
            ):
                lifecycle.approve(definition(wanted), identifier)

        self._eventually(approve, f"{organization} could not approve {wanted.chaincode} on {wanted.channel}")

    def _commit(self, wanted: Definition) -> None:
        node = self.layout.peers(wanted.organizations[0])[0]
        lifecycle = Lifecycle(self._gateway(node), wanted.channel)
        # Each endorser is one more peer that may lag behind its own approval.
        endorsers = self.layout.channels[wanted.channel].lifecycle.smallest(wanted.organizations)

        def commit() -> None:
            if wanted.chaincode not in lifecycle.all_committed():
                lifecycle.commit(definition(wanted), endorsers)

        self._eventually(commit, f"{wanted.chaincode} could not be committed on {wanted.channel}")

    def _discover(self, channel: ChannelLayout) -> None:
        self._wait_discovery(channel, ())

    def _ready(self, channel: ChannelLayout) -> None:
        self._wait_discovery(channel, [one.chaincode for one in channel.definitions])

    def _call(self, wanted: Definition, node: Node) -> None:
        """Call a chaincode once on a peer, which dials its server at the first call only."""

        def call() -> bool:
            try:
                self._peer(node).invoke(wanted.channel, wanted.chaincode, [_METADATA])
            except GatewayError as error:
                # A contract that refuses has been reached.
                last[:] = [str(error)]
                return error.code == "UNKNOWN" and not any(text in last[0] for text in _UNREACHED)
            return True

        last: list[str] = []
        self._wait(
            call,
            _REACH,
            lambda: (
                f"{node.name} could not reach the server of {wanted.chaincode}; its log, and a firewall "
                f"between the nodes and this machine, would tell why ({''.join(last)})"
            ),
        )

    def _wait_discovery(self, channel: ChannelLayout, chaincodes: Iterable[str]) -> None:
        """Until every peer of the channel sees every other, running all the chaincodes."""
        for node in channel.peers:
            self._wait_seen(self._discovery(node), node, channel, tuple(chaincodes))

    def _wait_seen(
        self, discovery: Discovery, node: Node, channel: ChannelLayout, chaincodes: tuple[str, ...]
    ) -> None:
        wanted = {peer.endpoint for peer in channel.peers}
        found: set[str] = set()

        def complete() -> bool:
            try:
                peers = discovery.peers(channel.name)
            except FabricError:
                # The peer has not yet learnt of the channel's members: that is what is waited for.
                return False
            found.clear()
            found.update(
                peer.endpoint for peer in peers if all(name in peer.chaincodes for name in chaincodes)
            )
            return wanted <= found

        self._wait(
            complete,
            self._settle,
            lambda: f"{node.name} did not see {', '.join(sorted(wanted - found))} on {channel.name}",
        )

    def _wait_serving(self, node: Node, port: int = 0) -> None:
        self._wait(lambda: self.access.serves(node, port), _SERVE, lambda: f"{node.name} did not serve")

    def _gateway(self, node: Node) -> Gateway:
        return self._connection(self._gateways, node, self.access.gateway)

    def _peer(self, node: Node) -> PeerAdmin:
        return self._connection(self._peers, node, self.access.peer)

    def _discovery(self, node: Node) -> Discovery:
        return self._connection(self._discoveries, node, self.access.discovery)

    def _connection(self, present: dict[str, C], node: Node, connect: Callable[[Node], C]) -> C:
        """One connection to a node for all steps: a handshake for each would take longer than most steps."""
        with self._lock:
            if node.name not in present:
                present[node.name] = self._stack.enter_context(connect(node))
            return present[node.name]

    def _eventually(self, action: Callable[[], T], what: str) -> T:
        """Repeat an idempotent step while nodes are still finding each other."""
        result: list[T] = []
        failure: list[FabricError] = []

        def attempt() -> bool:
            try:
                result[:] = [action()]
            except ConfigurationError:
                raise
            except FabricError as error:
                failure[:] = [error]
                return False
            return True

        self._wait(attempt, self._settle, lambda: f"{what} ({failure[0] if failure else 'no answer'})")
        return result[0]

    def _wait(self, condition: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
        def unless_failed() -> bool:
            if self._failed.is_set():
                raise NetworkError(f"{what()}, when another step failed")
            self._require_running()
            return condition()

        wait_until(unless_failed, seconds, what, every=0.1)

    def _require_running(self) -> None:
        """NetworkError with its last words if a node has ended: nobody waits for what will not come."""
        with self._looking:
            if time.monotonic() >= self._next_look:
                states = self.runtime.states(self.layout)
                self._ended = [name for name, present in states.items() if present != "running"]
                self._next_look = time.monotonic() + _LOOK
        if self._ended:
            words = self.runtime.last_words(self.layout, self._ended[0])
            raise NetworkError(
                f"{', '.join(self._ended)} ended while the network came up:\n{words}",
                hint="`hlf network up` tries again with what is there, `hlf network down` removes it",
            )


def definition(wanted: Definition) -> ChaincodeDefinition:
    """The layout's chaincode as the lifecycle takes it."""
    return ChaincodeDefinition(
        name=wanted.chaincode,
        version=wanted.version,
        sequence=_SEQUENCE,
        endorsement_policy=wanted.endorsement_policy,
        collections=tuple(
            Collection(
                name=collection.name,
                policy=collection.policy,
                required_peers=0,
                max_peers=collection.max_peers,
                block_to_live=collection.block_to_live,
                member_only_read=collection.member_only_read,
                member_only_write=collection.member_only_write,
                endorsement_policy=collection.endorsement_policy,
            )
            for collection in wanted.collections
        ),
    )


def _all(futures: "Iterable[Future[None]]") -> None:
    for future in futures:
        future.result()


def _results(futures: "Mapping[K, Future[T]]") -> dict[K, T]:
    return {key: future.result() for key, future in futures.items()}
