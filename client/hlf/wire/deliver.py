"""Deliver requests (blocks by number) and the answers that end a stream."""

from __future__ import annotations

from typing import Literal

from fabric_protos.common.common_pb2 import (
    BlockMetadataIndex,
    ChannelHeader,
    Envelope,
    Header,
    HeaderType,
    Payload,
    SignatureHeader,
    Status,
)
from fabric_protos.orderer.ab_pb2 import (
    SeekInfo,
    SeekNewest,
    SeekNextCommit,
    SeekOldest,
    SeekPosition,
    SeekSpecified,
)

from hlf.identity import Identity, SigningIdentity
from hlf.wire.proposal import channel_header, header

Position = int | Literal["oldest", "newest", "next"]
"""A block number, or "oldest", "newest" (the last block there is) or "next" (the next one committed)."""

ENDLESS = 2**64 - 1
"""The stop position of a stream that never ends."""


def seek_position(position: Position) -> SeekPosition:
    """Return the protocol's form of a position; ValueError for an unknown word or a negative number."""
    if isinstance(position, int):
        if position < 0:
            raise ValueError(f"block {position} does not exist")
        return SeekPosition(specified=SeekSpecified(number=position))
    if position == "oldest":
        return SeekPosition(oldest=SeekOldest())
    if position == "newest":
        return SeekPosition(newest=SeekNewest())
    if position == "next":
        return SeekPosition(next_commit=SeekNextCommit())
    raise ValueError(f"unknown position {position!r}: a number, oldest, newest or next")


def position_of(position: SeekPosition) -> Position:
    """Return what `seek_position` made a message of; an empty one means the next block, as peers take it."""
    kind = position.WhichOneof("Type")
    if kind == "specified":
        return int(position.specified.number)
    if kind in ("oldest", "newest"):
        return kind
    return "next"


def seek_payload(
    identity: Identity | SigningIdentity,
    channel: str,
    start: Position,
    stop: Position = ENDLESS,
    *,
    timestamp_ns: int,
    nonce: bytes = b"",
    tls_cert_hash: bytes = b"",
    fail_if_not_ready: bool = False,
) -> bytes:
    """Build the payload (serialized common.Payload) to be signed for a Deliver stream."""
    behavior = SeekInfo.FAIL_IF_NOT_READY if fail_if_not_ready else SeekInfo.BLOCK_UNTIL_READY
    seek = SeekInfo(start=seek_position(start), stop=seek_position(stop), behavior=behavior)
    head = header(
        channel_header(
            HeaderType.DELIVER_SEEK_INFO, channel, timestamp_ns=timestamp_ns, tls_cert_hash=tls_cert_hash
        ),
        identity.serialized(),
        nonce,
    )
    return Payload(header=head, data=seek.SerializeToString()).SerializeToString()


def seek_envelope(
    signer: SigningIdentity,
    channel: str,
    start: Position,
    stop: Position = ENDLESS,
    *,
    timestamp_ns: int,
    nonce: bytes = b"",
    tls_cert_hash: bytes = b"",
    fail_if_not_ready: bool = False,
) -> Envelope:
    """Build and sign the request that opens a Deliver stream at a peer or an orderer."""
    payload = seek_payload(
        signer,
        channel,
        start,
        stop,
        timestamp_ns=timestamp_ns,
        nonce=nonce,
        tls_cert_hash=tls_cert_hash,
        fail_if_not_ready=fail_if_not_ready,
    )
    return Envelope(payload=payload, signature=signer.sign(payload))


def read_seek(payload: bytes) -> tuple[ChannelHeader, SignatureHeader, SeekInfo]:
    """Read a seek request's payload."""
    message = Payload.FromString(payload)
    head: Header = message.header
    return (
        ChannelHeader.FromString(head.channel_header),
        SignatureHeader.FromString(head.signature_header),
        SeekInfo.FromString(message.data),
    )


def status_name(status: int) -> str:
    """Return the name in common.Status, e.g. "NOT_FOUND"."""
    try:
        return Status.Name(status)  # type: ignore[arg-type]
    except ValueError:
        return str(status)


def validation_codes(metadata: list[bytes]) -> bytes:
    """Return the block's transaction flags, one byte (peer.TxValidationCode) a transaction."""
    index = int(BlockMetadataIndex.TRANSACTIONS_FILTER)
    return metadata[index] if len(metadata) > index else b""
