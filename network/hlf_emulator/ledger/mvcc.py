"""The last check of a block: versions read against state and earlier transactions; the writes that result."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.peer import transaction_pb2

from hlf_emulator.ledger.range_hashes import summarize
from hlf_emulator.ledger.rwset import NamespaceSet, metadata_of, version_message, version_of
from hlf_emulator.ledger.state import Batch, Entry, Key, Space, State, Version

VALID = transaction_pb2.TxValidationCode.VALID
MVCC_READ_CONFLICT = transaction_pb2.TxValidationCode.MVCC_READ_CONFLICT
PHANTOM_READ_CONFLICT = transaction_pb2.TxValidationCode.PHANTOM_READ_CONFLICT

_HASH_OF_NOTHING = hashlib.sha256(b"").digest()

Metadata = tuple[tuple[str, bytes], ...]

Lifetime = Callable[[str, str], int]
"""(chaincode, collection) -> blocks to live, 0 for ever."""


@dataclass
class Updates:
    """What one block does to public state and hashes, and what private stores must do beside it."""

    batch: Batch
    history: list[tuple[str, str, Version]] = field(default_factory=list)
    purges: dict[tuple[Space, bytes], Version] = field(default_factory=dict)
    """Hashed keys whose earlier private values are to be forgotten, with the purging version."""
    expiring: list[tuple[int, Space, bytes, Version]] = field(default_factory=list)
    """(block at which the write ends, collection, key hash, version)."""
    deletions: dict[tuple[Space, Key], Version] = field(default_factory=dict)
    """Where a transaction removed a key; the commit hash covers it."""


class BlockWriter:
    """Judges the transactions of one block in order and gathers the writes of the valid ones."""

    def __init__(self, state: State, block: int, lifetime: Lifetime) -> None:
        self._state = state
        self._block = block
        self._lifetime = lifetime
        self.updates = Updates(Batch(block))

    def judge(self, transaction: int, sets: Sequence[NamespaceSet]) -> int:
        """The validation code; writes of a valid transaction are taken up."""
        for part in sets:
            public = Space(part.namespace)
            if not all(self._current(public, read.key, version_of(read)) for read in part.public.reads):
                return MVCC_READ_CONFLICT
            if not all(self._same_range(public, info) for info in part.public.range_queries_info):
                return PHANTOM_READ_CONFLICT
            for collection in part.collections:
                space = Space(part.namespace, collection.name)
                for read in collection.hashed.hashed_reads:
                    if not self._current(space, read.key_hash, version_of(read)):
                        return MVCC_READ_CONFLICT
        self.take(transaction, sets)
        return VALID

    def take(self, transaction: int, sets: Sequence[NamespaceSet]) -> None:
        """Write a transaction that is known to be valid."""
        version = Version(self._block, transaction)
        for part in sets:
            self._take_public(part, version)
            for collection in part.collections:
                self._take_hashes(Space(part.namespace, collection.name), collection.hashed, version)

    def expire(self, space: Space, key: bytes, written: Version) -> None:
        """Remove a hash whose time has come, unless it was written again."""
        entry = self._lookup(space, key)
        if entry is not None and entry.version == written and (space, key) not in self.updates.batch.writes:
            self.updates.batch.writes[space, key] = None

    def _lookup(self, space: Space, key: Key) -> Entry | None:
        if (space, key) in self.updates.batch.writes:
            return self.updates.batch.writes[space, key]
        return self._state.get(space, key)

    def _current(self, space: Space, key: Key, seen: Version | None) -> bool:
        if (space, key) in self.updates.batch.writes:
            return False
        entry = self._state.get(space, key)
        return (entry.version if entry else None) == seen

    def _same_range(self, space: Space, info: kv_rwset_pb2.RangeQueryInfo) -> bool:
        now = list(self._range(space, info.start_key, info.end_key, include_end=not info.itr_exhausted))
        if info.WhichOneof("reads_info") == "reads_merkle_hashes":
            stated = info.reads_merkle_hashes
            reads = [kv_rwset_pb2.KVRead(key=key, version=version_message(version)) for key, version in now]
            return summarize(reads, stated.max_degree) == stated
        seen = [(read.key, version_of(read)) for read in info.raw_reads.kv_reads]
        return now == seen

    def _range(
        self, space: Space, start: str, end: str, *, include_end: bool
    ) -> Iterator[tuple[str, Version | None]]:
        # The range excludes its end; a scan that stopped early names the last key it saw.
        bound = end + "\x00" if include_end and end else end
        found = {key: entry.version for key, entry in self._state.range(space, start, bound)}
        for (where, key), entry in self.updates.batch.writes.items():
            if where != space or not isinstance(key, str) or key < start or (bound and key >= bound):
                continue
            if entry is None:
                found.pop(key, None)
            else:
                found[key] = entry.version
        yield from sorted(found.items())

    def _take_public(self, part: NamespaceSet, version: Version) -> None:
        space = Space(part.namespace)
        metadata: dict[Key, Metadata] = {
            write.key: metadata_of(write) for write in part.public.metadata_writes
        }
        for write in part.public.writes:
            self.updates.history.append((part.namespace, write.key, version))
            self._put(space, write.key, write.value if not write.is_delete else b"", metadata, version)
        written = {write.key for write in part.public.writes}
        for key in metadata.keys() - written:
            self._put_metadata(space, key, metadata[key], version)

    def _take_hashes(self, space: Space, hashed: kv_rwset_pb2.HashedRWSet, version: Version) -> None:
        metadata: dict[Key, Metadata] = {
            write.key_hash: metadata_of(write) for write in hashed.metadata_writes
        }
        lifetime = self._lifetime(space.namespace, space.collection)
        for write in hashed.hashed_writes:
            # The hash of nothing deletes too (rwset_proto_util.go, IsKVWriteHashDelete).
            value = b"" if write.is_delete or write.value_hash == _HASH_OF_NOTHING else write.value_hash
            self._put(space, write.key_hash, value, metadata, version)
            if write.is_purge:
                self.updates.purges[space, write.key_hash] = version
            if lifetime:
                self.updates.expiring.append((self._block + lifetime + 1, space, write.key_hash, version))
        written = {write.key_hash for write in hashed.hashed_writes}
        for key in metadata.keys() - written:
            self._put_metadata(space, key, metadata[key], version)
            if lifetime and isinstance(key, bytes):
                self.updates.expiring.append((self._block + lifetime + 1, space, key, version))

    def _put(
        self,
        space: Space,
        key: Key,
        value: bytes,
        metadata: Mapping[Key, Metadata],
        version: Version,
    ) -> None:
        if not value:
            self.updates.batch.writes[space, key] = None
            self.updates.deletions[space, key] = version
            return
        entry = self._lookup(space, key)
        kept = metadata.get(key)
        if kept is None:
            kept = entry.metadata if entry else ()
        self.updates.batch.writes[space, key] = Entry(value, version, kept)

    def _put_metadata(self, space: Space, key: Key, metadata: Metadata, version: Version) -> None:
        entry = self._lookup(space, key)
        # Metadata of a key that does not exist is dropped (batch_preparer / tx_ops.go).
        if entry is not None:
            self.updates.batch.writes[space, key] = Entry(entry.value, version, metadata)
