"""SmartBFT, as far as it is seen from outside (orderer/consensus/smartbft; vendor SmartBFT).

Its consenters share one pool, so they cannot disagree; what stays is that a block is made only while a quorum
of them runs, that it carries their signatures, that requests wait meanwhile, and that a request is ordered
once.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping

from fabric_protos.common import common_pb2
from fabric_protos.orderer.smartbft import configuration_pb2 as smartbft_pb2

from hlf.identity import SigningIdentity
from hlf.wire.consensus import bft_quorum
from hlf_emulator.membership.bundle import duration
from hlf_emulator.ordering.block_assembly import ViewMetadata
from hlf_emulator.ordering.consensus import ConsenterSupport, OrderingRequest, Refused

ALREADY_EXISTS = "failed to submit request: request already exists"
ALREADY_PROCESSED = "failed to submit request: request already processed"
_REMEMBERED = 10_000  # processed requests that a pool remembers, vendor requestpool.go


class SmartBft:
    """The consenters of a BFT channel."""

    def __init__(self, support: ConsenterSupport) -> None:
        self._support = support
        self._requests: OrderedDict[str, OrderingRequest] = OrderedDict()
        self._waiting_bytes = 0
        self._pools: dict[str, set[str]] = {}  # what each node was given and is in no block yet
        self._processed: OrderedDict[str, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._view = 0
        self.nodes: Mapping[int, str] = {}
        self._options = smartbft_pb2.Options()
        self.configure()

    def configure(self) -> None:
        """Take the channel's configuration as it is now."""
        known = {keys.identity.certificate.strip(): name for name, keys in self._support.keys.items()}
        self.nodes = {
            item.id: known[item.identity.strip()]
            for item in self._support.bundle.consenters
            if item.identity.strip() in known
        }
        self._options = smartbft_pb2.Options.FromString(self._support.bundle.consensus_metadata)

    @property
    def has_quorum(self) -> bool:
        """Whether enough consenters run to make a block."""
        return len(self._active()) >= bft_quorum(len(self._support.bundle.consenters))

    @property
    def errored(self) -> bool:
        """SmartBFT's orderers serve what they have, whoever leads."""
        return False

    def submit(self, node: str, request: OrderingRequest) -> None:
        """Put a request into ``node``'s pool. Raises Refused when it was there before."""
        pool = self._pools.setdefault(node, set())
        if request.id in pool:
            raise Refused(ALREADY_EXISTS)
        if request.id in self._processed:
            raise Refused(ALREADY_PROCESSED)
        if len(pool) >= self._options.request_pool_size and not self.has_quorum:
            # With a quorum there is room before Fabric's five seconds are over; here they are not waited for.
            raise Refused(
                f"failed to submit request: acquiring semaphore for request: {_request_info(request)}: "
                "context deadline exceeded"
            )
        pool.add(request.id)
        if request.id in self._requests:
            return
        self._requests[request.id] = request
        self._waiting_bytes += len(request.envelope)
        batch = self._support.bundle.batch
        if len(self._requests) >= batch.max_messages or self._waiting_bytes >= batch.absolute_max_bytes:
            self._cut_soon(0)
        elif self._timer is None:
            self._cut_soon(self._interval)

    def nodes_changed(self) -> None:
        """A stopped node forgets its pool; a quorum that comes back goes on at once."""
        for node in [node for node in self._pools if not self._support.ready(node)]:
            del self._pools[node]
        held = set().union(*self._pools.values())
        for request in [request for request in self._requests if request not in held]:
            self._waiting_bytes -= len(self._requests.pop(request).envelope)
        if self._requests and self._timer is None:
            self._cut_soon(0)

    def flush(self) -> None:
        """Order everything that waits, quorum permitting."""
        while self._requests and self.has_quorum:
            self._make_block()
        self.close()

    def close(self) -> None:
        """Wait for no batch any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _interval(self) -> float:
        # An interval of its own; the BatchTimeout value is not read (smartbft/util.go:454).
        own = self._options.request_batch_max_interval
        return self._support.batch_timeout(duration(own) if own else self._support.bundle.batch.timeout)

    def _active(self) -> list[int]:
        return sorted(number for number, name in self.nodes.items() if self._support.ready(name))

    def _cut_soon(self, delay: float) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_later(delay, self._cut)

    def _cut(self) -> None:
        self._timer = None
        if not self._requests or not self.has_quorum:
            return
        self._make_block()
        if self._requests:
            full = len(self._requests) >= self._support.bundle.batch.max_messages
            self._cut_soon(0 if full else self._interval)

    def _make_block(self) -> None:
        batch = self._next_batch()
        number = self._support.last_block.header.number + 1
        signers = self._signers()
        self._support.write(batch, ViewMetadata(self._view, number, number - 1).encode(), signers)
        for request in batch:
            del self._requests[request.id]
            self._waiting_bytes -= len(request.envelope)
            self._processed[request.id] = None
            for pool in self._pools.values():
                pool.discard(request.id)
        if batch[0].is_config:
            self._drop_configurations()
        while len(self._processed) > _REMEMBERED:
            self._processed.popitem(last=False)

    def _drop_configurations(self) -> None:
        """Forget those that wait: what they were made of is over (chain.go, pruneBadRequests)."""
        for request in [each for each in self._requests.values() if each.is_config]:
            self._waiting_bytes -= len(self._requests.pop(request.id).envelope)
            for pool in self._pools.values():
                pool.discard(request.id)

    def _next_batch(self) -> list[OrderingRequest]:
        limits = self._support.bundle.batch
        taken: list[OrderingRequest] = []
        size = 0
        for request in self._requests.values():
            if request.is_config:
                return taken or [request]
            full = len(taken) == limits.max_messages or (
                size + len(request.envelope) > limits.absolute_max_bytes
            )
            if taken and full:
                break
            taken.append(request)
            size += len(request.envelope)
        return taken

    def _signers(self) -> list[tuple[int | None, SigningIdentity]]:
        """The leader of the view and as many others as a quorum needs."""
        active = self._active()
        order = [item.id for item in self._support.bundle.consenters]
        while order[self._view % len(order)] not in active:
            self._view += 1
        leader = order[self._view % len(order)]
        others = [number for number in active if number != leader]
        chosen = sorted([leader, *others[: bft_quorum(len(order)) - 1]])
        return [(number, self._support.keys[self.nodes[number]].identity) for number in chosen]


def _request_info(request: OrderingRequest) -> str:
    """A request as SmartBFT prints it: its creator and its transaction id (smartbft/util.go:159)."""
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(request.envelope).payload)
    header = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
    creator = hashlib.sha256(header.creator).hexdigest()
    return f"{{{creator} {hashlib.sha256(header.nonce + header.creator).hexdigest()}}}"
