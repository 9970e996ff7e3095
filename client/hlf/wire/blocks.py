"""Blocks: their hashes, what signs them, and their contents as typed records.

Source: common/common.proto, peer/transaction.proto, ledger/rwset; hashes as in Fabric's
protoutil/blockutils.go.
Decoding never fails on what a committed block may hold: Fabric keeps malformed transactions in their
blocks, marked invalid, and so does `decode_block`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)
from google.protobuf.message import DecodeError

from hlf.wire.records import (
    BlockSignature,
    CollectionSet,
    Creator,
    DecodedBlock,
    DecodedTransaction,
    Event,
    HashedRead,
    HashedWrite,
    MetadataWrite,
    NamespaceSet,
    PrivateSet,
    RangeRead,
    Read,
    Response,
    Version,
    Write,
)

_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def header_bytes(header: common_pb2.BlockHeader) -> bytes:
    """A block header in DER, SEQUENCE{INTEGER number, OCTETS previous, OCTETS data}: what is hashed."""
    number = header.number.to_bytes(header.number.bit_length() // 8 + 1, "big")
    content = _der(_INTEGER, number) + _der(_OCTETS, header.previous_hash) + _der(_OCTETS, header.data_hash)
    return _der(_SEQUENCE, content)


def header_hash(header: common_pb2.BlockHeader) -> bytes:
    """SHA-256 of the header: the next block's previous hash."""
    return hashlib.sha256(header_bytes(header)).digest()


def data_hash(data: common_pb2.BlockData) -> bytes:
    """SHA-256 of the transactions, concatenated: the header's data hash."""
    return hashlib.sha256(b"".join(data.data)).digest()


def signed_bytes(
    metadata: common_pb2.Metadata, signature: common_pb2.MetadataSignature, header: common_pb2.BlockHeader
) -> bytes:
    """What an orderer signed: metadata value, its signature header (BFT: identifier header), block header."""
    return metadata.value + (signature.identifier_header or signature.signature_header) + header_bytes(header)


def block_metadata(block: common_pb2.Block, index: int) -> bytes:
    """One slot of a block's metadata; empty when it has none there (an orderer's block: no filter)."""
    slots = block.metadata.metadata
    return slots[index] if index < len(slots) else b""


def signatures_metadata(block: common_pb2.Block) -> common_pb2.Metadata:
    """The orderers' signatures over a block, with the value they sign."""
    return common_pb2.Metadata.FromString(block_metadata(block, common_pb2.SIGNATURES))


def last_config_index(block: common_pb2.Block) -> int:
    """The number of the config block that governs `block`."""
    value = signatures_metadata(block).value
    if value:
        return common_pb2.OrdererBlockMetadata.FromString(value).last_config.index
    legacy = common_pb2.Metadata.FromString(block_metadata(block, common_pb2.LAST_CONFIG))
    return common_pb2.LastConfig.FromString(legacy.value).index


def chain_problem(previous: common_pb2.Block | None, block: common_pb2.Block) -> str:
    """Why `block` cannot follow `previous` (None: it must be block 0); empty when it can."""
    if data_hash(block.data) != block.header.data_hash:
        return f"block {block.header.number}: data hash does not match its transactions"
    expected = previous.header.number + 1 if previous is not None else 0
    if block.header.number != expected:
        return f"block {block.header.number}: expected number {expected}"
    if previous is not None and block.header.previous_hash != header_hash(previous.header):
        return f"block {block.header.number}: previous hash does not match block {previous.header.number}"
    return ""


def _code_name(code: int) -> str:
    try:
        return transaction_pb2.TxValidationCode.Name(transaction_pb2.TxValidationCode.ValueType(code))
    except ValueError:
        return str(code)


def _creator(serialized: bytes) -> Creator | None:
    if not serialized:
        return None
    identity = identities_pb2.SerializedIdentity.FromString(serialized)
    return Creator(identity.mspid, identity.id_bytes)


def _version(message: kv_rwset_pb2.KVRead | kv_rwset_pb2.KVReadHash) -> Version | None:
    if not message.HasField("version"):
        return None
    return Version(message.version.block_num, message.version.tx_num)


def _read(message: kv_rwset_pb2.KVRead) -> Read:
    return Read(message.key, _version(message))


def _entries(entries: Sequence[kv_rwset_pb2.KVMetadataEntry]) -> tuple[tuple[str, bytes], ...]:
    return tuple((entry.name, entry.value) for entry in entries)


def _writes(rwset: kv_rwset_pb2.KVRWSet) -> tuple[Write, ...]:
    return tuple(Write(write.key, write.value, write.is_delete) for write in rwset.writes)


def _metadata_writes(rwset: kv_rwset_pb2.KVRWSet) -> tuple[MetadataWrite, ...]:
    return tuple(MetadataWrite(write.key, _entries(write.entries)) for write in rwset.metadata_writes)


def _range(message: kv_rwset_pb2.RangeQueryInfo) -> RangeRead:
    return RangeRead(
        start=message.start_key,
        end=message.end_key,
        exhausted=message.itr_exhausted,
        reads=tuple(_read(read) for read in message.raw_reads.kv_reads),
        merkle_hashes=tuple(message.reads_merkle_hashes.max_level_hashes),
    )


def _collection(message: rwset_pb2.CollectionHashedReadWriteSet) -> CollectionSet:
    hashed = kv_rwset_pb2.HashedRWSet.FromString(message.hashed_rwset)
    return CollectionSet(
        name=message.collection_name,
        reads=tuple(HashedRead(read.key_hash, _version(read)) for read in hashed.hashed_reads),
        writes=tuple(
            HashedWrite(write.key_hash, write.value_hash, write.is_delete, write.is_purge)
            for write in hashed.hashed_writes
        ),
        metadata_writes=tuple(
            MetadataWrite(write.key_hash.hex(), _entries(write.entries)) for write in hashed.metadata_writes
        ),
        private_hash=message.pvt_rwset_hash,
    )


def decode_rwset(results: bytes) -> tuple[NamespaceSet, ...]:
    """The read-write sets of a transaction (a serialized TxReadWriteSet), one for each namespace."""
    found = []
    for namespace in rwset_pb2.TxReadWriteSet.FromString(results).ns_rwset:
        public = kv_rwset_pb2.KVRWSet.FromString(namespace.rwset)
        found.append(
            NamespaceSet(
                namespace=namespace.namespace,
                reads=tuple(_read(read) for read in public.reads),
                range_reads=tuple(_range(info) for info in public.range_queries_info),
                writes=_writes(public),
                metadata_writes=_metadata_writes(public),
                collections=tuple(_collection(each) for each in namespace.collection_hashed_rwset),
            )
        )
    return tuple(found)


def decode_private_rwset(message: rwset_pb2.TxPvtReadWriteSet) -> tuple[PrivateSet, ...]:
    """One transaction's private data, as a block-and-private-data stream gives it to members."""
    found = []
    for namespace in message.ns_pvt_rwset:
        for collection in namespace.collection_pvt_rwset:
            rwset = kv_rwset_pb2.KVRWSet.FromString(collection.rwset)
            found.append(
                PrivateSet(
                    namespace=namespace.namespace,
                    collection=collection.collection_name,
                    writes=_writes(rwset),
                    metadata_writes=_metadata_writes(rwset),
                )
            )
    return tuple(found)


@dataclass(frozen=True)
class _Action:
    """The part of a transaction that a chaincode made."""

    chaincode: str
    version: str
    args: tuple[bytes, ...]
    response: Response
    event: Event | None
    endorsers: tuple[str, ...]
    rwset: tuple[NamespaceSet, ...]


def _action(payload: bytes) -> _Action | None:
    actions = transaction_pb2.Transaction.FromString(payload).actions
    if not actions:
        return None
    # Fabric has admitted exactly one action since 1.0.
    action = transaction_pb2.ChaincodeActionPayload.FromString(actions[0].payload)
    proposal = proposal_pb2.ChaincodeProposalPayload.FromString(action.chaincode_proposal_payload)
    invocation = chaincode_pb2.ChaincodeInvocationSpec.FromString(proposal.input)
    endorsed = proposal_response_pb2.ProposalResponsePayload.FromString(
        action.action.proposal_response_payload
    )
    outcome = proposal_pb2.ChaincodeAction.FromString(endorsed.extension)
    event = chaincode_event_pb2.ChaincodeEvent.FromString(outcome.events)
    endorsers = [
        identities_pb2.SerializedIdentity.FromString(each.endorser).mspid
        for each in action.action.endorsements
    ]
    return _Action(
        chaincode=outcome.chaincode_id.name or invocation.chaincode_spec.chaincode_id.name,
        version=outcome.chaincode_id.version,
        args=tuple(invocation.chaincode_spec.input.args),
        response=Response(outcome.response.status, outcome.response.message, outcome.response.payload),
        event=Event(event.event_name, event.payload) if event.event_name else None,
        endorsers=tuple(endorsers),
        rwset=decode_rwset(outcome.results),
    )


def decode_transaction(envelope: bytes, *, index: int = 0, code: int = 254) -> DecodedTransaction:
    """One envelope of a block; `code` is its byte of the transactions filter (254: not validated).

    What cannot be read leaves the rest of the record empty and says why in `problem`.
    """
    record = DecodedTransaction(index=index, validation_code=_code_name(code))
    try:
        payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        signature_header = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
        record = record.replace(
            type=_type_name(header.type),
            transaction_id=header.tx_id,
            channel=header.channel_id,
            timestamp_ns=header.timestamp.seconds * 1_000_000_000 + header.timestamp.nanos,
            creator=_creator(signature_header.creator),
        )
        if header.type != common_pb2.ENDORSER_TRANSACTION:
            return record
        action = _action(payload.data)
    except DecodeError as error:
        return record.replace(problem=f"unreadable: {error}")
    return record if action is None else record.replace(**vars(action))


def _type_name(number: int) -> str:
    try:
        return common_pb2.HeaderType.Name(common_pb2.HeaderType.ValueType(number))
    except ValueError:
        return str(number)


def _block_signatures(block: common_pb2.Block) -> Iterator[BlockSignature]:
    for signature in signatures_metadata(block).signatures:
        if signature.identifier_header:
            header = common_pb2.IdentifierHeader.FromString(signature.identifier_header)
            yield BlockSignature(consenter=header.identifier, creator=None, signature=signature.signature)
        else:
            plain = common_pb2.SignatureHeader.FromString(signature.signature_header)
            yield BlockSignature(
                consenter=None, creator=_creator(plain.creator), signature=signature.signature
            )


def decode_block(block: common_pb2.Block) -> DecodedBlock:
    """A block as typed records; transactions of a block from an orderer are NOT_VALIDATED.

    Raises google.protobuf.message.DecodeError when the block's own metadata cannot be read.
    """
    codes = block_metadata(block, common_pb2.TRANSACTIONS_FILTER)
    commit = common_pb2.Metadata.FromString(block_metadata(block, common_pb2.COMMIT_HASH))
    return DecodedBlock(
        number=block.header.number,
        hash=header_hash(block.header),
        previous_hash=block.header.previous_hash,
        data_hash=block.header.data_hash,
        last_config=last_config_index(block),
        commit_hash=commit.value,
        signatures=tuple(_block_signatures(block)),
        transactions=tuple(
            decode_transaction(envelope, index=index, code=codes[index] if index < len(codes) else 254)
            for index, envelope in enumerate(block.data.data)
        ),
    )
