"""Read-write sets: what a simulation collects, and what a transaction states."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from google.protobuf.message import DecodeError

from hlf_emulator.ledger.range_hashes import summarize
from hlf_emulator.ledger.state import Version

Metadata = Mapping[str, bytes]
M = TypeVar("M")


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def key_hash(key: str) -> bytes:
    """SHA-256 of the key's UTF-8 bytes, as hashed read-write sets name keys."""
    return sha256(key.encode())


@dataclass
class CollectionHashes:
    """The hashed side of one collection in a transaction."""

    name: str
    hashed: kv_rwset_pb2.HashedRWSet
    private_hash: bytes

    @property
    def writes_anything(self) -> bool:
        return bool(self.hashed.hashed_writes or self.hashed.metadata_writes)


@dataclass
class NamespaceSet:
    """One chaincode's reads and writes in a transaction."""

    namespace: str
    public: kv_rwset_pb2.KVRWSet
    collections: list[CollectionHashes]

    @property
    def writes_anything(self) -> bool:
        return bool(
            self.public.writes
            or self.public.metadata_writes
            or any(collection.writes_anything for collection in self.collections)
        )


def parse_rwset(encoded: bytes) -> list[NamespaceSet]:
    """Decode a `TxReadWriteSet`. Raises DecodeError."""
    message = rwset_pb2.TxReadWriteSet.FromString(encoded)
    return [
        NamespaceSet(
            part.namespace,
            kv_rwset_pb2.KVRWSet.FromString(part.rwset),
            [
                CollectionHashes(
                    collection.collection_name,
                    kv_rwset_pb2.HashedRWSet.FromString(collection.hashed_rwset),
                    collection.pvt_rwset_hash,
                )
                for collection in part.collection_hashed_rwset
            ],
        )
        for part in message.ns_rwset
    ]


def version_of(message: kv_rwset_pb2.KVRead | kv_rwset_pb2.KVReadHash) -> Version | None:
    """The version a read saw; None when the key did not exist."""
    if not message.HasField("version"):
        return None
    return Version(message.version.block_num, message.version.tx_num)


def metadata_of(
    message: kv_rwset_pb2.KVMetadataWrite | kv_rwset_pb2.KVMetadataWriteHash,
) -> tuple[tuple[str, bytes], ...]:
    return tuple((entry.name, entry.value) for entry in message.entries)


def version_message(version: Version | None) -> kv_rwset_pb2.Version | None:
    return (
        None if version is None else kv_rwset_pb2.Version(block_num=version.block, tx_num=version.transaction)
    )


def _entries(metadata: Metadata) -> list[kv_rwset_pb2.KVMetadataEntry]:
    return [kv_rwset_pb2.KVMetadataEntry(name=name, value=metadata[name]) for name in sorted(metadata)]


@dataclass
class _Collection:
    reads: dict[str, kv_rwset_pb2.KVReadHash] = field(default_factory=dict)
    hashed_writes: dict[str, kv_rwset_pb2.KVWriteHash] = field(default_factory=dict)
    hashed_metadata: dict[str, kv_rwset_pb2.KVMetadataWriteHash] = field(default_factory=dict)
    writes: dict[str, kv_rwset_pb2.KVWrite] = field(default_factory=dict)
    metadata: dict[str, kv_rwset_pb2.KVMetadataWrite] = field(default_factory=dict)

    def private(self) -> bytes:
        """The encoded private write set; empty when nothing was written."""
        if not self.writes and not self.metadata:
            return b""
        return kv_rwset_pb2.KVRWSet(
            writes=_sorted(self.writes), metadata_writes=_sorted(self.metadata)
        ).SerializeToString()

    def hashed(self) -> bytes:
        return kv_rwset_pb2.HashedRWSet(
            hashed_reads=_sorted(self.reads),
            hashed_writes=_sorted(self.hashed_writes),
            metadata_writes=_sorted(self.hashed_metadata),
        ).SerializeToString()


@dataclass
class _Namespace:
    reads: dict[str, kv_rwset_pb2.KVRead] = field(default_factory=dict)
    writes: dict[str, kv_rwset_pb2.KVWrite] = field(default_factory=dict)
    metadata: dict[str, kv_rwset_pb2.KVMetadataWrite] = field(default_factory=dict)
    ranges: dict[tuple[str, str, bool], kv_rwset_pb2.RangeQueryInfo] = field(default_factory=dict)
    collections: dict[str, _Collection] = field(default_factory=dict)


class RwSetBuilder:
    """Collects what a simulation reads and writes; the encoding is Fabric's, keys sorted."""

    def __init__(self) -> None:
        self._namespaces: dict[str, _Namespace] = {}

    def _namespace(self, namespace: str) -> _Namespace:
        return self._namespaces.setdefault(namespace, _Namespace())

    def _collection(self, namespace: str, collection: str) -> _Collection:
        return self._namespace(namespace).collections.setdefault(collection, _Collection())

    def read(self, namespace: str, key: str, version: Version | None) -> None:
        self._namespace(namespace).reads[key] = kv_rwset_pb2.KVRead(key=key, version=version_message(version))

    def write(self, namespace: str, key: str, value: bytes) -> None:
        """An empty value deletes, as on the wire."""
        self._namespace(namespace).writes[key] = kv_rwset_pb2.KVWrite(
            key=key, is_delete=not value, value=value
        )

    def write_metadata(self, namespace: str, key: str, metadata: Metadata) -> None:
        self._namespace(namespace).metadata[key] = kv_rwset_pb2.KVMetadataWrite(
            key=key, entries=_entries(metadata)
        )

    def range_query(
        self, namespace: str, start: str, end: str, exhausted: bool, reads: list[tuple[str, Version]]
    ) -> None:
        info = kv_rwset_pb2.RangeQueryInfo(start_key=start, end_key=end, itr_exhausted=exhausted)
        listed = [kv_rwset_pb2.KVRead(key=key, version=version_message(version)) for key, version in reads]
        summary = summarize(listed)
        if listed and summary is None:
            info.raw_reads.kv_reads.extend(listed)
        elif summary is not None:
            info.reads_merkle_hashes.CopyFrom(summary)
        self._namespace(namespace).ranges.setdefault((start, end, exhausted), info)

    def read_hash(self, namespace: str, collection: str, key: str, version: Version | None) -> None:
        self._collection(namespace, collection).reads[key] = kv_rwset_pb2.KVReadHash(
            key_hash=key_hash(key), version=version_message(version)
        )

    def write_private(
        self, namespace: str, collection: str, key: str, value: bytes, *, purge: bool = False
    ) -> None:
        """An empty value deletes; `purge` also asks peers to forget earlier values."""
        target = self._collection(namespace, collection)
        target.writes[key] = kv_rwset_pb2.KVWrite(key=key, is_delete=not value, value=value)
        target.hashed_writes[key] = kv_rwset_pb2.KVWriteHash(
            key_hash=key_hash(key),
            is_delete=not value,
            value_hash=sha256(value) if value else b"",
            is_purge=purge,
        )

    def write_private_metadata(self, namespace: str, collection: str, key: str, metadata: Metadata) -> None:
        target = self._collection(namespace, collection)
        target.metadata[key] = kv_rwset_pb2.KVMetadataWrite(key=key)
        target.hashed_metadata[key] = kv_rwset_pb2.KVMetadataWriteHash(
            key_hash=key_hash(key), entries=_entries(metadata)
        )

    def namespaces(self) -> list[str]:
        """The chaincodes that were read or written."""
        return sorted(self._namespaces)

    def private(self) -> rwset_pb2.TxPvtReadWriteSet | None:
        """The private write sets, or None when there are none."""
        if not any(content.collections for content in self._namespaces.values()):
            return None
        result = rwset_pb2.TxPvtReadWriteSet(data_model=rwset_pb2.TxReadWriteSet.KV)
        for name in sorted(self._namespaces):
            written = [
                rwset_pb2.CollectionPvtReadWriteSet(collection_name=collection, rwset=encoded)
                for collection, content in sorted(self._namespaces[name].collections.items())
                if (encoded := content.private())
            ]
            if written:
                result.ns_pvt_rwset.add(namespace=name, collection_pvt_rwset=written)
        return result if result.ns_pvt_rwset else None

    def public(self) -> bytes:
        """The encoded `TxReadWriteSet`, hashes of private data included."""
        result = rwset_pb2.TxReadWriteSet(data_model=rwset_pb2.TxReadWriteSet.KV)
        for name in sorted(self._namespaces):
            content = self._namespaces[name]
            public = kv_rwset_pb2.KVRWSet(
                reads=_sorted(content.reads),
                range_queries_info=list(content.ranges.values()),
                writes=_sorted(content.writes),
                metadata_writes=_sorted(content.metadata),
            )
            part = result.ns_rwset.add(namespace=name, rwset=public.SerializeToString())
            for collection in sorted(content.collections):
                hashes = content.collections[collection]
                private = hashes.private()
                part.collection_hashed_rwset.add(
                    collection_name=collection,
                    hashed_rwset=hashes.hashed(),
                    pvt_rwset_hash=sha256(private) if private else b"",
                )
        return result.SerializeToString()


def _sorted(entries: dict[str, M]) -> list[M]:
    return [entries[key] for key in sorted(entries)]


def parse_private(encoded: bytes) -> kv_rwset_pb2.KVRWSet:
    """Decode one collection's private write set; an undecodable one counts as empty."""
    try:
        return kv_rwset_pb2.KVRWSet.FromString(encoded)
    except DecodeError:
        return kv_rwset_pb2.KVRWSet()
