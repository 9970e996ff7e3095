"""Blocks as orderers write them (SmartBFT: assembler.go, signer.go; Raft: multichannel/blockwriter.go)."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fabric_protos.common import common_pb2

from hlf.identity import SigningIdentity

_SLOTS = 5


@dataclass(frozen=True)
class ViewMetadata:
    """smartbftprotos.ViewMetadata: view_id = 1, latest_sequence = 2, decisions_in_view = 3."""

    view_id: int
    latest_sequence: int
    decisions_in_view: int

    def encode(self) -> bytes:
        """The message's bytes; zero fields are left out, as proto3 has it."""
        encoded = b""
        for number, value in enumerate((self.view_id, self.latest_sequence, self.decisions_in_view), start=1):
            if value:
                encoded += bytes((number << 3,)) + _varint(value)
        return encoded


def header_bytes(header: common_pb2.BlockHeader) -> bytes:
    """DER SEQUENCE {INTEGER number, OCTET STRING previous, OCTET STRING data} (blockutils.go:48)."""
    length = header.number.bit_length() // 8 + 1
    body = (
        _der(0x02, header.number.to_bytes(length, "big"))
        + _der(0x04, header.previous_hash)
        + _der(0x04, header.data_hash)
    )
    return _der(0x30, body)


def header_hash(header: common_pb2.BlockHeader) -> bytes:
    """SHA-256 of the header's DER."""
    return hashlib.sha256(header_bytes(header)).digest()


def data_hash(transactions: Sequence[bytes]) -> bytes:
    """SHA-256 over the concatenated transactions."""
    return hashlib.sha256(b"".join(transactions)).digest()


def last_config_index(block: common_pb2.Block) -> int:
    """The number of the configuration block in force at ``block``."""
    if block.header.number == 0 or len(block.metadata.metadata) <= common_pb2.SIGNATURES:
        return 0
    metadata = common_pb2.Metadata.FromString(block.metadata.metadata[common_pb2.SIGNATURES])
    return common_pb2.OrdererBlockMetadata.FromString(metadata.value).last_config.index


def assemble_block(
    *,
    previous: common_pb2.BlockHeader,
    transactions: Sequence[bytes],
    last_config: int,
    consenter_metadata: bytes,
    signers: Sequence[tuple[int | None, SigningIdentity]],
    nonce: Callable[[], bytes],
) -> common_pb2.Block:
    """The block after ``previous``.

    A signer's consenter id names it (BFT), where it has one; else a signature header does (Raft).
    """
    block = common_pb2.Block()
    block.header.number = previous.number + 1
    block.header.previous_hash = header_hash(previous)
    block.header.data_hash = data_hash(transactions)
    block.data.data.extend(transactions)
    index = common_pb2.LastConfig(index=last_config)
    value = common_pb2.OrdererBlockMetadata(
        last_config=index, consenter_metadata=consenter_metadata
    ).SerializeToString()
    metadata = common_pb2.Metadata(value=value)
    header = header_bytes(block.header)
    for number, identity in signers:
        signature = metadata.signatures.add()
        if number is not None:
            identifier = common_pb2.IdentifierHeader(identifier=number, nonce=nonce()).SerializeToString()
            signature.identifier_header = identifier
            signature.signature = identity.sign(value + identifier + header)
        else:
            creator = common_pb2.SignatureHeader(
                creator=identity.serialized(), nonce=nonce()
            ).SerializeToString()
            signature.signature_header = creator
            signature.signature = identity.sign(value + creator + header)
    slots = [b""] * _SLOTS
    slots[common_pb2.SIGNATURES] = metadata.SerializeToString()
    slots[common_pb2.LAST_CONFIG] = common_pb2.Metadata(value=index.SerializeToString()).SerializeToString()
    block.metadata.metadata.extend(slots)
    return block


def _der(tag: int, content: bytes) -> bytes:
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
