"""What SmartBFT and Raft have in common: the requests they order, and the channel they order them for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fabric_protos.common import common_pb2

from hlf.identity import SigningIdentity
from hlf_emulator.membership.bundle import Bundle


class Refused(Exception):  # noqa: N818 - an answer of the consenter
    """A request that is not taken; the text is what the orderer answers."""


@dataclass(frozen=True, slots=True)
class OrderingRequest:
    """A checked envelope. ``id`` is what SmartBFT knows it by, ``size`` what Raft's block cutter counts."""

    id: str
    envelope: bytes
    size: int
    is_config: bool

    @classmethod
    def of(cls, request_id: str, envelope: bytes) -> "OrderingRequest":
        """Read from the envelope what ordering depends on."""
        message = common_pb2.Envelope.FromString(envelope)
        payload = common_pb2.Payload.FromString(message.payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        return cls(
            id=request_id,
            envelope=envelope,
            size=len(message.payload) + len(message.signature),
            is_config=bool(header.type == common_pb2.CONFIG),
        )


@dataclass(frozen=True, slots=True)
class OrdererKeys:
    """How channels know an orderer node: SmartBFT by its identity, Raft by its TLS certificate (PEM)."""

    identity: SigningIdentity
    tls_certificate: bytes


class ConsenterSupport(Protocol):
    """What a consensus protocol needs of its channel."""

    channel: str
    bundle: Bundle

    @property
    def keys(self) -> Mapping[str, OrdererKeys]:
        """Every orderer node of this network."""

    @property
    def last_block(self) -> common_pb2.Block:
        """The block that the next one follows."""

    def ready(self, node: str) -> bool:
        """Whether the node has joined the channel and runs."""

    def batch_timeout(self, configured: float) -> float:
        """Seconds to wait for a batch, where the channel says ``configured``."""

    def write(
        self,
        batch: Sequence[OrderingRequest],
        consenter_metadata: bytes,
        signers: Sequence[tuple[int | None, SigningIdentity]],
    ) -> None:
        """Append a block; each signer with its consenter id, or None to be named by its certificate."""


class Consensus(Protocol):
    """The consenters of one channel, as one."""

    nodes: Mapping[int, str]
    """The consenters that are nodes of this network: consenter id -> node."""

    def configure(self) -> None:
        """Take the channel's configuration as it is now."""

    @property
    def has_quorum(self) -> bool:
        """Whether enough consenters run to make a block."""

    @property
    def errored(self) -> bool:
        """Whether its orderers answer Deliver with SERVICE_UNAVAILABLE."""

    def submit(self, node: str, request: OrderingRequest) -> None:
        """Take a request at ``node``. Raises Refused."""

    def nodes_changed(self) -> None:
        """A node joined, left, started or stopped."""

    def flush(self) -> None:
        """Order everything that waits, quorum permitting."""

    def close(self) -> None:
        """Wait for no batch any more."""
