"""One organization's peer, and what the peers of one process share."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from fabric_protos.common import common_pb2
from fabric_protos.msp import msp_principal_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2

from hlf.identity import SigningIdentity
from hlf_emulator.ledger.disk import Disk, DiskError
from hlf_emulator.ledger.ledger import SharedLedger
from hlf_emulator.lifecycle.packages import PackageStore
from hlf_emulator.membership.bundle import ConfigError, config_envelope
from hlf_emulator.membership.msp import Msp, MspError, Verifier
from hlf_emulator.membership.policies import PolicyError, SignedData
from hlf_emulator.peer.channel import Channel, Ledger
from hlf_emulator.peer.endorser import Endorser
from hlf_emulator.peer.execution import EXECUTE_TIMEOUT, ChaincodeSupport
from hlf_emulator.peer.proposal_checks import Proposal, RpcRefused
from hlf_emulator.version import FABRIC_3_1, Version

# common/configtx/validator.go; channel names are also names of folders.
_CHANNEL = re.compile(r"[a-z][a-z0-9.-]*")

__all__ = ["Channel", "Ledger", "Peer", "RpcRefused", "Shared"]


class Shared:
    """What the peers of one process share: public ledgers and verified signatures.

    `folder/channels/NAME` holds a channel's blocks, `folder/peers/NAME` what one peer alone has.
    """

    def __init__(
        self,
        folder: Path,
        verifier: Verifier | None = None,
        disk: Disk | None = None,
        version: Version = FABRIC_3_1,
    ) -> None:
        self.folder = folder
        self.disk = disk or Disk()
        self.verifier = verifier or Verifier()
        self.version = version
        self.peers: dict[str, Peer] = {}
        self._ledgers: dict[str, SharedLedger] = {}

    def ledger(self, channel: str) -> SharedLedger:
        """The channel's public ledger, opened when first asked for."""
        if channel not in self._ledgers:
            folder = self.folder / "channels" / channel
            self._ledgers[channel] = SharedLedger(folder, channel, self.verifier, self.disk)
        return self._ledgers[channel]

    def on_disk(self) -> dict[str, SharedLedger]:
        """The ledgers of all channels that any peer has ever joined."""
        return {
            folder.name: self.ledger(folder.name) for folder in sorted((self.folder / "channels").glob("*"))
        }

    def drop(self, channel: str) -> None:
        """Remove the channel's public ledger, if any."""
        ledger = self._ledgers.pop(channel, None)
        if ledger is not None:
            ledger.close()
            shutil.rmtree(self.folder / "channels" / channel)

    def close(self) -> None:
        """Make everything durable and let go of the files."""
        for peer in self.peers.values():
            peer.close()
        for ledger in self._ledgers.values():
            ledger.close()
        self._ledgers.clear()


class Peer:
    """One organization's peer."""

    def __init__(
        self,
        name: str,
        identity: SigningIdentity,
        endpoint: str,
        local_msp: Msp,
        shared: Shared,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        execute_timeout: float = EXECUTE_TIMEOUT,
    ) -> None:
        """`local_msp` is read with `msp_folder.load_msp(folder, msp_id, verifier)`; `clock` is aware, UTC.

        `execute_timeout` is how many seconds a chaincode may take to answer.
        """
        self.name = name
        self.msp_id = identity.msp_id
        self.identity = identity
        self.endpoint = endpoint
        self.local_msp = local_msp
        self.shared = shared
        self.verifier = shared.verifier
        self.version = shared.version
        self.clock = clock
        self.running = False
        # False is a fault asked for: other peers do not see this one, nor it them.
        self.in_gossip = True
        self.channels: dict[str, Channel] = {}
        self.on_join: list[Callable[[Channel], None]] = []
        self._folder = shared.folder / "peers" / name
        self.disk = Disk(sync=shared.disk.sync)
        self.packages = PackageStore(self._folder / "packages", self.disk)
        self.chaincodes = ChaincodeSupport(self, execute_timeout)
        self._endorser = Endorser(self)
        shared.peers[name] = self

    async def start(self) -> None:
        """Open the channels on disk, at the height they had. Idempotent."""
        self.running = True
        for folder in sorted((self._folder / "channels").glob("*")):
            if folder.name not in self.channels:
                self._open(folder.name)
        for name, channel in self.channels.items():
            try:
                await channel.catch_up()
            except DiskError:
                # Whoever hands it the next block tries again, and says so.
                continue
            for other in self.siblings(name):
                await other.reconcile()

    async def stop(self) -> None:
        """Stop answering and drop chaincode connections; `start` continues where it stopped."""
        self.running = False
        await self.chaincodes.close()
        for channel in self.channels.values():
            channel.ledger.rest()

    def drop(self, channel: str) -> None:
        """Forget a channel and remove what this peer alone has of it. Harmless when it has not joined."""
        joined = self.channels.pop(channel, None)
        if joined is not None:
            joined.close()
            shutil.rmtree(self._folder / "channels" / channel)

    def close(self) -> None:
        """Let go of the files."""
        for channel in self.channels.values():
            channel.close()
        self.channels.clear()

    async def join(self, genesis: common_pb2.Block) -> Channel:
        """Join a channel by its first block; `on_join` hooks are called with the channel.

        Raises ConfigError when the block is not that channel's first configuration.
        """
        name, _ = config_envelope(genesis)
        if not _CHANNEL.fullmatch(name) or len(name) > 249:
            raise ConfigError(f"'{name}' is no channel's name")
        ledger = self.shared.ledger(name)
        if ledger.height and ledger.block(0).header != genesis.header:
            raise ConfigError(f"channel {name} has another first block")
        try:
            await ledger.commit(genesis)
            channel = self._open(name)
            await channel.commit(genesis)
        except DiskError as error:
            raise ConfigError(f"the first block cannot be written: {error}") from error
        for hook in self.on_join:
            hook(channel)
        return channel

    async def process_proposal(
        self, signed: proposal_pb2.SignedProposal | Proposal, *, filters: bool = True
    ) -> proposal_response_pb2.ProposalResponse:
        """Endorser.ProcessProposal, by default through the authentication filters.

        Raises RpcRefused where Fabric ends with a gRPC error.
        """
        return await self._endorser.process(signed, filters=filters)

    def siblings(self, channel: str) -> Iterable[Channel]:
        """The channel at the other running peers of the process that this one knows of."""
        return [
            peer.channels[channel]
            for peer in self.shared.peers.values()
            if peer is not self and peer.running and channel in peer.channels and self.sees(peer)
        ]

    def sees(self, other: Peer) -> bool:
        """Whether gossip has told this peer of ``other``; of itself it always knows."""
        return other is self or (self.in_gossip and other.in_gossip)

    def check_local(self, role: str, signed: SignedData) -> None:
        """Raise PolicyError unless `signed` is by one of the own MSP's `Members` or `Admins`.

        Texts: core/policy/policy.go.
        """
        during = f"during channelless check policy with policy [{role}]"
        kind = msp_principal_pb2.MSPRole.ADMIN if role == "Admins" else msp_principal_pb2.MSPRole.MEMBER
        principal = msp_principal_pb2.MSPPrincipal(
            principal_classification=msp_principal_pb2.MSPPrincipal.ROLE,
            principal=msp_principal_pb2.MSPRole(msp_identifier=self.msp_id, role=kind).SerializeToString(),
        )
        try:
            identity = self.local_msp.deserialize(signed.identity)
        except MspError as refusal:
            raise PolicyError(f"Failed deserializing proposal creator {during}: [{refusal}]") from refusal
        problem = identity.refusal(principal)
        if problem is not None:
            raise PolicyError(
                f"Failed verifying that proposal's creator satisfies local MSP principal {during}: "
                f"[{problem}]"
            )
        try:
            identity.verify(signed.data, signed.signature)
        except MspError as refusal:
            raise PolicyError(str(refusal)) from refusal

    def _open(self, name: str) -> Channel:
        channel = Channel(
            self.shared.ledger(name),
            self._folder / "channels" / name,
            self.identity.serialized(),
            self.packages,
            lambda: self.siblings(name),
            self.disk,
        )
        self.channels[name] = channel
        return channel
