"""Event streams as data: what to ask a peer for, what its answers mean, and where to go on.

A `Subscription` does no I/O. `hlf.streams` runs one, synchronously or not.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from fabric_protos.common.common_pb2 import Block, Envelope
from fabric_protos.common.ledger_pb2 import BlockchainInfo
from fabric_protos.gateway.gateway_pb2 import (
    ChaincodeEventsRequest,
    ChaincodeEventsResponse,
    SignedChaincodeEventsRequest,
)
from fabric_protos.peer.events_pb2 import BlockAndPrivateData, DeliverResponse, FilteredBlock
from google.protobuf.message import DecodeError, Message

from hlf.effects import Flow, Session
from hlf.errors import ConfigurationError, EvaluateError, EventError
from hlf.flows import ContractFlows, sign_message
from hlf.identity import digest
from hlf.wire.deliver import (
    ENDLESS,
    Position,
    position_of,
    read_seek,
    seek_payload,
    seek_position,
    status_name,
)

E = TypeVar("E")

_CHAINCODE_EVENTS = "/gateway.Gateway/ChaincodeEvents"
_BLOCKS = "/protos.Deliver/Deliver"
_ORDERER_BLOCKS = "/orderer.AtomicBroadcast/Deliver"
_FILTERED = "/protos.Deliver/DeliverFiltered"
_PRIVATE = "/protos.Deliver/DeliverWithPrivateData"


@dataclass(frozen=True, slots=True)
class ChaincodeEvent:
    """An event that a valid transaction emitted."""

    block_number: int
    transaction_id: str
    chaincode: str
    name: str
    payload: bytes


class Subscription(ABC, Generic[E]):
    """A stream that can be opened, and opened again where it broke off.

    ``method`` is the RPC, ``response`` the class of its answers; ``bidirectional`` says whether the RPC takes
    a stream of requests, ``any_peer`` whether another peer of the organization will do as well. A
    subscription built from bytes with a signature asks just that once.
    """

    method: str
    response: type[Message]
    bidirectional: bool
    any_peer = True

    def __init__(self, session: Session, channel: str, signature: builtins.bytes = b"") -> None:
        self._session = session
        self._channel = channel
        self._message = b""
        self._signature = signature
        self._next: int | None = None
        # A start that means another block at each opening, until it is anchored or a block has come.
        self._floating: Position | None = None

    @property
    def session(self) -> Session:
        """Whose stream it is."""
        return self._session

    @property
    def channel(self) -> str:
        """The channel's name."""
        return self._channel

    @property
    def message(self) -> builtins.bytes:
        """What the signature covers."""
        return self._message

    def digest(self) -> builtins.bytes:
        """Return the hash that an offline signer signs."""
        return digest(self._message, self._session.hash)

    def bytes(self) -> builtins.bytes:
        """Return the request, serialized; the other SDKs read it too."""
        return self._request(self._signature).SerializeToString()

    @property
    def resumable(self) -> bool:
        """Whether the stream can be opened again: not with a signature made elsewhere."""
        return not self._signature

    @property
    def exhausted(self) -> bool:
        """Whether everything that was asked for has been decoded."""
        return False

    @property
    def finished(self) -> bool:
        """Whether the peer has said that it has sent everything."""
        return False

    def interrupted(self) -> None:
        """The stream broke off; it may be opened again."""

    def anchor(self) -> Flow[None]:
        """Turn a start at the next or newest block into its number, so that a reconnect can lose nothing."""
        if self._next is None and self._floating in ("next", "newest"):
            info = ContractFlows(self._session, self._channel, "qscc").evaluate("GetChainInfo", self._channel)
            try:
                height = BlockchainInfo.FromString((yield from info)).height
                self._next = height - (self._floating == "newest")
            except DecodeError as error:
                raise EventError("the peer's answer about the channel's height cannot be read") from error
            except EvaluateError as error:
                # What the peer's qscc refuses it refuses again; what did not reach it may yet.
                raise EventError(
                    f"the channel's height cannot be read: {error.message}",
                    code="" if error.chaincode_message else error.code,
                    status="FORBIDDEN" if "access denied" in error.chaincode_message else "",
                    details=error.details,
                    hint=error.hint or "to reconnect without it, name the block to start with",
                ) from error

    def open(self) -> Flow[Message]:
        """Return the signed request for the stream, going on after what was decoded last."""
        if self._signature:
            return self._request(self._signature)
        if self._next is not None:
            self._message = self._message_from(self._next)
        return self._request((yield from sign_message(self._session, self._message)))

    @abstractmethod
    def decode(self, answer: Any) -> Iterator[E]:
        """Yield the events of one answer; EventError when the peer ends the stream with a refusal."""

    @abstractmethod
    def _request(self, signature: builtins.bytes) -> Message:
        """The request as it goes out, with this signature."""

    @abstractmethod
    def _message_from(self, position: Position) -> builtins.bytes:
        """What is signed to start at a position."""


class ChaincodeEvents(Subscription[ChaincodeEvent]):
    """Events of one chaincode on one channel.

    Starts with ``start_block``, or with the next block. ``after_transaction_id`` skips what came before and
    with that transaction in ``start_block``; the skipping is done here, since a peer that is asked to skip a
    transaction without an event stays silent for ever.
    """

    method = _CHAINCODE_EVENTS
    response = ChaincodeEventsResponse
    bidirectional = False

    def __init__(
        self,
        session: Session,
        channel: str,
        chaincode: str,
        *,
        start_block: int | None = None,
        after_transaction_id: str | None = None,
    ) -> None:
        super().__init__(session, channel)
        self._chaincode = chaincode
        self._skip_block = start_block
        self._skip_to = after_transaction_id
        self._floating = "next" if start_block is None else None
        self._message = self._message_from("next" if start_block is None else start_block)

    @classmethod
    def from_bytes(
        cls, session: Session, data: builtins.bytes, signature: builtins.bytes = b""
    ) -> ChaincodeEvents:
        """Rebuild a request from its bytes, with a signature made elsewhere."""
        try:
            signed = SignedChaincodeEventsRequest.FromString(data)
            request = ChaincodeEventsRequest.FromString(signed.request)
        except DecodeError as error:
            raise ConfigurationError("these are not the bytes of a chaincode events request") from error
        start = position_of(request.start_position)
        events = cls(session, request.channel_id, request.chaincode_id)
        events._floating = start
        if isinstance(start, int):
            events._skip_block, events._skip_to = start, request.after_transaction_id
            events._next = start
        events._message, events._signature = signed.request, signature or signed.signature
        return events

    def decode(self, answer: Any) -> Iterator[ChaincodeEvent]:
        """Yield the events of one block."""
        number: int = answer.block_number
        items = list(answer.events)
        if self._skip_to and number == self._skip_block:
            seen = [item.tx_id for item in items]
            if self._skip_to in seen:
                items = items[len(seen) - seen[::-1].index(self._skip_to) :]
        for item in items:
            # Set before handing out: whoever has the event must not get it again after a reconnect.
            self._skip_block, self._skip_to, self._next = number, item.tx_id, number
            yield ChaincodeEvent(number, item.tx_id, item.chaincode_id, item.event_name, item.payload)

    def _request(self, signature: builtins.bytes) -> Message:
        return SignedChaincodeEventsRequest(request=self._message, signature=signature)

    def _message_from(self, position: Position) -> builtins.bytes:
        return ChaincodeEventsRequest(
            channel_id=self._channel,
            chaincode_id=self._chaincode,
            identity=self._session.identity.serialized(),
            start_position=seek_position(position),
        ).SerializeToString()


class _Deliver(Subscription[E]):
    response = DeliverResponse
    bidirectional = True
    _kind: str

    def __init__(
        self,
        session: Session,
        channel: str,
        *,
        start: Position = "next",
        stop: Position = ENDLESS,
        tls_cert_hash: builtins.bytes = b"",
    ) -> None:
        super().__init__(session, channel)
        self._stop: Position = stop
        self._tls_cert_hash = tls_cert_hash
        self._floating = start
        self._finished = False
        self._message = self._message_from(start)

    @classmethod
    def from_bytes(cls, session: Session, data: builtins.bytes, signature: builtins.bytes = b"") -> Self:
        """Rebuild a request from its bytes, with a signature made elsewhere."""
        try:
            envelope = Envelope.FromString(data)
            head, _signer, seek = read_seek(envelope.payload)
        except DecodeError as error:
            raise ConfigurationError("these are not the bytes of a block request") from error
        start, stop = position_of(seek.start), position_of(seek.stop)
        blocks = cls(session, head.channel_id, start=start, stop=stop, tls_cert_hash=head.tls_cert_hash)
        blocks._message, blocks._signature = envelope.payload, signature or envelope.signature
        return blocks

    @property
    def exhausted(self) -> bool:
        """Whether the stop position has been passed."""
        return isinstance(self._stop, int) and self._next is not None and self._next > self._stop

    @property
    def finished(self) -> bool:
        """Whether the peer has said that it has sent everything."""
        return self._finished

    def decode(self, answer: Any) -> Iterator[E]:
        """Yield the block of one answer."""
        kind = answer.WhichOneof("Type")
        if kind == "status":
            name = status_name(answer.status)
            if name != "SUCCESS":
                raise EventError(
                    f"the peer ended the block stream: {name}", status=name, hint=_HINTS.get(name, "")
                )
            self._finished = True
            return
        if kind != self._kind:
            raise EventError(f"the peer answered {kind} where {self._kind} was asked for")
        item = getattr(answer, kind)
        self._next = self._number(item) + 1
        yield item

    def _number(self, item: Any) -> int:
        return int(item.header.number)

    def _request(self, signature: builtins.bytes) -> Message:
        return Envelope(payload=self._message, signature=signature)

    def _message_from(self, position: Position) -> builtins.bytes:
        return seek_payload(
            self._session.identity,
            self._channel,
            position,
            self._stop,
            timestamp_ns=self._session.time_ns(),
            nonce=self._session.nonce(),
            tls_cert_hash=self._tls_cert_hash,
        )


class Blocks(_Deliver[Block]):
    """Whole blocks."""

    method = _BLOCKS
    _kind = "block"


class OrdererBlocks(Blocks):
    """Whole blocks from an orderer (orderer.AtomicBroadcast), not validated: for its operators."""

    method = _ORDERER_BLOCKS


class FilteredBlocks(_Deliver[FilteredBlock]):
    """Blocks reduced to transaction ids, validation codes and event names."""

    method = _FILTERED
    _kind = "filtered_block"

    def _number(self, item: Any) -> int:
        return int(item.number)


class PrivateBlocks(_Deliver[BlockAndPrivateData]):
    """Blocks with the private data that the client's organization may see."""

    method = _PRIVATE
    _kind = "block_and_private_data"

    def _number(self, item: Any) -> int:
        return int(item.block.header.number)


_HINTS = {
    "FORBIDDEN": "the identity may not listen on this channel, or its certificate has expired",
    "NOT_FOUND": "the peer does not know the channel, or the start lies beyond its newest block",
    "BAD_REQUEST": "clock 15 minutes off, stop before start, or a TLS certificate of another client",
}
