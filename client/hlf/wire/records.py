"""The typed records that `hlf.wire.blocks` decodes blocks into, and their JSON form.

In JSON, hashes are hex; arguments, values and payloads are text where they are printable UTF-8, otherwise
`{"base64": …}`; a key-level endorsement policy is shown as its rule.
"""

from __future__ import annotations

import base64
import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fabric_protos.common import policies_pb2
from google.protobuf.message import DecodeError

from hlf.wire.policy import format_policy

# The metadata entry under which Fabric keeps a key's own endorsement policy.
VALIDATION_PARAMETER = "VALIDATION_PARAMETER"


@dataclass(frozen=True)
class Version:
    """Where a value was written: block and position of the transaction in it."""

    block: int
    transaction: int


@dataclass(frozen=True)
class Read:
    """A key that was read; no version when it did not exist."""

    key: str
    version: Version | None


@dataclass(frozen=True)
class RangeRead:
    """A range that was read: its keys, or the Merkle hashes of a long result."""

    start: str
    end: str
    exhausted: bool
    reads: tuple[Read, ...]
    merkle_hashes: tuple[bytes, ...]


@dataclass(frozen=True)
class Write:
    """A write of a public value, or of a private one in clear."""

    key: str
    value: bytes
    is_delete: bool


@dataclass(frozen=True)
class MetadataWrite:
    """A change of a key's metadata; `key` is the hash in hex when the key is private."""

    key: str
    entries: tuple[tuple[str, bytes], ...]

    @property
    def policy(self) -> policies_pb2.SignaturePolicyEnvelope | None:
        """The key-level endorsement policy that is set, if this entry sets one."""
        for name, value in self.entries:
            if name == VALIDATION_PARAMETER and value:
                try:
                    return policies_pb2.SignaturePolicyEnvelope.FromString(value)
                except DecodeError:
                    return None
        return None


@dataclass(frozen=True)
class HashedRead:
    """A private key that was read, by its SHA-256."""

    key_hash: bytes
    version: Version | None


@dataclass(frozen=True)
class HashedWrite:
    """A private write, by the SHA-256 of key and value."""

    key_hash: bytes
    value_hash: bytes
    is_delete: bool
    is_purge: bool


@dataclass(frozen=True)
class CollectionSet:
    """What a block shows of one private collection."""

    name: str
    reads: tuple[HashedRead, ...]
    writes: tuple[HashedWrite, ...]
    metadata_writes: tuple[MetadataWrite, ...]
    private_hash: bytes


@dataclass(frozen=True)
class PrivateSet:
    """The private writes of a transaction in one collection, in clear, as its members receive them."""

    namespace: str
    collection: str
    writes: tuple[Write, ...]
    metadata_writes: tuple[MetadataWrite, ...]


@dataclass(frozen=True)
class NamespaceSet:
    """Reads and writes in one chaincode's namespace."""

    namespace: str
    reads: tuple[Read, ...]
    range_reads: tuple[RangeRead, ...]
    writes: tuple[Write, ...]
    metadata_writes: tuple[MetadataWrite, ...]
    collections: tuple[CollectionSet, ...]


@dataclass(frozen=True)
class Creator:
    """Who sent a transaction: MSP id and certificate in PEM."""

    msp_id: str
    certificate: bytes


@dataclass(frozen=True)
class Response:
    """The chaincode's answer."""

    status: int
    message: str
    payload: bytes


@dataclass(frozen=True)
class Event:
    """The chaincode event of a transaction."""

    name: str
    payload: bytes


@dataclass(frozen=True)
class BlockSignature:
    """An orderer's signature: a BFT consenter's id, or the creator for Raft."""

    consenter: int | None
    creator: Creator | None
    signature: bytes


@dataclass(frozen=True)
class DecodedTransaction:
    """One transaction of a block. `endorsers` are MSP ids in the order of the endorsements."""

    index: int = 0
    validation_code: str = "NOT_VALIDATED"
    type: str = ""
    transaction_id: str = ""
    channel: str = ""
    timestamp_ns: int = 0
    creator: Creator | None = None
    chaincode: str = ""
    version: str = ""
    args: tuple[bytes, ...] = ()
    response: Response | None = None
    event: Event | None = None
    endorsers: tuple[str, ...] = ()
    rwset: tuple[NamespaceSet, ...] = ()
    problem: str = ""

    @property
    def timestamp(self) -> datetime:
        """The client's clock when it made the transaction, to the microsecond, in UTC.

        OverflowError or ValueError where the client wrote no year from 1 to 9999.
        """
        seconds, nanos = divmod(self.timestamp_ns, 1_000_000_000)
        return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=nanos // 1000)

    def replace(self, **changes: Any) -> DecodedTransaction:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        record: dict[str, Any] = _plain(self)
        try:
            record["timestamp"] = self.timestamp.isoformat()
        except (OverflowError, ValueError, OSError):
            # A committed transaction, invalid ones too, holds whatever its client wrote.
            record["timestamp"] = None
        return record


@dataclass(frozen=True)
class DecodedBlock:
    """A block: `hash` is its header's, `last_config` the number of the config block in force."""

    number: int
    hash: bytes
    previous_hash: bytes
    data_hash: bytes
    last_config: int
    commit_hash: bytes
    signatures: tuple[BlockSignature, ...]
    transactions: tuple[DecodedTransaction, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        record: dict[str, Any] = _plain(self)
        record["transactions"] = [each.to_json() for each in self.transactions]
        return record


_HEX_FIELDS = {
    "hash",
    "previous_hash",
    "data_hash",
    "commit_hash",
    "key_hash",
    "value_hash",
    "private_hash",
    "merkle_hashes",
    "signature",
}


def _bytes(value: bytes, name: str) -> Any:
    if name in _HEX_FIELDS:
        return value.hex()
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}
    if all(character.isprintable() or character in "\n\r\t" for character in text):
        return text
    return {"base64": base64.b64encode(value).decode()}


def _plain(value: Any, name: str = "") -> Any:
    if isinstance(value, MetadataWrite):
        entries = {key: _bytes(each, "") for key, each in value.entries}
        try:
            rule = {} if value.policy is None else {"policy": format_policy(value.policy)}
        except DecodeError:
            # Chaincodes may write any bytes; a policy that cannot be read shows in the entries.
            rule = {}
        return {"key": value.key, "entries": entries, **rule}
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name), each.name) for each in dataclasses.fields(value)}
    if isinstance(value, bytes):
        return _bytes(value, name)
    if isinstance(value, tuple):
        return [_plain(each, name) for each in value]
    return value
