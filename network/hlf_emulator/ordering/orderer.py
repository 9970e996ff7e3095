"""Orderer nodes: the channels each has joined, and what Broadcast answers.

Texts and their order follow orderer/common/broadcast, orderer/common/msgprocessor and
orderer/common/multichannel/registrar.go.
"""

import asyncio
import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2
from google.protobuf.message import DecodeError

from hlf.identity import SigningIdentity
from hlf.wire.consensus import BFT
from hlf_emulator.chance import chance
from hlf_emulator.go.text import INVALID_WIRE_FORMAT
from hlf_emulator.ledger.blockfile import BlockFile, BlockSource, restore
from hlf_emulator.ledger.disk import Disk, DiskError
from hlf_emulator.membership.bundle import ConfigError
from hlf_emulator.membership.msp import Verifier
from hlf_emulator.ordering.consensus import OrdererKeys, Refused
from hlf_emulator.ordering.message_processor import Rejected, config_of, process_config_update, process_normal
from hlf_emulator.ordering.sequencer import Sequencer
from hlf_emulator.ordering.smartbft_config import check_consenters
from hlf_emulator.version import FABRIC_3_1, Version

_JUDGED = 32  # a Gateway sends an envelope to every orderer at once; later ones are checked anew

_NO_CHANNEL = "channel does not exist"
_NO_SYSTEM_CHANNEL = "channel creation request not allowed because the orderer system channel is not defined"


class JoinError(Exception):
    """A channel that cannot be joined, left or found; ``kind`` chooses the HTTP status."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class OrderingService:
    """The sequencers of all channels, kept under ``folder`` and shared by the orderer nodes."""

    def __init__(
        self,
        folder: Path,
        keys: dict[str, OrdererKeys],
        verifier: Verifier,
        batch_timeout: float | None,
        disk: Disk | None = None,
        version: Version = FABRIC_3_1,
        luck: random.Random | None = None,
    ) -> None:
        self.version = version
        self.luck = luck or chance()
        self.disk = disk or Disk()
        self._folder = folder
        self._keys = keys
        self._verifier = verifier
        self._batch_timeout = batch_timeout
        self._opened = asyncio.Event()
        self._judged: dict[bytes, tuple[Sequencer, int, str]] = {}
        self.sequencers: dict[str, Sequencer] = {}

    async def wait_sequencer(self, channel: str) -> Sequencer:
        """The channel's sequencer, once an orderer has joined the channel."""
        while channel not in self.sequencers:
            await self._opened.wait()
        return self.sequencers[channel]

    def remember(self, content: bytes, sequencer: Sequencer, identifier: str) -> None:
        """Spare the other orderers the checks of an envelope that one has just passed."""
        if len(self._judged) >= _JUDGED:
            self._judged.clear()
        self._judged[content] = (sequencer, sequencer.bundle.sequence, identifier)

    def judged(self, content: bytes) -> tuple[Sequencer, str] | None:
        """Channel and request id of an envelope that was found good for the configuration in force."""
        known = self._judged.get(content)
        if known is None or known[1] != known[0].bundle.sequence:
            return None
        return known[0], known[2]

    def recover(self, copies: Mapping[str, BlockSource] | None = None) -> None:
        """Open every channel found on disk.

        `copies` are the peers' by channel: blocks that the orderers lost are taken from there, so that what
        was acknowledged is never ordered a second time. Raises DiskError.
        """
        copies = copies or {}
        found = {path.stem for path in self._folder.glob("*.blocks")}
        for channel in sorted(found | {name for name, copy in copies.items() if copy.height}):
            blocks = BlockFile(self._folder / f"{channel}.blocks", self.disk)
            copy = copies.get(channel)
            if copy is not None and copy.height > blocks.height:
                restore(channel, blocks, copy)
            if blocks.height:
                self._open(channel, blocks)
            else:
                blocks.close()

    def start_channel(self, channel: str, block: common_pb2.Block) -> Sequencer:
        """The channel's sequencer, made from its genesis block the first time. Raises JoinError."""
        known = self.sequencers.get(channel)
        if known is not None:
            number = block.header.number
            if number < known.height and known.block(number).header != block.header:
                raise JoinError("invalid", "block differs from the one the channel was started with")
            return known
        if block.header.number != 0:
            raise JoinError(
                "invalid", f"no orderer of this network has the blocks before {block.header.number}"
            )
        blocks = BlockFile(self._folder / f"{channel}.blocks", self.disk)
        if blocks.height == 0:
            try:
                blocks.append(block)
                blocks.sync_now()
            except DiskError as error:
                blocks.close()
                raise JoinError("disk", f"no block can be written: {error}") from error
        return self._open(channel, blocks)

    def drop(self, channel: str) -> None:
        """Remove a channel's blocks, if any; no orderer may have it joined."""
        sequencer = self.sequencers.pop(channel, None)
        if sequencer is not None:
            sequencer.close()
            self._judged.clear()
            (self._folder / f"{channel}.blocks").unlink(missing_ok=True)

    def flush(self) -> None:
        """Order what waits, quorum permitting."""
        for sequencer in self.sequencers.values():
            sequencer.flush()

    def close(self) -> None:
        """Let go of the files."""
        for sequencer in self.sequencers.values():
            sequencer.close()

    def _open(self, channel: str, blocks: BlockFile) -> Sequencer:
        sequencer = Sequencer(channel, blocks, self._keys, self._verifier, self._batch_timeout, self.luck)
        self.sequencers[channel] = sequencer
        self._opened.set()
        self._opened = asyncio.Event()
        return sequencer


class EvictedChain:
    """What a node has of a channel whose consenters it was taken out of: no block comes any more."""

    def __init__(self, sequencer: Sequencer, height: int) -> None:
        self.height = height
        self._sequencer = sequencer

    def block(self, number: int) -> common_pb2.Block:
        """A copy of block ``number``. Raises IndexError when there is none."""
        if number >= self.height:
            raise IndexError(f"no block {number}")
        return self._sequencer.block(number)

    async def wait_height(self, height: int) -> None:
        """Return when there are at least ``height`` blocks: at once or never."""
        if self.height < height:
            await asyncio.Event().wait()


class Orderer:
    """One orderer node. ``endpoint`` is the address clients know it by."""

    def __init__(
        self,
        *,
        name: str,
        msp_id: str,
        identity: SigningIdentity,
        endpoint: str,
        state: Path,
        service: OrderingService,
    ) -> None:
        self.name = name
        self.msp_id = msp_id
        self.identity = identity
        self.endpoint = endpoint
        self.version = service.version
        self._service = service
        self._file = state / f"{name}.json"
        self._running = False
        self._disk = Disk(sync=service.disk.sync)
        self.channels: dict[str, Sequencer] = {}
        for channel in self._remembered():
            if channel in service.sequencers:
                self.channels[channel] = service.sequencers[channel]

    @property
    def running(self) -> bool:
        """Whether the node's ports are open."""
        return self._running

    @running.setter
    def running(self, running: bool) -> None:
        self._running = running
        self._report()

    @property
    def refuses_disk(self) -> bool:
        """Whether the node's disk is full, because a fault was asked for: it takes no part in ordering."""
        return self._disk.refusing

    @refuses_disk.setter
    def refuses_disk(self, refuses: bool) -> None:
        self._disk.refusing = refuses
        self._report()

    def _report(self) -> None:
        for sequencer in self.channels.values():
            sequencer.set_node(self.name, joined=True, running=self._running and not self._disk.refusing)

    # -- channel participation

    def join(self, channel: str, block: common_pb2.Block) -> Sequencer:
        """Join by a configuration block. Raises JoinError when joined already or the block does not fit."""
        if channel in self.channels:
            raise JoinError("exists", "channel already exists")
        sequencer = self._service.start_channel(channel, block)
        self.channels[channel] = sequencer
        try:
            self._remember()
        except JoinError:
            del self.channels[channel]
            raise
        self._report()
        return sequencer

    def leave(self, channel: str) -> None:
        """Stop ordering the channel. The blocks stay with the others. Raises JoinError when not joined."""
        sequencer = self.channels.pop(channel, None)
        if sequencer is None:
            raise JoinError("unknown", "channel does not exist")
        self._remember()
        sequencer.set_node(self.name, joined=False, running=self._running)

    # -- what it orders

    def chain(self, channel: str) -> Sequencer | None:
        """The channel, if this node is one of its consenters.

        Of a channel that it only follows an orderer takes nothing and gives nothing (registrar.go, GetChain).
        """
        sequencer = self.channels.get(channel)
        if sequencer is None or not self.is_consenter(sequencer):
            return None
        return sequencer

    def is_consenter(self, sequencer: Sequencer) -> bool:
        """Whether this node takes itself for a consenter of a channel that it has joined."""
        return sequencer.is_consenter(self.name) or sequencer.evicted_at(self.name) is not None

    def height(self, sequencer: Sequencer) -> int:
        """How many blocks of a channel this node has."""
        evicted = sequencer.evicted_at(self.name)
        return sequencer.height if evicted is None else evicted

    def blocks(self, sequencer: Sequencer) -> "Sequencer | EvictedChain":
        """The blocks of a channel as this node has them."""
        evicted = sequencer.evicted_at(self.name)
        return sequencer if evicted is None else EvictedChain(sequencer, evicted)

    def broadcast(
        self, envelope: common_pb2.Envelope, content: bytes | None = None
    ) -> ab_pb2.BroadcastResponse:
        """Check and queue one envelope; never raises for what a client can send.

        `content` is the envelope encoded, where a Gateway has it from asking another orderer.
        """
        content = content or envelope.SerializeToString()
        try:
            known = self._service.judged(content)
            if known is not None and self.chain(known[0].channel) is known[0]:
                self._submit(known[0], known[1], content)
                return ab_pb2.BroadcastResponse(status=common_pb2.SUCCESS)
            sequencer, header, identifier = self._addressed(envelope)
            if header.type == common_pb2.CONFIG_UPDATE:
                self.configure(sequencer, identifier, self.config_transaction(sequencer, envelope))
            else:
                process_normal(sequencer.bundle, envelope)
                self._service.remember(content, sequencer, identifier)
                self._submit(sequencer, identifier, content)
        except Rejected as rejected:
            return ab_pb2.BroadcastResponse(status=rejected.status, info=rejected.info)
        return ab_pb2.BroadcastResponse(status=common_pb2.SUCCESS)

    def config_transaction(self, sequencer: Sequencer, envelope: common_pb2.Envelope) -> common_pb2.Envelope:
        """What a config update becomes. Raises Rejected."""
        nonce = self._service.luck.randbytes(24)
        return process_config_update(sequencer.bundle, envelope, self.identity, nonce, self.version)

    def configure(self, sequencer: Sequencer, identifier: str, config: common_pb2.Envelope) -> None:
        """Order a configuration, if the consenters take it. Raises Rejected."""
        if sequencer.bundle.consensus_type == BFT:
            try:
                check_consenters(config_of(config), self.version)
            except ConfigError as error:
                raise Rejected(common_pb2.SERVICE_UNAVAILABLE, str(error)) from error
        self._submit(sequencer, identifier, config.SerializeToString())

    def _submit(self, sequencer: Sequencer, identifier: str, content: bytes) -> None:
        if self._disk.refusing:
            text = "no block can be written: No space left on device"
            raise Rejected(common_pb2.SERVICE_UNAVAILABLE, text)
        if sequencer.evicted_at(self.name) is not None:
            raise Rejected(common_pb2.SERVICE_UNAVAILABLE, "failed to submit request: no leader")
        try:
            sequencer.submit(self.name, identifier, content)
        except Refused as refused:
            raise Rejected(common_pb2.SERVICE_UNAVAILABLE, str(refused)) from refused

    def _addressed(self, envelope: common_pb2.Envelope) -> tuple[Sequencer, common_pb2.ChannelHeader, str]:
        """The channel that an envelope is for, its header, and the id of the request that it is."""
        unclear = "could not determine channel ID: "
        part = "error unmarshalling Payload"
        try:
            payload = common_pb2.Payload.FromString(envelope.payload)
            if not payload.HasField("header"):
                raise Rejected(common_pb2.BAD_REQUEST, f"{unclear}header not set")
            if not payload.header.channel_header:
                raise Rejected(common_pb2.BAD_REQUEST, f"{unclear}channel header not set")
            part = "error unmarshalling channel header: error unmarshalling ChannelHeader"
            header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        except DecodeError as error:
            raise Rejected(common_pb2.BAD_REQUEST, f"{unclear}{part}: {INVALID_WIRE_FORMAT}") from error
        sequencer = self.chain(header.channel_id)
        system_channel = self.version.system_channel
        if sequencer is None:
            raise Rejected(common_pb2.BAD_REQUEST, _NO_SYSTEM_CHANNEL if system_channel else _NO_CHANNEL)
        made_channels = header.type == common_pb2.ORDERER_TRANSACTION
        if header.type == common_pb2.CONFIG or (made_channels and system_channel):
            raise Rejected(common_pb2.BAD_REQUEST, "message is of type that cannot be processed directly")
        if made_channels:
            raise Rejected(common_pb2.BAD_REQUEST, "message is of type that is no longer supported")
        return sequencer, header, _request_id(payload)

    # -- which channels, on disk

    def _remembered(self) -> Sequence[str]:
        if not self._file.exists():
            return ()
        return list(json.loads(self._file.read_text(encoding="utf-8"))["channels"])

    def _remember(self) -> None:
        try:
            self._disk.replace(self._file, json.dumps({"channels": sorted(self.channels)}).encode())
        except DiskError as error:
            raise JoinError("disk", f"the channel's name cannot be written: {error}") from error


def request_id(envelope: common_pb2.Envelope) -> str:
    """What SmartBFT knows a request by: its creator and nonce."""
    return _request_id(common_pb2.Payload.FromString(envelope.payload))


def _request_id(payload: common_pb2.Payload) -> str:
    return hashlib.sha256(payload.header.signature_header).hexdigest()
