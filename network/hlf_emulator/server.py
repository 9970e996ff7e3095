"""One process for a whole network: build the nodes, open the ports, stop cleanly."""

import asyncio

from hlf.identity import SigningIdentity
from hlf_emulator.ca.node import CaNode
from hlf_emulator.chance import chance
from hlf_emulator.config import EmulatorConfig, OrdererConfig, PeerConfig, split_address
from hlf_emulator.directory import Directory
from hlf_emulator.faults import ControlApi
from hlf_emulator.ledger.disk import Disk
from hlf_emulator.membership.msp import Verifier
from hlf_emulator.membership.msp_folder import load_msp
from hlf_emulator.nodes import Node, OrdererNode, PeerNode, load_identity
from hlf_emulator.ordering.consensus import OrdererKeys
from hlf_emulator.ordering.orderer import Orderer, OrderingService
from hlf_emulator.peer.peer import Peer, Shared
from hlf_emulator.ports.rest import HttpServer

_GRACE = 0.3  # seconds that calls in progress are given at the end


class Emulator:
    """All nodes of a configuration; what they had before is read from its state folder."""

    def __init__(self, config: EmulatorConfig) -> None:
        """Read keys and ledgers. Raises IdentityError, MspError or OSError naming the file."""
        verifier = Verifier(ed25519=config.version.ed25519)
        luck = chance(config.seed)
        disk = Disk(sync=config.sync)

        def identity(item: PeerConfig | OrdererConfig) -> SigningIdentity:
            return load_identity(item.msp, item.msp_id, repeatable=config.seed is not None)

        keys = {
            item.name: OrdererKeys(identity(item), item.tls.certificate.read_bytes())
            for item in config.orderers
        }
        self.service = OrderingService(
            config.state / "ordering", keys, verifier, config.batch_timeout, disk, config.version, luck
        )
        self.shared = Shared(config.state / "ledgers", verifier, disk, config.version)
        self.service.recover(self.shared.on_disk())
        orderer_nodes = [
            OrdererNode(
                item,
                Orderer(
                    name=item.name,
                    msp_id=item.msp_id,
                    identity=keys[item.name].identity,
                    endpoint=item.external,
                    state=config.state / "orderers",
                    service=self.service,
                ),
            )
            for item in config.orderers
        ]
        peer_nodes = [
            PeerNode(
                item,
                Peer(
                    item.name,
                    identity(item),
                    item.external,
                    load_msp(item.msp, item.msp_id, verifier),
                    self.shared,
                    execute_timeout=config.execute_timeout,
                ),
                self.service,
            )
            for item in config.peers
        ]
        self.directory = Directory(
            [node.peer for node in peer_nodes], [node.orderer for node in orderer_nodes], luck
        )
        for node in peer_nodes:
            node.directory = self.directory
        ca_nodes = [CaNode(item, config.state / "cas", sync=config.sync) for item in config.cas]
        nodes: list[Node] = [*orderer_nodes, *peer_nodes, *ca_nodes]
        self.nodes = {node.name: node for node in nodes}
        host, port = split_address(config.control)
        control = ControlApi(self.nodes, self.service, verifier, self.drop_channel)
        self._control = HttpServer(control.handle, host, port)

    async def start(self) -> None:
        """Open every port. Raises OSError or RuntimeError when one is taken."""
        await self._control.start()
        # All have come to an end when one has failed, so that `stop` meets none half started.
        for outcome in await asyncio.gather(
            *(node.start() for node in self.nodes.values()), return_exceptions=True
        ):
            if isinstance(outcome, BaseException):
                raise outcome

    async def drop_channel(self, name: str) -> None:
        """Forget a channel with its blocks and private data, as if it had never been. There is no such thing
        in Fabric; tests that make a channel each would fill the process. Harmless when it is not there.
        """
        for node in self.nodes.values():
            if isinstance(node, PeerNode):
                await node.feed.leave(name)
                node.peer.drop(name)
            elif isinstance(node, OrdererNode) and name in node.orderer.channels:
                node.orderer.leave(name)
        self.shared.drop(name)
        self.service.drop(name)
        self.directory.forget(name)

    async def stop(self) -> None:
        """Close every port, order what waits, make everything durable."""
        await self._control.stop()
        peers = [node for node in self.nodes.values() if isinstance(node, PeerNode)]
        orderers = [node for node in self.nodes.values() if isinstance(node, OrdererNode)]
        await asyncio.gather(*(node.stop(_GRACE) for node in peers))
        self.service.flush()
        await asyncio.gather(*(node.stop(_GRACE) for node in orderers))
        await asyncio.gather(*(node.stop() for node in self.nodes.values() if isinstance(node, CaNode)))
        self.service.close()
        self.shared.close()
