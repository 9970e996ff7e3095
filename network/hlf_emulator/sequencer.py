"""The order of one channel: its pool of requests, its batches, its signed blocks.

The consenters of a channel share one sequencer, so they cannot disagree; what stays of SmartBFT is what is
seen from outside: a block is made only while a quorum of consenters runs, it carries their signatures,
requests wait meanwhile, and a request is ordered once.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from fabric_protos.common import common_pb2
from fabric_protos.orderer.smartbft import configuration_pb2 as smartbft_pb2

from hlf.identity import SigningIdentity
from hlf_emulator.block_assembly import ViewMetadata, assemble_block, last_config_index
from hlf_emulator.blockfile import BlockFile
from hlf_emulator.bundle import Bundle, duration
from hlf_emulator.msp import Verifier

ALREADY_EXISTS = "failed to submit request: request already exists"
ALREADY_PROCESSED = "failed to submit request: request already processed"
_REMEMBERED = 10_000  # processed requests a SmartBFT pool remembers, vendor requestpool.go


class Refused(Exception):  # noqa: N818 - an answer of the pool
    """A request that the pool does not take; the text is what the orderer answers."""


@dataclass
class _Pool:
    """The requests one orderer was given and that are in no block yet."""

    waiting: set[str] = field(default_factory=set)


def quorum(size: int) -> int:
    """ceil((n + f + 1) / 2) with f = (n - 1) / 3 (SmartBFT, computeQuorum)."""
    faulty = (size - 1) // 3
    return (size + faulty + 2) // 2


class Sequencer:
    """Orders one channel.

    ``signers`` maps the name of every orderer node of this network to its identity.
    """

    def __init__(
        self,
        channel: str,
        blocks: BlockFile,
        signers: Mapping[str, SigningIdentity],
        verifier: Verifier,
        batch_timeout: float | None,
    ) -> None:
        self.channel = channel
        self._blocks = blocks
        self._signers = signers
        self._verifier = verifier
        self._batch_timeout = batch_timeout
        self._grown = asyncio.Event()
        self._requests: OrderedDict[str, bytes] = OrderedDict()
        self._waiting_bytes = 0
        self._pools: dict[str, _Pool] = {}
        self._processed: OrderedDict[str, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._view = 0
        self._joined: set[str] = set()
        self._running: set[str] = set()
        self._nodes: dict[int, str] = {}
        self._last = blocks.read(blocks.height - 1)
        self._last_config = last_config_index(self._last)
        self._configure(blocks.read(self._last_config))

    # -- what is there

    @property
    def height(self) -> int:
        """The number of blocks."""
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
        while self.height < height:
            await self._grown.wait()

    # -- who orders

    def set_node(self, name: str, *, joined: bool, running: bool) -> None:
        """Say what became of an orderer node; a quorum that comes back goes on at once."""
        (self._joined.add if joined else self._joined.discard)(name)
        (self._running.add if running else self._running.discard)(name)
        if not running:
            self._pools.pop(name, None)
        if self._requests and self._timer is None:
            self._cut_soon(0)

    def is_consenter(self, name: str) -> bool:
        """Whether the channel's configuration names this node's certificate as a consenter."""
        return not self.consenters or name in self._nodes.values()

    def active_consenters(self) -> list[int]:
        """Ids of the consenters that have joined and run, in ascending order."""
        ready = self._joined & self._running
        return sorted(number for number, name in self._nodes.items() if name in ready)

    @property
    def has_quorum(self) -> bool:
        """Whether enough consenters run to make a block."""
        if not self.consenters:
            return bool(self._joined & self._running)
        return len(self.active_consenters()) >= quorum(len(self.consenters))

    # -- what is asked

    def submit(self, node: str, request_id: str, envelope: bytes) -> None:
        """Put a checked envelope into ``node``'s pool. Raises Refused when it was there before."""
        pool = self._pools.setdefault(node, _Pool())
        if request_id in pool.waiting:
            raise Refused(ALREADY_EXISTS)
        if request_id in self._processed:
            raise Refused(ALREADY_PROCESSED)
        pool.waiting.add(request_id)
        if request_id in self._requests:
            return
        self._requests[request_id] = envelope
        self._waiting_bytes += len(envelope)
        batch = self.bundle.batch
        if len(self._requests) >= batch.max_messages or self._waiting_bytes >= batch.absolute_max_bytes:
            self._cut_soon(0)
        elif self._timer is None:
            self._cut_soon(self._interval)

    def flush(self) -> None:
        """Order everything that waits, quorum permitting."""
        while self._requests and self.has_quorum:
            self._make_block()
        self._cancel_timer()

    def close(self) -> None:
        """Stop and let go of the file."""
        self._cancel_timer()
        self._blocks.close()

    # -- how it is done

    @property
    def _interval(self) -> float:
        if self._batch_timeout is not None:
            return self._batch_timeout
        if self.consenters:
            # SmartBFT has an interval of its own; the BatchTimeout value is not read (smartbft/util.go:454).
            options = smartbft_pb2.Options.FromString(self.bundle.consensus_metadata)
            if options.request_batch_max_interval:
                return duration(options.request_batch_max_interval)
        return self.bundle.batch.timeout

    def _configure(self, config_block: common_pb2.Block) -> None:
        self.bundle = Bundle.from_config_block(config_block, self._verifier)
        self.consenters = self.bundle.consenters if self.bundle.consensus_type == "BFT" else ()
        known = {identity.certificate.strip(): name for name, identity in self._signers.items()}
        self._nodes = {
            item.id: known[item.identity.strip()]
            for item in self.consenters
            if item.identity.strip() in known
        }

    def _cut_soon(self, delay: float) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(delay, self._cut)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut(self) -> None:
        self._timer = None
        if not self._requests or not self.has_quorum:
            return
        self._make_block()
        if self._requests:
            full = len(self._requests) >= self.bundle.batch.max_messages
            self._cut_soon(0 if full else self._interval)

    def _make_block(self) -> None:
        taken = self._next_batch()
        config = len(taken) == 1 and _is_config(self._requests[taken[0]])
        number = self.height
        signing = self._signing()
        if config:
            self._last_config = number
        block = assemble_block(
            previous=self._last.header,
            transactions=[self._requests[request] for request in taken],
            last_config=self._last_config,
            view=ViewMetadata(self._view, number, number - 1) if self.consenters else None,
            signers=signing,
            nonce=lambda: secrets.token_bytes(24),
        )
        self._blocks.append(block)
        self._last = block
        for request in taken:
            self._waiting_bytes -= len(self._requests.pop(request))
            self._processed[request] = None
            for pool in self._pools.values():
                pool.waiting.discard(request)
        while len(self._processed) > _REMEMBERED:
            self._processed.popitem(last=False)
        if config:
            self._configure(block)
        self._grown.set()
        self._grown = asyncio.Event()

    def _next_batch(self) -> list[str]:
        batch = self.bundle.batch
        taken: list[str] = []
        size = 0
        for request, envelope in self._requests.items():
            if _is_config(envelope):
                return taken or [request]
            full = len(taken) == batch.max_messages or size + len(envelope) > batch.absolute_max_bytes
            if taken and full:
                break
            taken.append(request)
            size += len(envelope)
        return taken

    def _signing(self) -> list[tuple[int, SigningIdentity]]:
        """The leader of the view and as many others as a quorum needs."""
        if not self.consenters:
            name = min(self._joined & self._running)
            return [(0, self._signers[name])]
        active = self.active_consenters()
        order = [item.id for item in self.consenters]
        while order[self._view % len(order)] not in active:
            self._view += 1
        leader = order[self._view % len(order)]
        others = [number for number in active if number != leader]
        chosen = sorted([leader, *others[: quorum(len(order)) - 1]])
        return [(number, self._signers[self._nodes[number]]) for number in chosen]


def _is_config(envelope: bytes) -> bool:
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    return bool(header.type == common_pb2.CONFIG)
