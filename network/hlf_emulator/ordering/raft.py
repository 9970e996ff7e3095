"""Raft, as far as it is seen from outside (orderer/consensus/etcdraft, orderer/common/blockcutter).

A follower hands what it is given to the leader, who cuts blocks. A leader that stops takes what it had not
cut with it; without a majority there is no leader, and nobody takes anything. An election takes no time here.
"""

import asyncio
import hashlib
from collections.abc import Mapping

from fabric_protos.common import common_pb2
from fabric_protos.orderer.etcdraft import configuration_pb2 as etcdraft_pb2
from fabric_protos.orderer.etcdraft import metadata_pb2

from hlf_emulator.membership.bundle import BatchLimits
from hlf_emulator.ordering.consensus import ConsenterSupport, OrderingRequest, Refused

NO_LEADER = "no Raft leader"
Batch = list[OrderingRequest]


class BlockCutter:
    """The leader's batch in the making (blockcutter.go)."""

    def __init__(self) -> None:
        self.pending: Batch = []
        self._size = 0

    def ordered(self, request: OrderingRequest, limits: BatchLimits) -> list[Batch]:
        """The batches that are full once ``request`` is there; it may stay pending."""
        batches: list[Batch] = []
        if request.is_config:
            return [batch for batch in (self.cut(), [request]) if batch]
        if self.pending and self._size + request.size > limits.preferred_max_bytes:
            batches.append(self.cut())
        if request.size > limits.preferred_max_bytes:
            return [*batches, [request]]
        self.pending.append(request)
        self._size += request.size
        if len(self.pending) >= limits.max_messages:
            batches.append(self.cut())
        return batches

    def cut(self) -> Batch:
        """What is pending, which begins anew."""
        batch, self.pending, self._size = self.pending, [], 0
        return batch


class Raft:
    """The consenters of an etcdraft channel."""

    def __init__(self, support: ConsenterSupport) -> None:
        self._support = support
        self._cutter = BlockCutter()
        self._timer: asyncio.TimerHandle | None = None
        self._leader = ""
        self._progress = _progress(support.last_block)
        self._consenters: list[bytes] = []
        self.nodes: Mapping[int, str] = {}
        self.configure()

    def configure(self) -> None:
        """Take the channel's configuration as it is now."""
        current = _consenters(self._support)
        if not self._progress.consenter_ids:
            # The entries that add the consenters are the first of the log.
            self._progress.consenter_ids.extend(range(1, len(current) + 1))
            self._progress.next_consenter_id = len(current) + 1
            self._progress.raft_index = len(current)
        elif self._consenters:
            self._renumber(current)
        self._consenters = current
        known = {keys.tls_certificate.strip(): name for name, keys in self._support.keys.items()}
        self.nodes = {
            number: known[certificate]
            for number, certificate in zip(self._progress.consenter_ids, current, strict=True)
            if certificate in known
        }

    @property
    def has_quorum(self) -> bool:
        """Whether a majority of the consenters runs."""
        return len(self._active()) > len(self._consenters) // 2

    @property
    def leader(self) -> str:
        """The node that leads; empty without a majority."""
        return self._leader

    @property
    def errored(self) -> bool:
        """A cluster of more than two without a leader serves no blocks (chain.go:779)."""
        return not self._leader and len(self._consenters) > 2

    def submit(self, node: str, request: OrderingRequest) -> None:  # noqa: ARG002  whoever is asked passes it on
        """Give a request to the leader. Raises Refused where there is none."""
        if not self._leader:
            raise Refused(NO_LEADER)
        for batch in self._cutter.ordered(request, self._support.bundle.batch):
            self._write(batch)
        if not self._cutter.pending:
            self.close()
        elif self._timer is None:
            delay = self._support.batch_timeout(self._support.bundle.batch.timeout)
            self._timer = asyncio.get_running_loop().call_later(delay, self._cut)

    def nodes_changed(self) -> None:
        """Elect a leader where the one there was is gone."""
        active = self._active()
        if self._leader in {self.nodes[number] for number in active} and self.has_quorum:
            return
        if self._leader:
            self._leader = ""
            self._cutter.cut()
            self.close()
        if not self.has_quorum:
            return
        first = _campaigner(self._support.channel, len(self._consenters))
        self._leader = self.nodes[first if first in active else active[0]]
        self._progress.raft_index += 1  # a new leader begins its term with an entry of no content

    def flush(self) -> None:
        """Cut what is pending."""
        if self._cutter.pending:
            self._cut()
        self.close()

    def close(self) -> None:
        """Wait for no batch any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _active(self) -> list[int]:
        return [number for number, name in sorted(self.nodes.items()) if self._support.ready(name)]

    def _cut(self) -> None:
        self._timer = None
        self._write(self._cutter.cut())

    def _write(self, batch: Batch) -> None:
        self._progress.raft_index += 1
        value = common_pb2.Metadata(value=self._progress.SerializeToString()).SerializeToString()
        self._support.write(batch, value, [(None, self._support.keys[self._leader].identity)])

    def _renumber(self, current: list[bytes]) -> None:
        """The ids of a new configuration's consenters (etcdraft/membership.go)."""
        numbers = dict(zip(self._consenters, self._progress.consenter_ids, strict=True))
        gone = [numbers[certificate] for certificate in self._consenters if certificate not in current]
        ids = []
        for certificate in current:
            if certificate in numbers:
                ids.append(numbers[certificate])
            elif gone:
                ids.append(gone.pop())  # one gone and one come is a certificate that was renewed
            else:
                ids.append(self._progress.next_consenter_id)
                self._progress.next_consenter_id += 1
        del self._progress.consenter_ids[:]
        self._progress.consenter_ids.extend(ids)


def _consenters(support: ConsenterSupport) -> list[bytes]:
    """The consenters' TLS certificates in the order of the configuration."""
    metadata = etcdraft_pb2.ConfigMetadata.FromString(support.bundle.consensus_metadata)
    return [item.server_tls_cert.strip() for item in metadata.consenters]


def _progress(block: common_pb2.Block) -> metadata_pb2.BlockMetadata:
    """What the last block says of the consenters; empty at block 0."""
    if not block.header.number:
        return metadata_pb2.BlockMetadata()
    signatures = common_pb2.Metadata.FromString(block.metadata.metadata[common_pb2.SIGNATURES])
    orderer = common_pb2.OrdererBlockMetadata.FromString(signatures.value)
    return metadata_pb2.BlockMetadata.FromString(
        common_pb2.Metadata.FromString(orderer.consenter_metadata).value
    )


def _campaigner(channel: str, consenters: int) -> int:
    """The consenter that stands for the first election of a channel (etcdraft/node.go:74)."""
    digest = hashlib.sha256(channel.encode()).digest()[24:]
    number = 0
    for place, octet in enumerate(digest):
        number |= (octet & 0x7F) << (7 * place)
        if octet < 0x80:
            return number % consenters + 1
    return 1
