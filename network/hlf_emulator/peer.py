"""One organization's peer, and its view of each channel it has joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2, transaction_pb2

from hlf.identity import SigningIdentity
from hlf_emulator.bundle import Bundle
from hlf_emulator.definitions import ChaincodeDefinition, CollectionDefinition
from hlf_emulator.msp import Msp, Verifier
from hlf_emulator.policies import Policy


class RpcRefused(Exception):  # noqa: N818 - the refusal, not an error of this program
    """An RPC that ends with a gRPC status instead of an answer."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Shared:
    """What the peers of one process share: public ledgers, verified signatures, transient data.

    `folder` holds one folder per channel and one per peer.
    """

    def __init__(self, folder: Path, verifier: Verifier | None = None) -> None:
        self.folder = folder
        self.verifier = verifier or Verifier()
        self.peers: dict[str, Peer] = {}

    def close(self) -> None:
        """Make everything durable and let go of the files."""


class Ledger:
    """A peer's view of a channel's ledger: blocks up to its own height, its own private data."""

    @property
    def height(self) -> int:
        """The number of blocks this peer has committed."""
        raise RuntimeError

    def block(self, number: int) -> common_pb2.Block:
        """A committed block. Raises IndexError outside `0 <= number < height`."""
        raise RuntimeError

    def transaction(
        self, transaction_id: str
    ) -> tuple[transaction_pb2.ProcessedTransaction, int, int] | None:
        """(transaction, block number, validation code) of the first commit of that id, or None."""
        raise RuntimeError

    async def wait_height(self, height: int) -> None:
        """Return when this peer has at least `height` blocks."""
        raise RuntimeError

    def private_data(self, number: int) -> dict[int, rwset_pb2.TxPvtReadWriteSet]:
        """Private writes this peer holds for a block, by the transaction's place in it."""
        raise RuntimeError


class Channel:
    """One peer's side of one channel."""

    peer: Peer
    name: str
    ledger: Ledger

    @property
    def bundle(self) -> Bundle:
        raise RuntimeError

    @property
    def definitions(self) -> Mapping[str, ChaincodeDefinition]:
        """Committed chaincode definitions by name."""
        raise RuntimeError

    def ready_chaincodes(self) -> dict[str, str]:
        """Name -> version of chaincodes defined here that this peer has installed and its org approved."""
        raise RuntimeError

    def endorsement_policy(self, chaincode: str) -> Policy:
        """The policy that guards a chaincode's public state. Raises KeyError when it is not defined."""
        raise RuntimeError

    def collection(self, chaincode: str, name: str) -> CollectionDefinition | None:
        """A collection (explicit or implicit) of a defined chaincode."""
        raise RuntimeError

    async def commit(self, block: common_pb2.Block) -> None:
        """Take the next block from the ordering service; returns when it is durable and applied.

        Raises ConfigError when the block does not follow the last one. A block below the height is ignored.
        """
        raise RuntimeError


class Peer:
    """One organization's peer."""

    name: str
    msp_id: str
    identity: SigningIdentity
    endpoint: str
    local_msp: Msp
    running: bool
    channels: dict[str, Channel]
    on_join: list[Callable[[Channel], None]]

    def __init__(
        self, name: str, identity: SigningIdentity, endpoint: str, local_msp: Msp, shared: Shared
    ) -> None:
        """`local_msp` is read with `msp_folder.load_msp(folder, msp_id, verifier)`."""
        raise RuntimeError

    async def start(self) -> None:
        """Open the channels on disk, at the height they had. Idempotent."""
        raise RuntimeError

    async def stop(self) -> None:
        """Stop answering and drop chaincode connections; `start` continues where it stopped."""
        raise RuntimeError

    async def join(self, genesis: common_pb2.Block) -> Channel:
        """Join a channel by its first block; `on_join` hooks are called with the channel."""
        raise RuntimeError

    async def process_proposal(
        self, signed: proposal_pb2.SignedProposal
    ) -> proposal_response_pb2.ProposalResponse:
        """Endorser.ProcessProposal. Raises RpcRefused where Fabric ends with a gRPC error."""
        raise RuntimeError
