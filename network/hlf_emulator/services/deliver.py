"""Block streams of peers and orderers (common/deliver/deliver.go, core/peer/deliverevents.go)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.orderer import ab_pb2, ab_pb2_grpc
from fabric_protos.peer import events_pb2, events_pb2_grpc
from google.protobuf.message import DecodeError

from hlf_emulator.membership.bundle import Bundle, is_config_block
from hlf_emulator.membership.msp import MspError
from hlf_emulator.membership.policies import PolicyError, SignedData
from hlf_emulator.ordering.orderer import Orderer
from hlf_emulator.peer.block_events import filtered_block
from hlf_emulator.peer.peer import Channel, Peer
from hlf_emulator.version import Version

TIME_WINDOW = 15 * 60  # seconds; peer.authentication.timewindow
_Context = grpc.aio.ServicerContext[Any, Any]


class Blocks(Protocol):
    """A chain that blocks can be read from."""

    @property
    def height(self) -> int:
        """The number of blocks."""

    def block(self, number: int) -> common_pb2.Block:
        """One block."""

    async def wait_height(self, height: int) -> None:
        """Return when there are that many."""


class Consenter(Protocol):
    """What may end an orderer's stream."""

    @property
    def errored(self) -> bool:
        """Whether nobody orders the channel."""

    async def wait_errored(self) -> None:
        """Return once that is so."""


class _Ended(Exception):  # noqa: N818 - how a stream ends, not a fault
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Chain:
    """One channel as one node serves it: where blocks come from and who may read them."""

    def __init__(
        self,
        blocks: Blocks,
        bundle: Callable[[], Bundle],
        check: Callable[[Bundle, SignedData], None],
        version: Version,
        consenter: Consenter | None = None,
    ) -> None:
        self.blocks = blocks
        self.bundle = bundle
        self.version = version
        self.consenter = consenter
        self._check = check
        self._sequence = -1

    def authorize(self, signed: SignedData) -> None:
        """The policy is asked again only after a change of configuration, expiry every time (acl.go:58)."""
        bundle = self.bundle()
        try:
            if bundle.msps.deserialize(signed.identity).expired(datetime.now(UTC)):
                raise _Ended(common_pb2.FORBIDDEN)
            if bundle.sequence != self._sequence:
                self._check(bundle, signed)
        except (PolicyError, MspError):
            # The stream says only FORBIDDEN; the reason is never told.
            raise _Ended(common_pb2.FORBIDDEN) from None
        self._sequence = bundle.sequence


Find = Callable[[str], Chain | None]
Delivered = tuple[common_pb2.Block, SignedData, str]


class Request:
    """One SeekInfo envelope."""

    def __init__(self, envelope: common_pb2.Envelope) -> None:
        try:
            payload = common_pb2.Payload.FromString(envelope.payload)
            header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
            creator = common_pb2.SignatureHeader.FromString(payload.header.signature_header).creator
        except DecodeError as error:
            raise _Ended(common_pb2.BAD_REQUEST) from error
        if not payload.HasField("header") or not header.HasField("timestamp"):
            raise _Ended(common_pb2.BAD_REQUEST)
        sent = header.timestamp.seconds + header.timestamp.nanos / 1e9
        if abs(time.time() - sent) > TIME_WINDOW:
            raise _Ended(common_pb2.BAD_REQUEST)
        self.channel = header.channel_id
        self.signed = SignedData(envelope.payload, creator, envelope.signature)
        self._data = payload.data

    def seek(self) -> ab_pb2.SeekInfo:
        """What is asked for."""
        try:
            return ab_pb2.SeekInfo.FromString(self._data)
        except DecodeError as error:
            raise _Ended(common_pb2.BAD_REQUEST) from error


async def serve(envelopes: AsyncIterator[common_pb2.Envelope], find: Find) -> AsyncIterator[Delivered | int]:
    """Blocks for each request, each request ended by its status; the first failure ends the stream."""
    async for envelope in envelopes:
        try:
            async for delivered in _blocks(envelope, find):
                yield delivered
        except _Ended as ended:
            yield ended.status
            return
        yield common_pb2.SUCCESS


async def _blocks(envelope: common_pb2.Envelope, find: Find) -> AsyncIterator[Delivered]:
    request = Request(envelope)
    chain = find(request.channel)
    if chain is None:
        raise _Ended(common_pb2.NOT_FOUND)
    seek = request.seek()
    consenter = None if seek.error_response == ab_pb2.SeekInfo.BEST_EFFORT else chain.consenter
    if consenter is not None and consenter.errored:
        raise _Ended(common_pb2.SERVICE_UNAVAILABLE)
    chain.authorize(request.signed)
    if not seek.HasField("start") or not seek.HasField("stop"):
        raise _Ended(common_pb2.BAD_REQUEST)
    blocks = chain.blocks
    start = _start(seek.start, blocks.height)
    number = 0 if start is None else start
    stop = _stop(seek, number, blocks.height)
    while True:
        if seek.behavior == ab_pb2.SeekInfo.FAIL_IF_NOT_READY and number > blocks.height - 1:
            raise _Ended(common_pb2.NOT_FOUND)
        if start is None:
            raise _Ended(common_pb2.NOT_FOUND)
        await _wait(blocks, number + 1, consenter)
        chain.authorize(request.signed)
        block = blocks.block(number)
        headers = (
            seek.content_type == ab_pb2.SeekInfo.HEADER_WITH_SIG and chain.version.header_with_signatures
        )
        if headers and not is_config_block(block):
            block = common_pb2.Block(header=block.header, metadata=block.metadata)
        yield block, request.signed, request.channel
        if number == stop:
            return
        number += 1


async def _wait(blocks: Blocks, height: int, consenter: Consenter | None) -> None:
    """Wait for a block, or for the end of those who order them."""
    if consenter is None or blocks.height >= height:
        await blocks.wait_height(height)
        return
    waits = [
        asyncio.ensure_future(blocks.wait_height(height)),
        asyncio.ensure_future(consenter.wait_errored()),
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if blocks.height < height:
        raise _Ended(common_pb2.SERVICE_UNAVAILABLE)


def _start(position: ab_pb2.SeekPosition, height: int) -> int | None:
    """The first block, None where there will never be one (fileledger/impl.go:68)."""
    kind = position.WhichOneof("Type")
    if kind == "oldest":
        return 0
    if kind == "newest":
        return height - 1
    if kind == "next_commit":
        return height
    if kind == "specified" and position.specified.number <= height:
        return position.specified.number
    return None


def _stop(seek: ab_pb2.SeekInfo, number: int, height: int) -> int:
    kind = seek.stop.WhichOneof("Type")
    if kind == "oldest":
        return number
    if kind == "newest":
        return number if seek.start == seek.stop else height - 1
    if kind == "specified":
        if seek.stop.specified.number < number:
            raise _Ended(common_pb2.BAD_REQUEST)
        return seek.stop.specified.number
    # next_commit has no case of its own in Fabric and acts as block 0.
    return 0


class PeerDeliverService(events_pb2_grpc.DeliverServicer):
    """protos.Deliver of one peer."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def Deliver(  # noqa: N802 - the RPC's name
        self,
        request_iterator: AsyncIterator[common_pb2.Envelope],
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[events_pb2.DeliverResponse]:
        """Whole blocks, for those whom the channel lets see ``event/Block``."""
        async for item in serve(request_iterator, self._finder("event/Block")):
            if isinstance(item, int):
                yield _status(item)
            else:
                yield events_pb2.DeliverResponse(block=item[0])

    async def DeliverFiltered(  # noqa: N802 - the RPC's name
        self,
        request_iterator: AsyncIterator[common_pb2.Envelope],
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[events_pb2.DeliverResponse]:
        """Ids, codes and event names, invalid transactions included."""
        async for item in serve(request_iterator, self._finder("event/FilteredBlock")):
            if isinstance(item, int):
                yield _status(item)
                continue
            if not item[0].HasField("data"):
                # HEADER_WITH_SIG: a header alone has nothing to filter.
                yield _status(common_pb2.BAD_REQUEST)
                return
            try:
                yield events_pb2.DeliverResponse(filtered_block=filtered_block(item[0]))
            except DecodeError:
                # The stream goes on after a block that cannot be filtered, as in deliverevents.go:99.
                yield _status(common_pb2.BAD_REQUEST)

    async def DeliverWithPrivateData(  # noqa: N802 - the RPC's name
        self,
        request_iterator: AsyncIterator[common_pb2.Envelope],
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[events_pb2.DeliverResponse]:
        """Blocks with the private writes that this peer holds and the caller may have."""
        async for item in serve(request_iterator, self._finder("event/Block")):
            if isinstance(item, int):
                yield _status(item)
                continue
            block, signed, name = item
            message = events_pb2.BlockAndPrivateData(block=block)
            for place, writes in self._private(
                self._peer.channels[name], block.header.number, signed
            ).items():
                message.private_data_map[place].CopyFrom(writes)
            yield events_pb2.DeliverResponse(block_and_private_data=message)

    def _finder(self, resource: str) -> Find:
        def find(name: str) -> Chain | None:
            channel = self._peer.channels.get(name)
            if channel is None:
                return None
            return Chain(
                channel.ledger,
                lambda: channel.bundle,
                lambda bundle, signed: bundle.check_acl(resource, [signed]),
                self._peer.version,
            )

        return find

    def _private(
        self, channel: Channel, number: int, signed: SignedData
    ) -> dict[int, rwset_pb2.TxPvtReadWriteSet]:
        allowed: dict[int, rwset_pb2.TxPvtReadWriteSet] = {}
        for place, writes in channel.ledger.private_data(number).items():
            kept = rwset_pb2.TxPvtReadWriteSet(data_model=writes.data_model)
            for namespace in writes.ns_pvt_rwset:
                collections = [
                    item
                    for item in namespace.collection_pvt_rwset
                    if _may_read(channel, namespace.namespace, item.collection_name, number, signed)
                ]
                if collections:
                    kept.ns_pvt_rwset.add(namespace=namespace.namespace, collection_pvt_rwset=collections)
            if kept.ns_pvt_rwset:
                allowed[place] = kept
        return allowed


def _may_read(channel: Channel, chaincode: str, name: str, number: int, signed: SignedData) -> bool:
    """Everybody who reads the stream, unless the collection was for its members only at that block."""
    collection = channel.collection_below(chaincode, name, number)
    if collection is None:
        return False
    if not collection.member_only_read:
        return True
    try:
        channel.bundle.policies.evaluate_policy(collection.members, [signed])
    except PolicyError:
        # Not a member: the collection is left out of the message.
        return False
    return True


def _status(status: int) -> events_pb2.DeliverResponse:
    return events_pb2.DeliverResponse(status=status)  # type: ignore[arg-type]


class AtomicBroadcastService(ab_pb2_grpc.AtomicBroadcastServicer):
    """orderer.AtomicBroadcast of one orderer."""

    def __init__(self, orderer: Orderer) -> None:
        self._orderer = orderer

    async def Broadcast(  # noqa: N802 - the RPC's name
        self,
        request_iterator: AsyncIterator[common_pb2.Envelope],
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[ab_pb2.BroadcastResponse]:
        """One answer for each envelope; the first that is not SUCCESS ends the stream."""
        async for envelope in request_iterator:
            response = self._orderer.broadcast(envelope)
            yield response
            if response.status != common_pb2.SUCCESS:
                return

    async def Deliver(  # noqa: N802 - the RPC's name
        self,
        request_iterator: AsyncIterator[common_pb2.Envelope],
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[ab_pb2.DeliverResponse]:
        """Blocks, for those who satisfy /Channel/Readers."""
        async for item in serve(request_iterator, self._find):
            if isinstance(item, int):
                yield ab_pb2.DeliverResponse(status=item)  # type: ignore[arg-type]
            else:
                yield ab_pb2.DeliverResponse(block=item[0])

    def _find(self, name: str) -> Chain | None:
        sequencer = self._orderer.chain(name)
        if sequencer is None:
            return None
        return Chain(
            self._orderer.blocks(sequencer),
            lambda: sequencer.bundle,
            lambda bundle, signed: bundle.policies.evaluate(bundle.orderer_readers, [signed]),
            self._orderer.version,
            sequencer,
        )
