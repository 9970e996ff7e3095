"""The order of one channel: its blocks, and the consensus that makes them.

The consenters of a channel share one sequencer, so they cannot disagree.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence

from fabric_protos.common import common_pb2

from hlf.identity import SigningIdentity
from hlf.wire.consensus import BFT, RAFT
from hlf_emulator.chance import chance
from hlf_emulator.ledger.blockfile import BlockFile
from hlf_emulator.membership.bundle import Bundle, ConfigError
from hlf_emulator.membership.msp import Verifier
from hlf_emulator.ordering.block_assembly import assemble_block, last_config_index
from hlf_emulator.ordering.block_log import BlockLog
from hlf_emulator.ordering.consensus import Consensus, OrdererKeys, OrderingRequest, Refused
from hlf_emulator.ordering.raft import Raft
from hlf_emulator.ordering.smartbft import SmartBft


class Sequencer:
    """Orders one channel.

    ``keys`` maps the name of every orderer node of this network to what channels know it by;
    ``batch_timeout`` (seconds) stands for the channel's own where it is given. Raises ConfigError for a
    channel of another consensus than SmartBFT or Raft.
    """

    def __init__(
        self,
        channel: str,
        blocks: BlockFile,
        keys: Mapping[str, OrdererKeys],
        verifier: Verifier,
        batch_timeout: float | None,
        luck: random.Random | None = None,
    ) -> None:
        self.channel = channel
        self.keys = keys
        self._blocks = BlockLog(channel, blocks)
        self._verifier = verifier
        self._batch_timeout = batch_timeout
        self._luck = luck or chance()
        self._failed = asyncio.Event()
        self._newest: OrderingRequest | None = None
        self._joined: set[str] = set()
        self._running: set[str] = set()
        self._evicted: dict[str, int] = {}
        self._served = asyncio.Event()
        self.last_block = blocks.read(blocks.height - 1)
        self._last_config = last_config_index(self.last_block)
        self.bundle = Bundle.from_config_block(blocks.read(self._last_config), verifier)
        self.consensus = self._consensus()
        self._serve_peers()

    # -- what is there

    @property
    def height(self) -> int:
        """The number of blocks that would survive a crash."""
        return self._blocks.height

    def block(self, number: int) -> common_pb2.Block:
        """A copy of block ``number``. Raises IndexError when there is none."""
        return self._blocks.read(number)

    @property
    def last_config(self) -> int:
        """The number of the newest configuration block."""
        return self._last_config

    async def wait_height(self, height: int) -> None:
        """Return when there are at least ``height`` blocks."""
        await self._blocks.wait_height(height)

    async def wait_peers_height(self, height: int) -> None:
        """Return when peers may have ``height`` blocks: in maintenance only orderers get any."""
        await self.wait_height(height)
        await self._served.wait()

    # -- who orders

    def set_node(self, name: str, *, joined: bool, running: bool) -> None:
        """Say what became of an orderer node; a quorum that comes back goes on at once."""
        (self._joined.add if joined else self._joined.discard)(name)
        (self._running.add if running else self._running.discard)(name)
        if not self.ready(name):
            self._evicted.pop(name, None)
        self._nodes_changed()

    def _nodes_changed(self) -> None:
        self.consensus.nodes_changed()
        if self.consensus.errored:
            self._failed.set()
        else:
            self._failed.clear()

    @property
    def errored(self) -> bool:
        """Whether the channel's orderers refuse to deliver blocks, for want of a leader."""
        return self.consensus.errored

    async def wait_errored(self) -> None:
        """Return once that is so."""
        await self._failed.wait()

    def ready(self, node: str) -> bool:
        """Whether the node has joined the channel and runs."""
        return node in self._joined and node in self._running

    def is_consenter(self, name: str) -> bool:
        """Whether the channel's configuration names this node's certificate as a consenter."""
        return name in self.consensus.nodes.values()

    def evicted_at(self, name: str) -> int | None:
        """The height at which a running SmartBFT node was taken out of the consenters, if it was.

        Until it starts again it takes itself for a consenter without a leader.
        """
        return self._evicted.get(name)

    @property
    def has_quorum(self) -> bool:
        """Whether enough consenters run to make a block."""
        return self.consensus.has_quorum

    # -- what is asked

    def submit(self, node: str, request_id: str, envelope: bytes) -> None:
        """Order a checked envelope that ``node`` was given. Raises Refused."""
        if self._blocks.problem is not None:
            raise Refused(f"no block can be written: {self._blocks.problem}")
        # A Gateway hands an envelope to one orderer after the other: it is read once.
        if self._newest is None or self._newest.id != request_id or self._newest.envelope != envelope:
            self._newest = OrderingRequest.of(request_id, envelope)
        self.consensus.submit(node, self._newest)

    def flush(self) -> None:
        """Order everything that waits, quorum permitting."""
        self.consensus.flush()

    def close(self) -> None:
        """Stop and let go of the file."""
        self.consensus.close()
        self._blocks.close()

    # -- what the consensus needs

    def batch_timeout(self, configured: float) -> float:
        """Seconds to wait for a batch."""
        return configured if self._batch_timeout is None else self._batch_timeout

    def write(
        self,
        batch: Sequence[OrderingRequest],
        consenter_metadata: bytes,
        signers: Sequence[tuple[int | None, SigningIdentity]],
    ) -> None:
        """Make the next block; it is shown once it is on the disk."""
        config = len(batch) == 1 and batch[0].is_config
        if config:
            self._last_config = self.last_block.header.number + 1
        block = assemble_block(
            previous=self.last_block.header,
            transactions=[request.envelope for request in batch],
            last_config=self._last_config,
            consenter_metadata=consenter_metadata,
            signers=signers,
            nonce=lambda: self._luck.randbytes(24),
        )
        self.last_block = block
        self._blocks.add(block)
        if config:
            self._reconfigure(block)

    def _reconfigure(self, block: common_pb2.Block) -> None:
        before = self.bundle.consensus_type
        consenters = set(self.consensus.nodes.values())
        self.bundle = Bundle.from_config_block(block, self._verifier)
        if self.bundle.consensus_type == before:
            self.consensus.configure()
        else:
            self.consensus.close()
            self.consensus = self._consensus()
        now = set(self.consensus.nodes.values())
        for name in now:
            self._evicted.pop(name, None)
        if self.bundle.consensus_type == BFT:
            height = block.header.number + 1
            self._evicted.update({name: height for name in consenters - now if self.ready(name)})
        self._serve_peers()
        # The consenters may be others now; a leader that is none of them steps down.
        asyncio.get_running_loop().call_soon(self._nodes_changed)

    def _serve_peers(self) -> None:
        if self.bundle.in_maintenance:
            self._served.clear()
        else:
            self._served.set()

    def _consensus(self) -> Consensus:
        kind = self.bundle.consensus_type
        if kind == RAFT:
            return Raft(self)
        if kind == BFT:
            return SmartBft(self)
        raise ConfigError(f"consensus type {kind!r} is neither {BFT} nor {RAFT}")
